"""Sums of products of sizes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

# Σ coefficient × Π sizes, as {indices of axes, ascending: coefficient}.
Polynomial = dict[tuple[int, ...], int]


def by_length(keys: Sequence[tuple[int, ...]]) -> dict[int, list[tuple[int, ...]]]:
    """The terms by their number of factors."""
    found: dict[int, list[tuple[int, ...]]] = {}
    for key in keys:
        found.setdefault(len(key), []).append(key)
    return found


def summed(polynomials: Iterable[Polynomial]) -> Polynomial:
    """The sum of polynomials."""
    result: Polynomial = defaultdict(int)
    for polynomial in polynomials:
        for key, coefficient in polynomial.items():
            result[key] += coefficient
    return result


def evaluated(polynomial: Polynomial, sizes: NDArray[np.float64]) -> int:
    """A polynomial at the given sizes."""
    return round(sum(c * float(np.prod([sizes[i] for i in key])) for key, c in polynomial.items()))


def undominated(polynomials: Iterable[Polynomial]) -> list[Polynomial]:
    """Those that can be the largest for some non-negative terms; coefficients are positive."""
    kept: list[Polynomial] = []
    # By term the kept polynomials that have it: only these can be above one that has it, too.
    having: dict[tuple[int, ...], list[Polynomial]] = {}
    distinct = {tuple(sorted(p.items())): p for p in polynomials if p}
    for polynomial in sorted(distinct.values(), key=lambda p: -sum(p.values())):
        fewest = min((having.get(key, []) for key in polynomial), key=len)
        if not any(_above(other, polynomial) for other in fewest):
            kept.append(polynomial)
            for key in polynomial:
                having.setdefault(key, []).append(polynomial)
    return kept


def _above(one: Polynomial, other: Polynomial) -> bool:
    return all(one.get(key, 0) >= coefficient for key, coefficient in other.items())


def as_matrix(polynomials: Sequence[Polynomial], at: Mapping[tuple[int, ...], int]) -> Any:
    """A sparse matrix (polynomials, terms) of coefficients; ``at``: the column of every term."""
    rows = [row for row, polynomial in enumerate(polynomials) for _ in polynomial]
    columns = [at[key] for polynomial in polynomials for key in polynomial]
    values = [float(c) for polynomial in polynomials for c in polynomial.values()]
    return csr_matrix((values, (rows, columns)), shape=(len(polynomials), len(at)))
