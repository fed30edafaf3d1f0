"""Maps of a frozen teacher that are kept: the same numbers, fewer passes, exact resumption."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gancompress.distillation.kept_maps import KeptMaps
from gancompress.distillation.objective import NETWORK_TERMS, TAPPED_TERMS
from tests.unit.distillation.small import Generator, Made, run
from tests.unit.distillation.test_features import NETWORKS

TERMS = dict.fromkeys([*TAPPED_TERMS, *NETWORK_TERMS], 1.0)

# Of a pair: 8 channels of 4×4 and 8×8 inside the teacher, and for each of the two terms with a
# network 4×6×6 and 6×4×4.
BYTES = 4 * (8 * 16 + 8 * 64 + 2 * (4 * 36 + 6 * 16))


class Convolutional(nn.Module):
    """Latents to images by convolutions alone.

    In channels last a CPU computes each sample by itself. Linear layers, and small convolutions in
    the other order, round by the number of samples.
    """

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.up1 = nn.Sequential(nn.ConvTranspose2d(6, width, 4), nn.ReLU())
        self.up2 = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(width, width, 3, padding=1))
        self.image = nn.Sequential(nn.Conv2d(width, 3, 3, padding=1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        image: Tensor = self.image(self.up2(self.up1(z[:, :, None, None])))
        return image


def passes_of(teacher: nn.Module) -> list[int]:
    """The batch sizes that ``teacher`` runs on, as long as the list lives."""
    sizes: list[int] = []
    teacher.register_forward_hook(lambda _module, _inputs, output: sizes.append(len(output)))
    return sizes


def trained(folder: Path, teacher: nn.Module, cache: int, **changes: Any) -> dict[str, Tensor]:
    folder.mkdir(exist_ok=True)
    module = run(
        folder, changes.pop("terms", TERMS), teacher=teacher, networks=NETWORKS, cache=cache,
        source=Made(teacher, batch_size=6, size=12), **changes,
    )  # fmt: skip
    return module.state_dict()


@pytest.mark.parametrize("cache", [BYTES * 12, BYTES * 5])
def test_the_student_is_bit_for_bit_that_of_looking_anew(cache: int, tmp_path: Path) -> None:
    teacher = Convolutional(8, seed=1).to(memory_format=torch.channels_last)
    anew = trained(tmp_path / "anew", teacher, 0, accumulate=2)
    kept = trained(tmp_path / "kept", teacher, cache, accumulate=2)
    for name, value in anew.items():
        assert torch.equal(kept[name], value), name


def test_a_teacher_that_rounds_by_the_batch_gives_the_same_student_but_for_that(
    tmp_path: Path,
) -> None:
    teacher = Generator(8, seed=1)
    anew = trained(tmp_path / "anew", teacher, 0)
    kept = trained(tmp_path / "kept", teacher, BYTES * 12)
    for name, value in anew.items():
        torch.testing.assert_close(kept[name], value, rtol=0, atol=1e-4)


def test_a_kept_pair_is_looked_at_once_and_the_others_in_every_step(tmp_path: Path) -> None:
    teacher = Generator(8, seed=1)
    terms = {"adapted": 1.0, "kernel_alignment": 1.0}
    inside = 4 * (8 * 16 + 8 * 64)
    for fit in (12, 5, 0):
        sizes = passes_of(teacher)
        trained(tmp_path / str(fit), teacher, inside * fit + 7, terms=terms, steps=6)
        # Six steps of six are three epochs of twelve. Before them: the pairs that were made, one
        # pass a term for its taps, and one pair to see how much memory it takes.
        del sizes[:4]
        assert sum(sizes) == fit + 3 * (12 - fit)
        assert sizes.count(1) >= fit


def test_how_many_pairs_fit_is_told_once(tmp_path: Path) -> None:
    events: list[Any] = []
    trained(tmp_path / "run", Generator(8, seed=1), BYTES * 5, events=events)
    told = [event["event"] for event in events if "event" in event]
    seen = "what terms see of the teacher, 0.00448 MB a pair"
    assert told == [f"{seen}, is kept for 5 of 12 pairs"]


def test_resuming_without_what_was_kept_equals_not_stopping(tmp_path: Path) -> None:
    teacher = Generator(8, seed=1)
    whole = trained(tmp_path / "whole", teacher, BYTES * 5)

    def stops(event: dict[str, Any]) -> None:
        if event["step"] == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        trained(tmp_path / "parts", teacher, BYTES * 5, log=stops)
    resumed = trained(tmp_path / "parts", teacher, BYTES * 5)
    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name


def test_what_is_kept_is_as_large_as_it_says() -> None:
    kept = KeptMaps(1)
    whole = torch.zeros(1, 4, 100)
    found = kept([0], lambda rows: {(None, "a"): whole[:, :, :2]})
    again = kept([0], lambda rows: {})
    assert torch.equal(found[None, "a"], again[None, "a"])
    (stored,) = kept._kept[0].values()
    assert stored.untyped_storage().nbytes() == 4 * 4 * 2
