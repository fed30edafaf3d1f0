"""Batches and input specifications."""

from unittest.mock import Mock

import numpy as np
import pytest
import torch

from gancompress.batch import (
    Input,
    Kind,
    concatenate,
    draw_inputs,
    example_inputs,
    onto,
    rows,
    spec_from_json,
    spec_to_json,
)
from gancompress.errors import DataError

SPEC = {
    "z": Input("normal", (5,)),
    "t": Input("truncated_normal", (400,), -0.5, 0.5),
    "u": Input("uniform", (400,), 2.0, 3.0),
    "c": Input("one_hot", (3,)),
}


def test_a_sample_does_not_depend_on_its_batch() -> None:
    together = draw_inputs(SPEC, [4, 5, 6], seed=1)
    alone = draw_inputs(SPEC, [5], seed=1)
    for name in SPEC:
        assert torch.equal(together[name][1:2], alone[name])
    assert not torch.equal(draw_inputs(SPEC, [5], seed=2)["z"], alone["z"])


def test_distributions_are_what_their_kinds_say() -> None:
    batch = draw_inputs(SPEC, range(50), seed=0)
    assert abs(float(batch["z"].mean())) < 0.3
    assert float(batch["t"].abs().max()) <= 0.5
    assert float(batch["u"].min()) >= 2.0
    assert float(batch["u"].max()) < 3.0
    assert batch["c"].sum(1).eq(1).all()


def test_consecutive_samples_are_balanced_over_the_classes() -> None:
    labels = draw_inputs(SPEC, range(7, 16), seed=0)["c"].argmax(1)
    assert torch.bincount(labels).tolist() == [3, 3, 3]
    assert draw_inputs(SPEC, [7], seed=0, labels=[2])["c"].argmax() == 2


def test_images_cannot_be_drawn_but_have_examples() -> None:
    spec = {"image": Input("image", (3, 4, 6)), "label_map": Input("label_map", (5, 4, 6))}
    with pytest.raises(DataError, match="image, label_map"):
        draw_inputs(spec, [0], seed=0)
    batch = example_inputs(spec, 2)
    assert batch["image"].shape == (2, 3, 4, 6)
    assert batch["label_map"].sum(1).eq(1).all()


def test_a_specification_round_trips_through_json() -> None:
    assert spec_from_json(spec_to_json(SPEC)) == SPEC


def test_batches_are_cut_and_joined() -> None:
    batch = draw_inputs(SPEC, range(6), seed=0)
    parts = [rows(batch, slice(0, 2)), rows(batch, np.arange(2, 6).tolist())]
    for name, value in concatenate(parts).items():
        assert torch.equal(value, batch[name])


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DataError, match="expected one of normal"):
        Input("gaussian", (3,))  # type: ignore[arg-type]


def test_classes_are_drawn_as_often_as_their_shares_say_in_any_stretch() -> None:
    spec = {"c": Input("one_hot", (3,), shares=(1, 0, 3))}
    for first in (0, 1_000_003):
        drawn = draw_inputs(spec, range(first, first + 40), 0)["c"]
        assert drawn.sum(0).tolist() == pytest.approx([10, 0, 30], abs=2)
    # A sample's class does not depend on what else is drawn.
    assert torch.equal(draw_inputs(spec, [7], 0)["c"][0], draw_inputs(spec, range(9), 0)["c"][7])
    assert spec_from_json(spec_to_json(spec)) == spec
    assert "shares" not in spec_to_json({"c": Input("one_hot", (3,))})["c"]


@pytest.mark.parametrize(
    ("kind", "shares"), [("one_hot", (1, 1)), ("one_hot", (1, -1, 1)), ("normal", (1, 1, 1))]
)
def test_shares_that_do_not_fit_are_refused(kind: Kind, shares: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="class shares"):
        Input(kind, (3,), shares=shares)


@pytest.mark.parametrize(("device", "waits"), [("cuda:1", False), ("cpu", True), ("mps", True)])
def test_a_copy_to_a_gpu_waits_for_nothing_that_it_has_yet_to_do(device: str, waits: bool) -> None:
    value = Mock(spec=torch.Tensor)
    onto(value, torch.device(device))
    value.to.assert_called_once_with(torch.device(device), non_blocking=not waits)
