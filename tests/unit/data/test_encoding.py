"""How inputs are stored: rounding happens once, and is what the store gives back."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gancompress.batch import Input, example_inputs
from gancompress.data.encoding import (
    decode_inputs,
    decode_output,
    encode_inputs,
    encode_output,
)
from gancompress.errors import DataError

ENTRIES = [
    Input("normal", (5,)),
    Input("uniform", (2, 3), 0.0, 4.0),
    Input("one_hot", (7,)),
    Input("one_hot", (300,)),
    Input("image", (3, 4, 6)),
    Input("image", (1, 4, 4), 0.0, 255.0),
    Input("label_map", (11, 3, 5)),
]


@settings(max_examples=30, deadline=None)
@given(
    entries=st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=4),
    n=st.integers(1, 4),
    half=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_storing_again_changes_nothing(entries: list[Input], n: int, half: bool, seed: int) -> None:
    spec = {f"input_{number}": entry for number, entry in enumerate(entries)}
    batch = example_inputs(spec, n, seed)
    latents = "float16" if half else "float32"
    once = decode_inputs(spec, encode_inputs(spec, batch, latents))
    twice = decode_inputs(spec, encode_inputs(spec, once, latents))
    for name, entry in spec.items():
        assert torch.equal(once[name], twice[name])
        step = (entry.high - entry.low) / 255 if entry.kind == "image" else 4e-3 if half else 0.0
        assert torch.allclose(once[name], batch[name], atol=step, rtol=0)


def test_label_maps_are_packed_to_bits() -> None:
    spec = {"label_map": Input("label_map", (36, 8, 8))}
    stored = encode_inputs(spec, example_inputs(spec), "float32")
    assert stored["label_map"].shape == (2, 5, 8, 8)
    assert stored["label_map"].dtype == torch.uint8


def test_images_of_another_size_are_taken() -> None:
    spec = {"image": Input("image", (3, 8, 8))}
    batch = {"image": torch.zeros(1, 3, 5, 9)}
    assert encode_inputs(spec, batch, "float32")["image"].shape == (1, 3, 5, 9)


@pytest.mark.parametrize("value", [torch.zeros(2, 4), torch.zeros(2, 5, 1), None])
def test_input_of_another_shape_is_refused_by_name(value: torch.Tensor | None) -> None:
    batch = {} if value is None else {"z": value}
    with pytest.raises(DataError, match="input z: expected"):
        encode_inputs({"z": Input("normal", (5,))}, batch, "float32")


def test_soft_label_map_is_refused() -> None:
    spec = {"label_map": Input("label_map", (2, 2, 2))}
    with pytest.raises(DataError, match="zeros and ones"):
        encode_inputs(spec, {"label_map": torch.full((1, 2, 2, 2), 0.5)}, "float32")


def test_outputs_come_back_as_they_were_up_to_the_rounding_of_their_format() -> None:
    images, scores = torch.rand(4, 3, 5, 5) * 2 - 1, torch.randn(4, 9) * 10
    restored = decode_output(encode_output(images, "uint8"))
    assert restored.dtype == torch.float32
    assert float((restored - images).abs().max()) <= 1 / 255 + 1e-6
    assert torch.equal(decode_output(encode_output(scores, "float32")), scores)
