"""Says at the end what was tried, all processes together."""

from typing import Any

import pytest

from tests.robustness.outcome import TRIED


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tried"] = dict(TRIED)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    TRIED.update(getattr(node, "workeroutput", {}).get("tried", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried = ", ".join(f"{count:,} {what}" for what, count in sorted(TRIED.items()))
    terminalreporter.write_line(f"tried: {tried or 'nothing'}")
