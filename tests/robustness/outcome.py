"""What a hostile input may lead to: success, or one error of the program's own, within limits."""

import os
import random
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from gancompress.errors import GancompressError

# Inputs of each kind: a slice in `make test`, all of them in `make test-robustness`.
COUNT = int(os.environ.get("ROBUSTNESS_INPUTS", "8"))

# What was tried: hostile inputs, kills, damaged artefacts.
TRIED: Counter[str] = Counter()

# Of one input: seconds of the processor, seconds in which nothing but a hang passes, memory.
SECONDS, LATEST = 30, 600
BYTES = 2 * 2**30


@contextmanager
def limited() -> Iterator[None]:
    """Fail where the body takes longer than :data:`SECONDS` or :data:`BYTES` more memory."""
    TRIED["hostile inputs"] += 1

    def late(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"takes longer than {SECONDS} s of the processor, or hangs")

    signals = {signal.ITIMER_PROF: signal.SIGPROF, signal.ITIMER_REAL: signal.SIGALRM}
    before = {number: signal.signal(number, late) for number in signals.values()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, LATEST)
    try:
        yield
    finally:
        for timer, number in signals.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])
    taken = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
    assert taken < BYTES, f"takes {taken:,} bytes"


def outcome(read: Callable[[], object]) -> str:
    """The message of the error that ``read`` ends in; empty where it succeeds.

    Any other exception is a traceback that a user would see: it fails the test.
    """
    with limited():
        try:
            read()
        except GancompressError as error:
            assert str(error).strip(), "an error without a message"
            return str(error)
    return ""


def mutated(data: bytes, rng: random.Random) -> bytes:
    """``data`` with a few bytes changed, cut, doubled or put elsewhere."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if not found:
            break
        at = rng.randrange(len(found))
        size = rng.randint(1, min(64, len(found)))
        change = rng.randrange(6)
        if change == 0:
            found[at] = rng.randrange(256)
        elif change == 1:
            del found[at : at + size]
        elif change == 2:
            found[at:at] = found[at : at + size]
        elif change == 3:
            del found[at:]
        elif change == 4:
            found[at : at + size] = bytes(rng.randrange(256) for _ in range(size))
        else:
            found[at : at + 8] = rng.choice([b"\xff" * 8, b"\x00" * 8, b"\x7f" + b"\xff" * 7])
    return bytes(found)


# Values that no field expects.
ODD = [
    None, True, -1, 0, 2**31, 2**63, 10**30, -(10**30), 0.5, float("nan"), float("inf"), "", "x",
    "../../etc/passwd", "\x00", "ü" * 200, [], [[]], [None], {}, {"": {}}, [1, "x", None],
    "os:system", "9" * 5000,
]  # fmt: skip


def altered(value: object, rng: random.Random) -> object:
    """Plain data with something in it replaced, dropped or added."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        found = dict(value)
        key = rng.choice(list(found))
        action = rng.random()
        if action < 0.1:
            del found[key]
        elif action < 0.2:
            found[rng.choice(["", "x", "weight", "shape"])] = rng.choice(ODD)
        else:
            found[key] = altered(found[key], rng)
        return found
    if isinstance(value, list) and value and rng.random() < 0.7:
        found_list = list(value)
        at = rng.randrange(len(found_list))
        found_list[at] = altered(found_list[at], rng)
        return found_list
    return rng.choice(ODD)
