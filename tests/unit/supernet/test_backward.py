"""Training several subnets in one step."""

import torch
from torch import nn

from gancompress.supernet import Supernet


def test_several_subnets_may_run_before_the_first_goes_backward() -> None:
    # The halves of a GLU make slices of running statistics that are no views.
    module = nn.Sequential(
        nn.Conv2d(3, 32, 3, bias=False), nn.BatchNorm2d(32), nn.GLU(1), nn.Conv2d(16, 3, 3)
    )
    supernet = Supernet(module, torch.randn(2, 3, 8, 8)).train()
    x, space = torch.randn(4, 3, 8, 8), supernet.space
    outputs = [supernet(x, subnet=subnet) for subnet in (space.largest, space.smallest)]
    for output in outputs:
        output.sum().backward()
    assert module[0].weight.grad is not None
