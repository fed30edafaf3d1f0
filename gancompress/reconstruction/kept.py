"""Which rows and outputs of the teacher's layers a subnet's layers are."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from gancompress.reconstruction.program import Site
from gancompress.supernet.slicing import cut_tensor, plan
from gancompress.supernet.space import Subnet
from gancompress.supernet.supernet import Supernet


@dataclass(frozen=True)
class Kept:
    """Places of a subnet's layer in the teacher's.

    Attributes:
        groups: (groups,) of the teacher's groups.
        rows: (groups, rows) of the rows of each group, without the one for the bias.
        outputs: (channels,) of the teacher's output channels.
    """

    groups: Tensor
    rows: Tensor
    outputs: Tensor


class KeptElements:
    """For every parameter of a subnet which elements of the teacher's it is made of."""

    def __init__(self, supernet: Supernet, subnet: Subnet) -> None:
        widths = supernet.space.widths(supernet.groups, np.asarray(subnet, dtype=np.int64))
        cuts = plan(supernet.graph.axes, widths)
        parameters = dict(supernet.module.named_parameters())
        self._full = {name: _numbers(p) for name, p in parameters.items()}
        self._cut = {n: cut_tensor(full, cuts.get(n, ())) for n, full in self._full.items()}

    def of(self, small: Site, large: Site) -> Kept:
        """Places of the subnet's layer ``small`` in ``large``, the same one of the teacher."""
        ours = _matrix(small, self._cut[small.weight.name])
        full = self._full[large.weight.name]
        theirs = _matrix(large, full)
        place = torch.full((full.numel(),), -1, dtype=torch.int64)
        place[theirs.flatten()] = torch.arange(theirs.numel())
        found = place[ours]
        rows, outputs = theirs.shape[1:]
        groups = found[:, 0, 0] // (rows * outputs)
        kept_rows = found[:, :, 0] // outputs % rows
        kept_outputs = groups[:, None] * outputs + found[:, 0, :] % outputs
        return Kept(groups, kept_rows, kept_outputs.flatten())


def _numbers(parameter: Tensor) -> Tensor:
    """Each element's number, laid out in memory as ``parameter`` is."""
    numbers = torch.empty_like(parameter, dtype=torch.int64, device="cpu", requires_grad=False)
    return numbers.copy_(torch.arange(parameter.numel()).view(parameter.shape))


def _matrix(site: Site, numbers: Tensor) -> Tensor:
    """The numbers of the weight's elements, laid out as the matrix of the layer."""
    return replace(site.layer, weight=site.weight.like(numbers), bias=None).matrix()
