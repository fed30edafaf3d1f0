"""Warnings, in plain language, where the losses of a training look wrong."""

from collections.abc import Callable, Mapping

from tqdm import tqdm

# A discriminator's loss below which it tells every image apart, by loss; where it cannot tell any
# apart the loss is 2, 2 log 2 and 1/2. The Wasserstein loss has no such scale.
SATURATED = {"hinge": 0.05, "bce": 0.05, "least_squares": 0.02}

# Steps without warnings at the start of a training.
WARM_UP = 200

# What looks wrong in an event of the log, by kind.
FindWarnings = Callable[[Mapping[str, object]], Mapping[str, str]]


class WarningLogger:
    """Logs every event, and a warning, once of each kind, where it looks wrong.

    Args:
        find_warnings: finds what looks wrong.
        log: takes every event, and one more with a ``warning`` for each of them.
        show: writes a line to the terminal.
        title: of the training.
    """

    def __init__(
        self,
        find_warnings: FindWarnings,
        log: Callable[[Mapping[str, object]], None],
        show: Callable[[str], None],
        title: str,
    ) -> None:
        self._find_warnings = find_warnings
        self._log = log
        self._show = show
        self._title = title
        self._given: set[str] = set()

    def __call__(self, event: Mapping[str, object]) -> None:
        """Log ``event`` (see :func:`~gancompress.training.engine.fit`) and what looks wrong."""
        self._log(event)
        step = event["step"]
        assert isinstance(step, int)
        if step >= WARM_UP:
            for kind, text in self._find_warnings(event).items():
                if kind not in self._given:
                    self._given.add(kind)
                    self.warn(step, text)

    def warn(self, step: int, text: str) -> None:
        """Log and show one line."""
        self._log({"step": step, "warning": text})
        self._show(f"{self._title}, step {step}: {text}")


def console(main_process: bool) -> Callable[[str], None]:
    """Writes a line to the terminal, above a progress bar; of several processes only one does."""
    return tqdm.write if main_process else lambda text: None


def numbers(event: Mapping[str, object]) -> dict[str, float]:
    """The losses of an event by name."""
    return {name: value for name, value in event.items() if isinstance(value, float)}
