"""Feature terms through the whole step: learning, adapters, what is refused."""

from pathlib import Path

import pytest
import torch
from torch import nn

from gancompress.distillation.features import Networks
from gancompress.distillation.terms import TERMS
from gancompress.errors import RecipeError
from gancompress.metrics.feature_network import FeatureNetwork, open_network
from gancompress.metrics.features import network_extractor
from tests.unit.distillation.small import Generator, Made, run


class Convolutions(nn.Module):
    """Two convolutions over 0…255 images."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Conv2d(3, 4, 3)
        self.second = nn.Conv2d(4, 6, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.second(self.first(x / 255).relu()).mean((2, 3)), None


def extractor() -> object:
    return network_extractor("looker", Convolutions(), size=8, channels=3, taps=("first", "second"))


TAPPED_TERMS = [name for name, term in TERMS.items() if "taps" in term.needs]
NETWORK_TERMS = [name for name, term in TERMS.items() if "feature_network" in term.needs]

NETWORKS = {
    name: FeatureNetwork(extractor(), ("first", "second"))  # type: ignore[arg-type]
    for name in NETWORK_TERMS
}


def values(events: list, name: str) -> list[float]:  # type: ignore[type-arg]
    return [event[name] for event in events if name in event]


@pytest.mark.parametrize("term", [*TAPPED_TERMS, *NETWORK_TERMS])
def test_overfitting_one_batch_brings_a_feature_term_near_its_optimum(
    term: str, tmp_path: Path
) -> None:
    teacher = Generator(8, seed=1)
    events: list[dict[str, float]] = []
    run(
        tmp_path, {term: 1.0}, events=events, networks=Networks(teacher, features=NETWORKS),
        source=Made(teacher, batch_size=4, size=4), student=Generator(24), subnets="largest",
        steps=200, learning_rate=5e-3,
        schedule="cosine", logger={"log_every": 10},
    )  # fmt: skip
    found = values(events, f"{term}.largest")
    optimum = -1.0 if term == "kernel_alignment" else 0.0
    assert found[-1] - optimum < 0.1 * (found[0] - optimum)


def test_every_feature_term_moves_the_smallest_subnet_too(tmp_path: Path) -> None:
    teacher = Generator(8, seed=1)
    events: list[dict[str, float]] = []
    terms = dict.fromkeys([*TAPPED_TERMS, *NETWORK_TERMS], 1.0)
    run(
        tmp_path, terms, events=events, networks=Networks(teacher, features=NETWORKS), steps=24,
        learning_rate=5e-3,
    )  # fmt: skip
    for term in terms:
        found = values(events, f"{term}.smallest")
        assert found[-1] < found[0]


def test_the_matched_taps_are_logged(tmp_path: Path) -> None:
    events: list[dict[str, object]] = []
    run(
        tmp_path,
        {"kernel_alignment": 1.0},
        events=events,
        networks=Networks(Generator(12, seed=1)),
        steps=2,
    )
    told = [event["taps"] for event in events if "taps" in event]
    assert told == [
        {"kernel_alignment": ["up1 (8×4×4) = up1 (12×4×4)", "up2 (8×8×8) = up2 (12×8×8)"]}
    ]


def test_adapters_learn_and_are_part_of_the_checkpoint(tmp_path: Path) -> None:
    teacher = Generator(12, seed=1)
    run(tmp_path, {"adapted": 1.0}, networks=Networks(teacher), steps=2)
    early = torch.load(tmp_path / "distill.pt", weights_only=True)["state"]["adapters"]
    assert early["adapted_0_weight"].shape == (12, 8)
    (tmp_path / "more").mkdir()
    run(tmp_path / "more", {"adapted": 1.0}, networks=Networks(teacher), steps=4)
    late = torch.load(tmp_path / "more" / "distill.pt", weights_only=True)["state"]["adapters"]
    for name, value in early.items():
        assert not torch.equal(late[name], value)


def test_resuming_with_adapters_equals_not_stopping(tmp_path: Path) -> None:
    terms = {"adapted": 1.0, "latent_directions": 1.0, "l1": 1.0}
    (tmp_path / "parts").mkdir()
    teacher = Generator(12, seed=1)
    whole = run(tmp_path, terms, networks=Networks(teacher), steps=6)

    def stops(event: dict[str, object]) -> None:
        if event["step"] == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run(tmp_path / "parts", terms, networks=Networks(teacher), steps=6, logger={"log": stops})
    resumed = run(tmp_path / "parts", terms, networks=Networks(teacher), steps=6)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("term", TAPPED_TERMS)
def test_a_black_box_is_refused_where_a_term_needs_its_maps(term: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=f"{term}: compare features inside.*black box"):
        run(tmp_path, {term: 1.0})


def test_a_network_term_without_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"distill\.terms\.style\.network: missing"):
        run(tmp_path, {"style": 1.0})


def test_an_extractor_without_maps_is_refused() -> None:
    with pytest.raises(RecipeError, match="no submodule 'third'; name some of first, second"):
        open_network(
            "distill.terms.style",
            "tests.unit.distillation.test_features:extractor",
            ("third",),
            "cpu",
        )


def test_terms_of_one_network_share_its_pass(tmp_path: Path) -> None:
    network = FeatureNetwork(extractor(), ("first",))  # type: ignore[arg-type]
    passes = []
    network.extractor.network.register_forward_hook(lambda *_: passes.append(1))
    shared = {"perceptual": network, "style": network}
    run(
        tmp_path,
        {"perceptual": 1.0, "style": 1.0},
        networks=Networks(features=shared),
        steps=1,
        subnets="largest",
    )
    assert len(passes) == 2  # the student's images and the teacher's
