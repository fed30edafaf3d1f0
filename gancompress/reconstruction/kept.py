"""Which rows and outputs of the teacher's layers a subnet's layers are."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from gancompress.reconstruction.parameters import Origin
from gancompress.reconstruction.program import Site
from gancompress.supernet.slicing import cut_tensor, plan
from gancompress.supernet.space import Subnet
from gancompress.supernet.supernet import Supernet


@dataclass(frozen=True)
class Kept:
    """Places of a subnet's layer in the teacher's.

    Attributes:
        groups: (blocks,) of the teacher's blocks.
        rows: (blocks, rows) of the rows of each block, without the one for the bias.
        outputs: (channels,) of the teacher's output channels.
    """

    groups: Tensor
    rows: Tensor
    outputs: Tensor


class KeptElements:
    """For every parameter of a subnet which elements of the teacher's it is made of."""

    def __init__(self, supernet: Supernet, subnet: Subnet, full: Mapping[str, Tensor]) -> None:
        """``full``: the teacher's elements by :func:`numbers`, which serve every subnet."""
        widths = supernet.space.widths(supernet.groups, np.asarray(subnet, dtype=np.int64))
        self._cuts = plan(supernet.graph.axes, widths)
        self._full = full

    def small(self, site: Site) -> Site | None:
        """The subnet's form of a layer of the teacher, without values; None where the weight is
        not simply a parameter."""
        layer, origin = site.layer, site.weight
        full, weight = self._full[origin.name], layer.weight
        if weight is None or origin.view.shape != full.shape:
            return None
        shape = self._cut(origin.name).shape
        groups = layer.groups
        if groups > 1 and shape[1:2] == full.shape[1:2]:
            # Whole groups were removed.
            groups = groups * shape[0] // full.shape[0]
        bias = layer.bias
        if bias is not None and site.bias is not None:
            bias = bias.new_empty(self._cut(site.bias.name).shape)
        layer = replace(layer, weight=weight.new_empty(shape), bias=bias, groups=groups)
        view = torch.empty(shape, device="meta")
        return replace(site, layer=layer, weight=Origin(origin.name, view, origin.scale))

    def _cut(self, name: str) -> Tensor:
        return cut_tensor(self._full[name], self._cuts.get(name, ())).contiguous()

    def of(self, small: Site, large: Site) -> Kept:
        """Places of the subnet's layer ``small`` in ``large``, the same one of the teacher."""
        ours = _matrix(small, self._cut(small.weight.name))
        full = self._full[large.weight.name]
        theirs = _matrix(large, full)
        place = torch.full((full.numel(),), -1, dtype=torch.int64)
        place[theirs.flatten()] = torch.arange(theirs.numel())
        found = place[ours]
        rows, outputs = theirs.shape[1:]
        groups = found[:, 0, 0] // (rows * outputs)
        kept_rows = found[:, :, 0] // outputs % rows
        # Channels once, not once for each phase.
        every = small.layer.phases
        channels = groups[::every, None] // every * outputs + found[::every, 0, :] % outputs
        return Kept(groups, kept_rows, channels.flatten())


def numbers(module: nn.Module) -> dict[str, Tensor]:
    """For every parameter the number of each element, laid out in memory as the parameter is."""
    found = {}
    for name, parameter in module.named_parameters():
        laid_out = torch.empty_like(parameter, dtype=torch.int64, device="cpu", requires_grad=False)
        found[name] = laid_out.copy_(torch.arange(parameter.numel()).view(parameter.shape))
    return found


def _matrix(site: Site, elements: Tensor) -> Tensor:
    """The numbers of the weight's elements, laid out as the matrix of the layer."""
    return replace(site.layer, weight=site.weight.like(elements), bias=None).matrix()
