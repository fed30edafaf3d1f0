"""What all tests share."""

import os
import random

import numpy as np
import pytest

# Tests run in as many processes as there are cores (see the Makefile); more threads would only get
# into each other's way. Processes that tests start inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _seeded() -> None:
    """Every test draws the same numbers, in whatever order and process it runs."""
    import torch  # after the threads are set

    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 what is drawn by libraries without a generator of their own
    torch.manual_seed(0)
