import sys
import time

import pytest
import torch
from torch import nn

from gancompress.batch import Input
from gancompress.errors import MetricError, MissingPackageError
from gancompress.metrics.latency import (
    eager_run,
    onnx_run,
    openvino_run,
    time_pair,
    time_run,
)
from gancompress.metrics.threads import pinned_threads


class Clock:
    """Stands still but for what is said to take time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("time.perf_counter", found)
    return found


class _Sleeper:
    """Takes a set time by ``clock``, and notes when it is called."""

    def __init__(self, seconds: float, calls: list[float], clock: Clock) -> None:
        self.seconds, self.calls, self.clock = seconds, calls, clock

    def __call__(self) -> None:
        self.calls.append(self.seconds)
        self.clock.now += self.seconds


class _Generator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 12)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.layer(z).view(-1, 3, 2, 2)


INPUTS = {"z": Input("normal", (4,))}


def test_median_lies_between_its_quartiles_and_warm_up_is_not_timed(clock: Clock) -> None:
    taken = iter([9.0] * 3 + [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])

    def run() -> None:
        clock.now += next(taken, 0.0)  # memory is measured in further calls

    found = time_run(run, warmup=3, repeats=7)
    assert (found.low, found.median, found.high) == pytest.approx((2.5, 4.0, 5.5))
    assert found.repeats == 7


def test_pairs_alternate_and_turn_around(clock: Clock) -> None:
    calls: list[float] = []
    slow, fast = _Sleeper(4.0, calls, clock), _Sleeper(1.0, calls, clock)
    found = time_pair(slow, fast, warmup=0, repeats=4)
    assert calls[:8] == [4.0, 1.0, 1.0, 4.0, 4.0, 1.0, 1.0, 4.0]
    assert found.low == found.speedup == found.high == pytest.approx(4.0)


def test_a_noisy_machine_cancels_out_of_a_pair(clock: Clock) -> None:
    ticks = iter(1.0 + 9.0 * (i // 2 % 2) for i in range(1000))

    def noisy() -> None:
        clock.now += next(ticks)

    found = time_pair(noisy, noisy, warmup=0, repeats=20)
    assert found.speedup == pytest.approx(1.0)


@pytest.mark.parametrize(("time_it", "repeats"), [(time_run, 0), (time_pair, 1)])
def test_too_few_repeats_are_refused(time_it, repeats: int) -> None:  # type: ignore[no-untyped-def]
    runs = [lambda: None] * (2 if time_it is time_pair else 1)
    with pytest.raises(MetricError, match="repeats"):
        time_it(*runs, warmup=0, repeats=repeats)


def test_peak_memory_sees_what_a_call_takes() -> None:
    def hungry() -> None:
        torch.ones(64 * 2**20 // 4).add(1.0).sum()
        time.sleep(0.02)

    found = time_run(hungry, warmup=0, repeats=1)
    if found.peak_bytes is None:
        pytest.skip("the system does not tell")
    assert found.peak_bytes > 32 * 2**20


def test_threads_are_pinned_inside_the_block_only() -> None:
    before = torch.get_num_threads()
    with pinned_threads(1):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_eager_run_calls_the_module_with_its_batch() -> None:
    module = _Generator()
    output = eager_run(module, {"z": torch.zeros(5, 4)})()
    assert isinstance(output, torch.Tensor) and output.shape == (5, 3, 2, 2)


@pytest.mark.parametrize(
    ("package", "run"), [("onnxruntime", onnx_run), ("openvino", openvino_run)]
)
def test_a_missing_runtime_says_what_to_install(package, run, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match="pip install"):
        run("g.onnx", {}, threads=1)
