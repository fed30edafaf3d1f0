"""What a subnet costs, as a formula: no subnet is built or run to know it.

Every size is linear in the groups' widths, so multiply-adds, parameters and bytes are sums of
products of a few sizes. The terms come from the walk of a single sample through the module in
evaluation mode.

Conventions of multiply-adds (MACs): *exact* counts each that is executed by convolutions, linear
layers, matrix products and attention, as ``torch.utils.flop_counter`` does (which gives twice as
many). *paper* is that of the image-to-image literature: transposed convolutions at their output
positions, plus one per output element of an InstanceNorm.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from torch import Tensor

from gancompress.supernet.axes import Axis, Ids
from gancompress.supernet.graph import DependencyGraph
from gancompress.supernet.polynomials import (
    Polynomial,
    as_matrix,
    by_length,
    evaluated,
    summed,
    undominated,
)
from gancompress.supernet.skip import is_within
from gancompress.supernet.space import SearchSpace, Subnet
from gancompress.supernet.trace import Value, Walk

COSTS = ("macs", "paper_macs", "params", "weight_bytes", "activation_bytes")
# Subnets at a time, and terms of all of these: so few that they stay in the processor's cache.
_CHUNK, _TERMS = 1 << 9, 1 << 17


@dataclass(frozen=True)
class Cost:
    """What one sample through a subnet costs.

    Attributes:
        macs: multiply-adds executed.
        paper_macs: the same in the literature's convention.
        params: number of trainable and frozen parameters that a forward pass uses.
        weight_bytes: size of parameters and buffers.
        activation_bytes: the most that inputs and intermediate results occupy at one time, each
            freed after its last use, and what is returned at the end; without weights, and without
            what a kernel needs for itself.
    """

    macs: int
    paper_macs: int
    params: int
    weight_bytes: int
    activation_bytes: int


@dataclass(frozen=True)
class Layer:
    """What one module costs within a subnet."""

    module: str
    op: str
    macs: int
    paper_macs: int


class CostModel:
    """The cost of every subnet of a space."""

    def __init__(
        self, graph: DependencyGraph, space: SearchSpace, tensors: Mapping[str, tuple[Tensor, bool]]
    ) -> None:
        """``tensors``: parameters and buffers by name, and whether each is a parameter."""
        self.space = space
        self._anatomy = graph
        self._axes: list[Axis] = []
        self._index: dict[int, int] = {}
        self._switches = {b.group: Axis(np.array([b.group]), np.array([0])) for b in graph.branches}
        self._layers: dict[tuple[str, str], tuple[Polynomial, Polynomial]] = {}
        walk = graph.walks["single"]
        for product in walk.products:
            self._add(
                product.module,
                product.op,
                product.constant,
                product.paper_constant,
                product.factors,
            )
        self._totals: dict[str, Polynomial] = {
            "macs": summed(exact for exact, _ in self._layers.values()),
            "paper_macs": summed(paper for _, paper in self._layers.values()),
            "params": self._weights(tensors, in_bytes=False),
            "weight_bytes": self._weights(tensors, in_bytes=True),
        }
        self._compile(self._moments(walk))

    def cost(self, subnet: Sequence[int]) -> Cost:
        """The cost of one subnet."""
        found = self.costs(np.asarray([self.space.check(subnet)], dtype=np.int64))
        return Cost(**{name: int(values[0]) for name, values in found.items()})

    def costs(self, widths: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """The costs of many subnets: ``widths`` (n, groups of the space) -> name -> (n,)."""
        matrix = np.asarray(widths, dtype=np.int64)
        result = {name: np.empty(len(matrix), dtype=np.int64) for name in COSTS}
        step = min(_CHUNK, max(1, _TERMS // max(1, len(self._keys))))
        for start in range(0, len(matrix), step):
            rows = slice(start, start + step)
            terms = self._evaluate(matrix[rows])
            for name, sums in zip(self._totals, self._rows @ terms, strict=True):
                result[name][rows] = np.rint(sums)
            result["activation_bytes"][rows] = np.rint((self._peaks @ terms).max(axis=0))
        return result

    def layers(self, subnet: Sequence[int]) -> list[Layer]:
        """Every module that multiplies, in the order of execution."""
        sizes = self._sizes(np.asarray([self.space.check(subnet)], dtype=np.int64))[:, 0]
        return [
            Layer(module, op, evaluated(exact, sizes), evaluated(paper, sizes))
            for (module, op), (exact, paper) in self._layers.items()
        ]

    def layer_macs(self, widths: NDArray[np.int64]) -> NDArray[np.float64]:
        """Exact MACs of every module that multiplies: ``widths`` (n, groups) -> (n, modules)."""
        sizes = self._sizes(np.asarray(widths, dtype=np.int64).reshape(-1, len(self.space.groups)))
        macs = np.zeros((sizes.shape[1], len(self._layers)))
        for column, (exact, _) in zip(macs.T, self._layers.values(), strict=True):
            for key, coefficient in exact.items():
                column += coefficient * sizes[list(key)].prod(axis=0)
        return macs

    def group_shares(self) -> NDArray[np.float64]:
        """The share of all MACs at full width that each channel group takes part in."""
        full = np.array([axis.size for axis in self._axes], dtype=np.float64)
        total = max(evaluated(self._totals["macs"], full), 1)
        shares = np.zeros(len(self._anatomy.groups))
        for key, coefficient in self._totals["macs"].items():
            members = {int(g) for i in key for g in self._axes[i].members}
            for group in members:
                shares[group] += coefficient * float(np.prod([full[i] for i in key])) / total
        return shares

    def _number(self, axis: Axis) -> int:
        if id(axis) not in self._index:
            self._index[id(axis)] = len(self._axes)
            self._axes.append(axis)
        return self._index[id(axis)]

    def _branches(self, path: str) -> list[int]:
        """The sizes, 0 or 1, of the residual branches that a module or tensor goes with."""
        branches = self._anatomy.branches
        return [self._number(self._switches[b.group]) for b in branches if is_within(path, b.skips)]

    def _term(
        self, vectors: Iterable[Ids], constant: int, path: str = ""
    ) -> tuple[tuple[int, ...], int]:
        """``constant × Π sizes``, with axes that never change folded into the constant.

        ``path``: of the module that it is a term of, which may be dropped.
        """
        key = self._branches(path)
        for vector in vectors:
            axis = self._anatomy.grouping.axis(vector)
            if axis.members.size:
                key.append(self._number(axis))
            else:
                constant *= axis.size
        return tuple(sorted(key)), constant

    def _add(self, module: str, op: str, exact: int, paper: int, vectors: Iterable[Ids]) -> None:
        layer = self._layers.setdefault((module, op), (defaultdict(int), defaultdict(int)))
        key, unit = self._term(vectors, 1, module)
        layer[0][key] += exact * unit
        layer[1][key] += paper * unit

    def _weights(self, tensors: Mapping[str, tuple[Tensor, bool]], in_bytes: bool) -> Polynomial:
        result: Polynomial = defaultdict(int)
        for name, (tensor, is_parameter) in tensors.items():
            if not in_bytes and (not is_parameter or name in self._anatomy.unused):
                continue
            constant = tensor.element_size() if in_bytes else 1
            key = self._branches(name)
            for size, axis in zip(tensor.shape, self._anatomy.axes[name], strict=True):
                if axis is not None and axis.members.size:
                    key.append(self._number(axis))
                else:
                    constant *= size
            result[tuple(sorted(key))] += constant
        return result

    def _moments(self, walk: Walk) -> list[Polynomial]:
        """The bytes alive at each operator."""
        calls = walk.calls
        first: dict[int, int] = {}
        last: dict[int, int] = {}
        sizes: dict[int, tuple[tuple[int, ...], int]] = {}
        for time, call in enumerate(calls):
            for value in (*call.inputs, *call.outputs):
                first.setdefault(value.storage, time)
                returned = value.number in walk.flow.results
                last[value.storage] = len(calls) - 1 if returned else time
                if value.storage not in sizes:
                    sizes[value.storage] = self._bytes(value)
        moments: list[Polynomial] = [defaultdict(int) for _ in calls]
        there = [tuple(self._branches(call.module)) for call in calls]
        for storage in sizes.keys() - walk.weights:
            key, constant = sizes[storage]
            for time in range(first[storage], last[storage] + 1):
                moments[time][tuple(sorted(key + there[time]))] += constant
        return moments

    def _bytes(self, value: Value) -> tuple[tuple[int, ...], int]:
        constant = value.itemsize
        vectors = []
        for size, ids in zip(value.shape, value.dims, strict=True):
            if ids is None:
                constant *= size
            else:
                vectors.append(ids)
        return self._term(vectors, constant)

    def _compile(self, moments: Sequence[Polynomial]) -> None:
        """Lay the polynomials out as matrices over their distinct terms."""
        peaks = undominated(moments) or [{}]
        self._keys = sorted({key for p in (*self._totals.values(), *peaks) for key in p})
        at = {key: i for i, key in enumerate(self._keys)}
        # Sparse: a term is in few sums, and an axis holds channels of few groups.
        self._rows = as_matrix(list(self._totals.values()), at)
        self._peaks = as_matrix(peaks, at)
        self._base, self._slopes = self._affine_sizes()
        self._factors = [
            (length, np.array([at[key] for key in keys]), np.array(keys, dtype=np.int64))
            for length, keys in by_length(self._keys).items()
        ]

    def _affine_sizes(self) -> tuple[NDArray[np.float64], Any]:
        """The sizes of all axes as ``base + slopes @ subnet``: (axes, 1) and (axes, groups)."""
        base = np.array([float(axis.fixed) for axis in self._axes])
        slopes = np.zeros((len(self._axes), len(self.space.groups)))
        columns = {name: (i, 1.0) for i, name in enumerate(self.space.groups)}
        for name, (leader, numerator, denominator) in self.space.followers.items():
            columns[name] = (leader, numerator / denominator)
        groups = self._anatomy.groups
        for row, axis in enumerate(self._axes):
            for group, slope in axis.coefficients(groups)[1].items():
                if groups[group].name in columns:
                    column, ratio = columns[groups[group].name]
                    slopes[row, column] += slope * ratio
                else:
                    base[row] += slope * groups[group].channels
        return base[:, None], csr_matrix(slopes)

    def _sizes(self, matrix: NDArray[np.int64]) -> NDArray[np.float64]:
        """Sizes of all axes: (axes, n)."""
        sizes: NDArray[np.float64] = self._slopes @ matrix.T.astype(np.float64)
        sizes += self._base
        return sizes

    def _evaluate(self, matrix: NDArray[np.int64]) -> NDArray[np.float64]:
        """The values of all distinct terms: (terms, n)."""
        sizes = self._sizes(matrix)
        terms = np.empty((len(self._keys), len(matrix)))
        for length, rows, factors in self._factors:
            products = sizes[factors[:, 0]] if length else 1.0
            for column in range(1, length):
                products *= sizes[factors[:, column]]
            terms[rows] = products
        return terms


def subnet_cost_range(model: CostModel) -> tuple[tuple[Subnet, Cost], tuple[Subnet, Cost]]:
    """The smallest and the largest subnet with their costs."""
    small, large = model.space.smallest, model.space.largest
    return (small, model.cost(small)), (large, model.cost(large))
