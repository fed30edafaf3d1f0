"""The first screen of a report."""

from gancompress.assemble.headline import Figures, headline, lead
from gancompress.metrics.latency import PairedTiming, Timing


def _timing(seconds: float) -> Timing:
    return Timing(median=seconds, low=seconds, high=seconds, repeats=3, peak_bytes=0)


def test_the_times_of_the_speed_are_those_that_were_taken_in_turns() -> None:
    both = [Figures(name, 8, 8, None) for name in ("teacher", "student")]
    timed = PairedTiming(_timing(6e-3), _timing(2e-3), speedup=3.0, low=2.5, high=3.5)
    speed = headline(*both, timed)[1]
    assert speed.value == "3.0×"
    assert speed.note == "6.00 ms → 2.00 ms; 2.5 to 3.5× with 95 % confidence"


def test_a_similarity_is_told_with_the_value_of_equal_pictures() -> None:
    teacher = Figures("teacher", 8, 8, None)
    student = Figures("student", 1, 1, ("SSIM to teacher", 0.73, False))
    assert lead(teacher, student, 3.0).endswith(
        "SSIM to teacher: 0.73 (1: the same pictures; 0: nothing in common)."
    )
