"""The weights of every subnet from the teacher's Gram matrices alone, gathered once.

With the teacher's own inputs A of a layer and its weights W, the best weights on the rows S that a
subnet keeps solve ``G[S, S] W' = G[S] W`` for ``G = A A.T``: a part of one matrix, whatever the
subnet. So a subnet's weights are a function of the subnet, with no pass over data. They are less
exact than those of :func:`gancompress.reconstruction.reconstruct`, whose equations hold for the
student's own inputs, and good enough to compare subnets by.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gancompress.batch import Batch, batch_size, rows
from gancompress.errors import DataError
from gancompress.options import check_seed
from gancompress.reconstruction.computed import Computed
from gancompress.reconstruction.equations import solve_ridge, square
from gancompress.reconstruction.kept import Kept, KeptElements, numbers
from gancompress.reconstruction.layer import Layer
from gancompress.reconstruction.paused import pass_over
from gancompress.reconstruction.program import Program, Site, trace
from gancompress.reconstruction.reading import read
from gancompress.reconstruction.sampling import columns_of_each, positions
from gancompress.supernet.skip import is_within
from gancompress.supernet.supernet import Supernet

# Of the mean of the Gram matrix's diagonal: the student's inputs are not quite the teacher's.
RIDGE = 1e-2
# Columns of a layer that sixteen batches make up: at least, and for each row. The matrices are of
# the teacher's width, and cost what the square of it does.
LEAST, PER_ROW = 12288, 6

Key = tuple[str, int, tuple[int, ...]]


@dataclass(frozen=True)
class Statistics:
    """What was gathered of a layer.

    Attributes:
        gram: (groups, rows, rows), a mean over columns; the last row is of ones where there is a
            bias.
        weights: (groups, rows, outputs), the teacher's.
        product: of both, (groups, rows, outputs).
        power: (groups, outputs), mean square of the layer's outputs.
    """

    gram: Tensor
    weights: Tensor
    product: Tensor
    power: Tensor


@dataclass(frozen=True)
class _Solved:
    """A layer of a subnet: its form, its solved matrix, and what of its outputs' power is lost."""

    site: Site
    matrix: Tensor
    lost: float


class Gathered:
    """Gram matrices of a supernet's teacher; :func:`gather` makes one.

    Attributes:
        supernet: whose teacher it is of; its channels must not be sorted any more.
        program: the teacher's layers.
        statistics: of every layer that multiplies by a parameter and is no norm, by the key of its
            weight.
    """

    def __init__(
        self,
        supernet: Supernet,
        program: Program,
        statistics: Mapping[Key, Statistics],
        sample: Batch,
    ) -> None:
        self.supernet, self.program, self.statistics = supernet, program, dict(statistics)
        self._sample = sample
        self._numbers = numbers(supernet.module)

    def module(self, subnet: Sequence[int], *, ridge: float = RIDGE) -> nn.Module:
        """``subnet`` as a plain module with weights solved with ``ridge``, in parts of the mean of
        each matrix's diagonal.

        Norms are as cut, and batch norms keep the teacher's statistics: what they are given is met
        to what the teacher's get, but for a part that varies less than that. Statistics of their
        own would blow it up.
        """
        student = self.supernet.extract(subnet)
        with torch.no_grad():
            computed = self._computed(student, subnet)
            for name, value in self.weights(subnet, ridge=ridge).items():
                if name in computed:
                    computed[name].put(value)
                else:
                    student.get_parameter(name).copy_(value)
        return student

    def _computed(self, student: nn.Module, subnet: Sequence[int]) -> dict[str, Computed]:
        """The weights that ``student`` computes from a parameter, by the name of that."""
        if not any(site.weight.computed for site in self.program.sites):
            return {}
        sites = trace(student, self._sample, self.supernet.skips(subnet)).sites
        return {s.weight.name: s.weight.computed for s in sites if s.weight.computed is not None}

    def weights(self, subnet: Sequence[int], *, ridge: float = RIDGE) -> dict[str, Tensor]:
        """The solved parameters of ``subnet`` by name."""
        found: dict[str, Tensor] = {}
        for solved in self._solved(subnet, ridge):
            site = solved.site
            weight, bias = site.layer.tensors(solved.matrix)
            found[site.weight.name] = weight / site.weight.scale
            if bias is not None and site.bias is not None:
                found[site.bias.name] = bias / site.bias.scale
        return found

    def error(self, subnet: Sequence[int]) -> float:
        """What of the layers' outputs is lost on the teacher's own inputs, a mean over the layers:
        0 nothing, 1 all, as of a dropped branch. A first guess at how subnets rank, without any
        pass."""
        losses = [solved.lost for solved in self._solved(subnet, RIDGE)]
        skips = self.supernet.skips(subnet)
        losses += [1.0 for name, *_ in self.statistics if is_within(name, skips)]
        return sum(losses) / max(len(losses), 1)

    def _solved(self, subnet: Sequence[int], ridge: float) -> list[_Solved]:
        skips = self.supernet.skips(subnet)
        elements = KeptElements(self.supernet, self.supernet.space.check(subnet), self._numbers)
        result = []
        seen: set[Key] = set()
        for site in self.program.sites:
            if is_within(site.weight.name, skips):
                continue
            known = self.statistics.get(site.weight.key)
            small = elements.small(site)
            if known is None or small is None or site.weight.key in seen:
                continue
            seen.add(site.weight.key)
            matrix, lost = _solve(known, elements.of(small, site), small.layer, ridge)
            result.append(_Solved(small, matrix, lost))
        return result


def gather(
    supernet: Supernet, batches: Iterable[Mapping[str, Tensor]], *, seed: int = 0
) -> Gathered:
    """Run the teacher once on ``batches`` and keep the Gram matrix of every layer's inputs.

    Args:
        supernet: whose module at full width is the teacher; sort its channels before.
        batches: inputs by name, on the module's device; read once, one at a time.
        seed: of the sampled positions.

    Raises:
        OptionError: the seed is out of its range.
        DataError: no batches.
    """
    check_seed(seed, "gather: seed")
    program: Program | None = None
    sample: Batch = {}
    sums: dict[Key, tuple[Tensor, int]] = {}
    for number, batch in enumerate(batches):
        if program is None:
            sample = rows(batch, slice(0, 1))
            program = trace(supernet.module, sample)
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + number)
            _add(sums, program, supernet.module, dict(batch), seed + number)
    if program is None:
        raise DataError("gather: no batches; give at least one, such as {'z': latents}")
    statistics = {}
    for site in program.sites:
        if site.weight.key in sums:
            total, count = sums[site.weight.key]
            statistics[site.weight.key] = _statistics(total / count, site.layer.matrix().detach())
    return Gathered(supernet, program, statistics, sample)


def _add(
    sums: dict[Key, tuple[Tensor, int]],
    program: Program,
    module: nn.Module,
    batch: dict[str, Tensor],
    seed: int,
) -> None:
    """Add the columns of one batch to the Gram matrices."""
    sites = {
        site.call: site for site in program.sites if not (site.grouped or site.layer.kind == "norm")
    }

    def on_call(number: int, func: Any, args: Any, kwargs: Any) -> Any:
        site = sites.get(number)
        layer = None if site is None else read(func, args, kwargs)
        if site is not None and layer is not None:
            # As many of each batch as of sixteen: what comes later is as good.
            each = columns_of_each(layer, 16 * batch_size(batch), LEAST, PER_ROW)
            at = positions(layer, each, seed * 1000 + number)
            columns = layer.columns(at.to(layer.source.device))
            total, count = sums.get(site.weight.key, (torch.zeros(()), 0))
            gram = square(columns)
            sums[site.weight.key] = total + gram, count + columns.shape[2]
        return func(*args, **kwargs)

    pass_over(module, batch, on_call)


def _statistics(gram: Tensor, weights: Tensor) -> Statistics:
    product = gram @ weights
    return Statistics(gram, weights, product, (weights * product).sum(1))


def _solve(known: Statistics, kept: Kept, layer: Layer, ridge: float) -> tuple[Tensor, float]:
    """The matrix of a subnet's layer, and the share of its outputs' power that it loses."""
    group = kept.groups[:, None].to(known.gram.device)
    kept_rows = kept.rows.to(known.gram.device)
    if layer.bias is not None:
        last = torch.full_like(group, known.gram.shape[1] - 1)
        kept_rows = torch.cat([kept_rows, last], dim=1)
    outputs = kept.outputs.view(layer.groups, -1).to(group) % known.weights.shape[2]
    outputs = outputs.repeat_interleave(layer.phases, 0)
    gram = known.gram[group[..., None], kept_rows[:, :, None], kept_rows[:, None, :]].double()
    place = group[..., None], kept_rows[:, :, None], outputs[:, None, :]
    right, start = known.product[place].double(), known.weights[place].double()
    matrix = solve_ridge(gram, right, start, ridge)
    matrix = torch.where(matrix.isfinite().all(), matrix, start)
    power = known.power[group, outputs].double().sum()
    error = power + (matrix * (gram @ matrix - 2 * right)).sum()
    return matrix, float(error.clamp_min(0) / power.clamp_min(1e-30))
