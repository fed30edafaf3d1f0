"""Sums of products of sizes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

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


def undominated(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rows that can be the largest for some non-negative terms."""
    order = np.argsort(-rows.sum(axis=1), kind="stable")
    kept: list[NDArray[np.float64]] = []
    for row in rows[order]:
        if not any((row <= other).all() for other in kept):
            kept.append(row)
    return np.array(kept)
