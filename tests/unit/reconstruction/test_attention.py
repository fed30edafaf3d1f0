"""Solving for the projections of attention and for tables of classes."""

import pytest
import torch
from torch import Tensor, nn

from gancompress.reconstruction import LayerFit, gather, reconstruct
from gancompress.supernet import Supernet


class Tokens(nn.Module):
    """One block of a transformer over tokens, of a class."""

    def __init__(self, batch_first: bool, width: int = 64) -> None:
        super().__init__()
        self.first = nn.Linear(6, width)
        self.classes = nn.Embedding(10, width)
        self.attention = nn.MultiheadAttention(width, 4, batch_first=batch_first)
        self.norm = nn.LayerNorm(width)
        self.out = nn.Linear(width, 3)
        self.batch_first = batch_first

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        h = self.first(x) + self.classes(label)[:, None]
        h = h if self.batch_first else h.transpose(0, 1)
        h = h + self.attention(h, h, h, need_weights=False)[0]
        h = self.out(torch.relu(self.norm(h)))
        return h if self.batch_first else h.transpose(0, 1)  # type: ignore[no-any-return]


def inputs(count: int) -> dict[str, Tensor]:
    generator = torch.manual_seed(1)
    x = torch.randn(count, 5, 6, generator=generator)
    return {"x": x, "label": torch.randint(10, (count,), generator=generator)}


def distance(a: nn.Module, b: nn.Module, given: dict[str, Tensor]) -> float:
    with torch.no_grad():
        return float((a.eval()(**given) - b(**given)).square().mean().sqrt())


@pytest.mark.parametrize("batch_first", [True, False])
def test_attention_is_solved_for(batch_first: bool) -> None:
    torch.manual_seed(0)
    net, given = Tokens(batch_first).eval(), inputs(160)
    supernet = Supernet(net, {n: t[:2] for n, t in given.items()}, divisor=2)
    batches = [{n: t[i : i + 64] for n, t in given.items()} for i in (0, 64)]
    unseen = {n: t[128:] for n, t in given.items()}
    subnet, fits = supernet.space.uniform(0.5), list[LayerFit]()
    solved = reconstruct(supernet, subnet, batches, report=fits.append)
    assert not [fit for fit in fits if fit.reason]
    changed = {fit.name for fit in fits if fit.changed}
    assert {"attention.in_proj_weight", "attention.out_proj.weight"} <= changed
    cut = distance(supernet.extract(subnet), net, unseen)
    assert distance(solved, net, unseen) < 0.5 * cut
    assert distance(gather(supernet, batches).module(subnet), net, unseen) < 0.9 * cut
    full = reconstruct(supernet, supernet.space.largest, batches)
    assert distance(full, net, unseen) < 1e-5


def test_embedding_meets_what_the_other_term_of_a_sum_leaves() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 32), nn.Linear(32, 8)
            self.classes, self.c = nn.Embedding(5, 8), nn.Linear(8, 3)

        def forward(self, z: Tensor, label: Tensor) -> Tensor:
            h = self.b(torch.relu(self.a(z)))
            return self.c(h + self.classes(label))  # type: ignore[no-any-return]

    torch.manual_seed(0)
    # The class says which of four squares the latent lies in, as no linear layer can.
    net, z = Net().eval(), 3 * torch.randn(400, 4)
    given = {"z": z, "label": (z[:, 0] * z[:, 1] > 0) + 2 * (z[:, 2] * z[:, 3] > 0).long()}
    supernet = Supernet(net, {n: t[:2] for n, t in given.items()}, divisor=2)
    fits: list[LayerFit] = []
    reconstruct(supernet, supernet.space.smallest, [given], report=fits.append)
    (table,) = [fit for fit in fits if fit.kind == "embedding"]
    assert table.changed
    assert table.after < 0.97 * table.before


def test_a_table_of_very_many_numbers_keeps_its_weights_and_is_named() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.out = nn.Embedding(2000, 16), nn.Linear(16, 3)

        def forward(self, words: Tensor) -> Tensor:
            return self.out(self.words(words))  # type: ignore[no-any-return]

    net, words = Net().eval(), torch.arange(40).view(8, 5)
    supernet = Supernet(net, {"words": words[:2]}, divisor=2)
    fits: list[LayerFit] = []
    made = reconstruct(supernet, supernet.space.smallest, [{"words": words}], report=fits.append)
    assert [fit.name for fit in fits if fit.reason] == ["words.weight"]
    cut = supernet.extract(supernet.space.smallest)
    assert torch.equal(made.get_parameter("words.weight"), cut.get_parameter("words.weight"))
