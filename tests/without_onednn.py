"""A pytest plugin that computes without oneDNN, as PyTorch does where it was built without."""

import torch

torch.backends.mkldnn.enabled = False
