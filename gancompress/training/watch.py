"""Saying in plain language where a training looks wrong."""

from collections.abc import Callable, Mapping

from tqdm import tqdm

# A discriminator's loss below which it tells every image apart, by loss; its loss at a coin's
# toss is 2, 2 log 2 and 1/2. The Wasserstein loss has no such scale.
SATURATED = {"hinge": 0.05, "bce": 0.05, "least_squares": 0.02}

# Steps in which anything may still look wrong.
PATIENCE = 200

# What looks wrong in an event of the log, by kind.
Remarks = Callable[[Mapping[str, object]], Mapping[str, str]]


class Watch:
    """Reads every event of the log and remarks, once each, on what looks wrong.

    Args:
        remarks: finds it.
        log: takes every event, and one more with a ``remark`` for each remark.
        say: shows a line to the person who waits.
        title: of the training.
    """

    def __init__(
        self,
        remarks: Remarks,
        log: Callable[[Mapping[str, object]], None],
        say: Callable[[str], None],
        title: str,
    ) -> None:
        self._remarks = remarks
        self._log = log
        self._say = say
        self._title = title
        self._said: set[str] = set()

    def __call__(self, event: Mapping[str, object]) -> None:
        """Log ``event`` (see :func:`gancompress.training.engine.fit`) and remark on it."""
        self._log(event)
        step = event["step"]
        assert isinstance(step, int)
        if step >= PATIENCE:
            for kind, text in self._remarks(event).items():
                if kind not in self._said:
                    self._said.add(kind)
                    self.tell(step, text)

    def tell(self, step: int, text: str) -> None:
        """Log and show one line of plain language."""
        self._log({"step": step, "remark": text})
        self._say(f"{self._title}, step {step}: {text}")


def voice(main_process: bool) -> Callable[[str], None]:
    """What shows a line to the person who waits: of several processes only one does."""
    return tqdm.write if main_process else lambda text: None


def numbers(event: Mapping[str, object]) -> dict[str, float]:
    """The losses of an event by name."""
    return {name: value for name, value in event.items() if isinstance(value, float)}
