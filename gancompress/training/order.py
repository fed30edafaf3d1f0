"""In which order samples are seen: a function of (seed, step), so that resuming needs no state."""

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=4)
def _epoch(size: int, seed: int, epoch: int) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 1, epoch]))
    return rng.permutation(size)


def batch_indices(step: int, batch: int, size: int, seed: int) -> np.ndarray:
    """The samples of batch ``step`` out of ``size``: every epoch a new permutation, none left out.

    A batch may span two epochs, so nothing is lost where ``batch`` does not divide ``size``.

    Returns:
        int64 array of shape (batch,).
    """
    positions = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)
    epochs = positions // size
    parts = [
        _epoch(size, seed, int(epoch))[positions[epochs == epoch] % size]
        for epoch in np.unique(epochs)
    ]
    return np.concatenate(parts)


def step_generator(seed: int, step: int, attempt: int = 0) -> np.random.Generator:
    """The random generator of training step ``step``; ``attempt`` counts rollbacks."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, attempt, 2, step]))
