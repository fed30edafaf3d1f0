"""A real supernet whose subnets can all be scored in seconds."""

import numpy as np
import torch
from torch import Tensor, nn

from gancompress.architecture_search.evaluator import Score, mean_absolute_error, paired_score
from gancompress.batch import Batch
from gancompress.supernet.space import Subnet
from gancompress.supernet.supernet import Supernet

SAMPLES = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))


class Generator(nn.Module):
    """Four elastic groups, a residual connection and batch norms."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.stem = nn.Linear(8, 16 * width)
        self.first = _block(width, width)
        self.inner = _block(width, width)
        self.back = _block(width, width)
        self.up = _block(width, width)
        self.last = _block(width, width)
        self.out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = self.stem(z).view(z.shape[0], -1, 4, 4)
        x = self.first(x)
        x = x + self.back(self.inner(x))
        x = self.up(nn.functional.interpolate(x, scale_factor=2.0))
        return torch.tanh(self.out(self.last(x)))


def _block(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()
    )


def real_supernet(width: int = 40, seed: int = 0) -> Supernet:
    """(``width`` / 8)⁴ subnets; channels matter less and less, as if sorted by importance."""
    torch.manual_seed(seed)
    generator = Generator(width)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for norm in generator.modules():
            if isinstance(norm, nn.BatchNorm2d):
                decay = torch.arange(norm.num_features) * rng.uniform(0.03, 0.2)
                norm.weight.mul_(torch.exp(-decay))
                norm.bias.normal_(0, 0.1).mul_(torch.exp(-decay))
        generator.out.weight.mul_(10)
    return Supernet(
        generator.eval(), {"z": torch.zeros(2, 8)}, divisor=8, widths={"stem": (width,)}
    )


def real_score(supernet: Supernet, samples: int = 16) -> Score:
    """Distance of a subnet's outputs to the full network's."""
    z = SAMPLES[:samples]
    with torch.no_grad():
        targets = supernet(z=z)

    def generator_at(subnet: Subnet):
        def run(batch: Batch) -> Tensor:
            return supernet(subnet=subnet, **batch)

        return run

    return paired_score(
        generator_at, lambda seed: ({"z": z}, targets), {"l1": mean_absolute_error}, batch=samples
    )
