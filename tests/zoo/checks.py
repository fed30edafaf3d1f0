"""What must hold of every supernet, whatever the network."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from gancompress.supernet import Cost, Subnet, Supernet
from gancompress.supernet.importance import sort_channels, weight_scores

Batch = dict[str, Tensor]


def check_supernet(module: nn.Module, batch: Batch, seed: int = 0, **options: object) -> Supernet:
    """Convert ``module`` and check a subnet of it, in double precision: rounding hides nothing."""
    module = module.double().eval()
    batch = {k: v.double() if v.is_floating_point() else v for k, v in batch.items()}
    supernet = Supernet(module, batch, **options)
    subnet = supernet.space.sample(np.random.default_rng(seed))
    small = supernet.extract(subnet)
    check_extraction(supernet, small, subnet, batch)
    check_cost(supernet.cost_model.cost(subnet), small, batch)
    check_importance_order(supernet, batch)
    return supernet


def check_extraction(supernet: Supernet, small: nn.Module, subnet: Subnet, batch: Batch) -> None:
    """The extracted module is the supernet at the subnet, in evaluation and in training."""
    for training in (False, True):
        supernet.train(training)
        small.train(training)
        with torch.no_grad():
            torch.manual_seed(1)
            expected = supernet(**batch, subnet=subnet)
            torch.manual_seed(1)
            actual = small(**batch)
        assert (actual - expected).abs().max() <= 1e-5 * expected.abs().max()
    supernet.eval()
    small.eval()


def check_cost(cost: Cost, small: nn.Module, batch: Batch) -> None:
    """The formula gives what is counted when the extracted module runs on one sample."""
    # Frozen, because the counter's module tracker trips over parameters under no_grad.
    small.requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        small(**{name: value[:1] for name, value in batch.items()})
    assert cost.macs == counter.get_total_flops() // 2
    assert cost.params == sum(p.numel() for p in small.parameters())


def check_importance_order(supernet: Supernet, batch: Batch) -> None:
    """Sorting channels leaves the function as it is."""
    with torch.no_grad():
        before = supernet(**batch)
        sort_channels(supernet, weight_scores(supernet))
        after = supernet(**batch)
    assert (after - before).abs().max() <= 1e-5 * before.abs().max()


def elastic_share(supernet: Supernet) -> float:
    """The share of parameters of which narrower subnets have fewer."""
    elastic = {i for i, group in enumerate(supernet.groups) if group.pinned is None}
    counts = {True: 0, False: 0}
    for name, parameter in supernet.module.named_parameters():
        axes = [axis for axis in supernet.graph.axes[name] if axis is not None]
        counts[any(elastic & set(axis.members.tolist()) for axis in axes)] += parameter.numel()
    return counts[True] / (counts[True] + counts[False])


def elastic_macs(supernet: Supernet) -> float:
    """The share of multiply-adds that are in layers of which narrower subnets execute fewer."""
    model, space = supernet.cost_model, supernet.space
    pairs = list(zip(model.layers(space.smallest), model.layers(space.largest), strict=True))
    return sum(b.macs for a, b in pairs if a.macs < b.macs) / sum(b.macs for _, b in pairs)
