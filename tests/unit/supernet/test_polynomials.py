"""Sums of products of sizes."""

import numpy as np

from gancompress.supernet.polynomials import Polynomial, as_matrix, undominated


def drawn(count: int) -> list[Polynomial]:
    rng = np.random.default_rng(0)
    return [
        {(int(key),): int(rng.integers(1, 4)) for key in rng.choice(6, size=3, replace=False)}
        for _ in range(count)
    ]


def test_the_largest_of_all_is_the_largest_of_the_undominated() -> None:
    every = drawn(60)
    kept = undominated(every)
    assert len(kept) < len({tuple(sorted(p.items())) for p in every})
    at = {(key,): key for key in range(6)}
    terms = np.random.default_rng(1).random((6, 200))
    assert np.allclose((as_matrix(kept, at) @ terms).max(0), (as_matrix(every, at) @ terms).max(0))


def test_none_that_are_kept_is_below_another() -> None:
    kept = undominated(drawn(60))
    for one in kept:
        for other in kept:
            below = all(other.get(key, 0) >= value for key, value in one.items())
            assert one is other or not below
