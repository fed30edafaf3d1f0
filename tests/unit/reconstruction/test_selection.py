"""Channels in the order of a greedy selection."""

import torch
from torch import Tensor, nn

import gancompress as gc
from gancompress.reconstruction import gather
from gancompress.reconstruction.selection import selection_scores
from gancompress.supernet import Supernet
from gancompress.supernet.importance import sort_channels, weight_scores
from tests.unit.reconstruction.test_reconstruct import Residual, distance, images


class Redundant(nn.Module):
    """Half of the hidden channels are copies of the other half, and large."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 5, 3, padding=1)
        with torch.no_grad():
            self.first.weight[8:] = self.first.weight[:8]
            self.first.bias[8:] = self.first.bias[:8]
            # Copies in pairs, so that weights alone do not tell them.
            self.first.weight[:4] *= 2
            self.first.weight[8:12] *= 2

    def forward(self, image: Tensor) -> Tensor:
        return self.last(torch.relu(self.first(image)))  # type: ignore[no-any-return]


def test_copies_are_taken_last() -> None:
    torch.manual_seed(0)
    net, given = Redundant(), images()
    supernet = Supernet(net, {"image": given[:1]})
    scores = selection_scores(gather(supernet, [{"image": given}]))
    (order,) = [(-score).argsort() for score in scores.values()]
    assert sorted(channel % 8 for channel in order[:8].tolist()) == list(range(8))


def test_prefix_is_better_than_by_weights() -> None:
    torch.manual_seed(0)
    net, given = Redundant(), images()
    errors = {}
    for name in ("weights", "selection"):
        supernet = Supernet(net, {"image": given[:1]})
        gathered = gather(supernet, [{"image": given}])
        scores = weight_scores(supernet) if name == "weights" else selection_scores(gathered)
        sort_channels(supernet, scores)
        subnet = supernet.space.uniform(0.5)
        made = gather(supernet, [{"image": given}]).module(subnet)
        errors[name] = distance(made, net, given)
    assert errors["selection"] < 0.5 * errors["weights"]


def test_every_elastic_group_gets_an_order_of_all_its_channels() -> None:
    torch.manual_seed(0)
    given = images()
    supernet = Supernet(Residual().eval(), {"image": given[:1]})
    scores = selection_scores(gather(supernet, [{"image": given}]))
    elastic = {group.name for group in supernet.groups if group.pinned is None}
    assert set(scores) == elastic
    assert all(sorted(s.tolist()) == list(range(1, len(s) + 1)) for s in scores.values())


def test_public_sorting_may_be_greedy() -> None:
    torch.manual_seed(0)
    net, given = Redundant(), images()
    before = net(given).detach()
    supernet = Supernet(net, {"image": given[:1]})
    gc.sort_channels(supernet, [{"image": given}], greedy=True)
    torch.testing.assert_close(net(given).detach(), before, rtol=1e-4, atol=1e-5)
    leading = net.first.weight.detach()[:8].flatten(1)
    assert float(torch.cdist(leading, leading).fill_diagonal_(1.0).min()) > 1e-3
