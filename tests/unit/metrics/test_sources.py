import pytest
import torch

from gancompress.batch import Batch, Input
from gancompress.errors import MetricError
from gancompress.metrics.sources import generated

SPEC = {"z": Input("normal", (6,)), "c": Input("one_hot", (3,))}


def _paint(batch: Batch) -> torch.Tensor:
    return torch.cat([batch["z"], batch["c"]], 1)[:, :, None, None].expand(-1, 9, 8, 8)[:, :3] / 3


def test_image_i_is_the_same_in_any_batch() -> None:
    source = generated(_paint, SPEC, count=10, seed=1, fingerprint="g")
    whole = source.batch(range(10))
    assert torch.equal(source.batch([7, 2]), whole[[7, 2]])
    assert whole.dtype == torch.uint8


def test_another_seed_gives_other_images() -> None:
    first, second = (generated(_paint, SPEC, count=4, seed=s, fingerprint="g") for s in (0, 1))
    assert not torch.equal(first.batch(range(4)), second.batch(range(4)))


def test_labels_are_the_classes_that_were_asked_for() -> None:
    asked: list[torch.Tensor] = []

    def paint(batch: Batch) -> torch.Tensor:
        asked.append(batch["c"].argmax(1))
        return _paint(batch)

    source = generated(paint, SPEC, count=7, seed=0, fingerprint="g")
    source.batch(range(7))
    assert source.labels is not None and torch.equal(source.labels, asked[0])


def test_inputs_may_come_from_data() -> None:
    source = generated(
        lambda batch: batch["image"],
        {"image": Input("image", (3, 4, 4))},
        count=3,
        seed=5,
        fingerprint="g",
        sample=lambda indices, seed: {"image": torch.full((len(indices), 3, 4, 4), seed / 5 - 1.0)},
    )
    assert source.batch([0, 1]).eq(128).all()


@pytest.mark.parametrize(
    ("paint", "reason"),
    [
        (lambda batch: batch["z"], r"need images \(N, C, H, W\)"),
        (lambda batch: torch.zeros(1, 3, 4, 4), "for 2 samples"),
        (lambda batch: torch.full((2, 3, 4, 4), torch.nan), "diverged"),
    ],
)
def test_generators_that_paint_no_images_are_refused(paint, reason) -> None:  # type: ignore[no-untyped-def]
    source = generated(paint, SPEC, count=2, seed=0, fingerprint="g")
    with pytest.raises(MetricError, match=reason):
        source.batch([0, 1])
