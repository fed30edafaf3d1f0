"""Where and how a recipe trains."""

import os

import torch
from accelerate import Accelerator

from gancompress.recipe.schema import Recipe
from gancompress.training.optimise import make_accelerator


def prepare(recipe: Recipe) -> Accelerator:
    """Set threads and determinism as the recipe says; returns where to train."""
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # cuBLAS is deterministic only with a fixed workspace.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    return make_accelerator(recipe.device, recipe.precision)
