"""What was measured elsewhere: read strictly, kept by name, predicted from."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from gancompress.architecture_search.budget import Budget
from gancompress.architecture_search.front import Candidate, Front
from gancompress.architecture_search.latency_predictor import subnets_to_time
from gancompress.assemble.devices import (
    Device,
    DeviceClock,
    check_name,
    devices_of,
    keep_device,
    load_device,
    network_id,
    read_results,
)
from gancompress.batch import Input
from gancompress.errors import MetricError, RunError
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student
from gancompress.supernet import Subnet, Supernet


@pytest.fixture(scope="module")
def supernet() -> Supernet:
    layers = [nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1)]
    return Supernet(nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(32, 3, 1)), torch.zeros(2, 3, 8, 8))


def lines(supernet: Supernet, form: str = "onnx", network: str = "net") -> list[str]:
    """A table of a device whose time is a constant and its MACs', but for a hundredth."""
    found = ["network,subnet,format,milliseconds,runtime,threads,machine"]
    for number, subnet in enumerate(subnets_to_time(supernet.space, supernet.cost_model, 10, 0)):
        taken = (0.5 + supernet.cost_model.cost(subnet).macs / 1e5) * (1 + number % 2 / 100)
        found.append(f"{network},{subnet.text},{form},{taken},toy 1,4,a phone")
    return found


def write(path: Path, text: list[str]) -> Path:
    path.write_text("\n".join(text) + "\n")
    return path


def read(supernet: Supernet, path: Path, form: str = "") -> Device:
    return read_results(path, "phone", form, supernet, "net")


def test_what_a_device_took_is_kept_and_found_by_its_name(supernet, tmp_path):
    device = read(supernet, write(tmp_path / "results.csv", lines(supernet)))
    assert device.told == "phone: onnx, toy 1, 4 threads, a phone"
    run = RunDir(tmp_path)
    keep_device(run, device)
    assert devices_of(run) == ["phone"]
    assert load_device(run, "phone", "net") == device
    predictor = DeviceClock.of(device, supernet).fitted
    middle = supernet.space.uniform(0.5)
    seconds = (0.5 + supernet.cost_model.cost(middle).macs / 1e5) / 1e3
    assert predictor(np.array([middle]))[0] == pytest.approx(seconds, rel=0.05)


def test_three_columns_of_another_program_are_enough(supernet, tmp_path):
    text = [",".join(line.split(",")[1:4]) for line in lines(supernet)]
    device = read(supernet, write(tmp_path / "results.csv", text))
    assert device.told == "phone: onnx"
    assert len(device.seconds) == 10


def test_of_a_subnet_that_was_timed_twice_the_lesser_time_counts(supernet, tmp_path):
    text = lines(supernet)
    text.append(text[1].replace(",toy 1", "9,toy 1"))
    device = read(supernet, write(tmp_path / "results.csv", text))
    assert device.seconds == read(supernet, write(tmp_path / "r.csv", text[:-1])).seconds


def test_of_several_formats_one_is_to_be_named(supernet, tmp_path):
    text = lines(supernet) + lines(supernet, "onnx-int8")[1:]
    path = write(tmp_path / "results.csv", text)
    with pytest.raises(MetricError, match="has onnx, onnx-int8; name one of them by --format"):
        read(supernet, path)
    assert read(supernet, path, "onnx-int8").format == "onnx-int8"
    with pytest.raises(MetricError, match="by --format"):
        read(supernet, path, "executorch")


BAD = {
    "another run's": (
        lambda t: [*t, "other,8_8,onnx,1,,,"],
        "row 12: measured for another",
    ),
    "of a stranger": (lambda t: [*t, "net,9_9,onnx,1,,,"], r"row 12: group \S+: width 9"),
    "of words": (lambda t: [*t, "net,a_b,onnx,1,,,"], "row 12: subnet 'a_b': expected widths"),
    "no number": (lambda t: [*t, "net,8_8,onnx,fast,,,"], "row 12: milliseconds 'fast'"),
    "negative": (lambda t: [*t, "net,8_8,onnx,-1,,,"], "row 12: milliseconds '-1'"),
    "not a number": (lambda t: [*t, "net,8_8,onnx,nan,,,"], "row 12: milliseconds 'nan'"),
    "too few": (lambda t: t[:4], "3 subnets in onnx; 8 at least"),
    "other columns": (lambda t: ["subnet,ms", "8_8,1"], "lacks format, milliseconds"),
    "empty": (lambda t: [], "lacks subnet, format, milliseconds"),
    "no rows": (lambda t: t[:1], "has no rows"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_table_that_cannot_be_used_is_refused_with_its_row(name, supernet, tmp_path):
    change, message = BAD[name]
    path = write(tmp_path / "results.csv", change(lines(supernet)))
    with pytest.raises(MetricError, match=message):
        read(supernet, path)


def test_what_is_no_text_is_refused(supernet, tmp_path):
    path = tmp_path / "results.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MetricError, match="cannot be read as CSV"):
        read(supernet, path)
    with pytest.raises(MetricError, match="cannot be read as CSV"):
        read(supernet, tmp_path / "nowhere.csv")


def test_an_unknown_device_is_refused_with_those_that_are_known(supernet, tmp_path):
    run = RunDir(tmp_path)
    with pytest.raises(RunError, match=r"no device 'tablet' \(known: none\)"):
        load_device(run, "tablet", "net")
    device = read(supernet, write(tmp_path / "results.csv", lines(supernet)))
    place = keep_device(run, device)
    with pytest.raises(RunError, match=r"no device 'tablet' \(known: phone\)"):
        load_device(run, "tablet", "net")
    with pytest.raises(RunError, match="measured for another network"):
        load_device(run, "phone", "other")
    for text in ("{", "[]", '{"seconds": 3}', "{}"):
        place.write_text(text)
        with pytest.raises(RunError, match="add the device again"):
            load_device(run, "phone", "net")


@pytest.mark.parametrize("name", ["", "../phone", ".hidden", "a b", "x" * 65])
def test_a_name_that_is_no_name_of_a_file_is_refused(name):
    with pytest.raises(RunError, match="device"):
        check_name(name)


def test_other_weights_are_the_same_network_and_other_widths_are_not(supernet):
    def named(width: int) -> str:
        student = Student(nn.Identity(), {"x": Input("normal", (width,))}, Architecture("toy"))
        return network_id(supernet, student)

    assert named(4) == named(4) != named(8)


def test_a_choice_by_prediction_says_so(supernet, tmp_path):
    device = read(supernet, write(tmp_path / "results.csv", lines(supernet)))
    clock = DeviceClock.of(device, supernet)
    timed = clock.fitted.measured
    widths = itertools.product(*supernet.space.choices)
    subnets = [next(s for s in map(Subnet, widths) if s not in timed), next(iter(timed))]
    seconds = clock.fitted(np.array(subnets))
    front = Front(
        {"paired": {"l1": "minimize"}},
        tuple(
            Candidate(subnet, False, {"macs": 1.0, "latency": float(s)}, {("paired", "l1"): q}, {})
            for subnet, s, q in zip(subnets, seconds, (1.0, 2.0), strict=True)
        ),
    )
    _, chosen, told = clock.best(front, Budget.parse(latency="1s"), {})
    assert chosen.subnet == subnets[0]
    assert told[0].startswith("Latency (phone: onnx, toy 1, 4 threads, a phone) predicted from 10")
    assert "ms predicted, not measured, on phone." in told[-1]
    tight = Budget.parse(latency=f"{seconds[0] * 1.0001}s")
    assert "It may be above the budget there" in clock.best(front, tight, {})[2][-1]
