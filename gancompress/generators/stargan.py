"""StarGAN (Choi et al. 2018): one network from and to every domain, told the attributes wanted.

Tensor names equal those of the published checkpoints, so their state dicts load without renaming.
"""

import torch
from torch import Tensor, nn

from gancompress.batch import Input, InputSpec


class StarGANGenerator(nn.Module):
    """An image and attributes to the image with those attributes.

    Args:
        attributes: number of attributes (c_dim).
        width: channels of the first convolution (conv_dim).
        blocks: residual blocks (repeat_num).
        tracked: the norms use running statistics in evaluation mode, as its program has them.
        resolution: the size it is meant for; any multiple of 4 works.
    """

    def __init__(
        self,
        attributes: int = 5,
        width: int = 64,
        blocks: int = 6,
        tracked: bool = True,
        resolution: int = 128,
    ) -> None:
        super().__init__()
        self.inputs: InputSpec = {
            "image": Input("image", (3, resolution, resolution)),
            "c": Input("one_hot", (attributes,)),
        }
        layers: list[nn.Module] = [nn.Conv2d(3 + attributes, width, 7, padding=3, bias=False)]
        layers += [_norm(width, tracked), nn.ReLU()]
        for _ in range(2):
            layers += [nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False)]
            width *= 2
            layers += [_norm(width, tracked), nn.ReLU()]
        layers += [_Block(width, tracked) for _ in range(blocks)]
        for _ in range(2):
            layers += [nn.ConvTranspose2d(width, width // 2, 4, stride=2, padding=1, bias=False)]
            width //= 2
            layers += [_norm(width, tracked), nn.ReLU()]
        layers += [nn.Conv2d(width, 3, 7, padding=3, bias=False), nn.Tanh()]
        self.main = nn.Sequential(*layers)

    def forward(self, image: Tensor, c: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] and (N, attributes) of 0 and 1 to (N, 3, H, W) in [-1, 1]."""
        maps = c[:, :, None, None].expand(-1, -1, image.size(2), image.size(3))
        return self.main(torch.cat([image, maps], dim=1))  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, width: int, tracked: bool) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            _norm(width, tracked),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            _norm(width, tracked),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.main(x)  # type: ignore[no-any-return]


def _norm(width: int, tracked: bool) -> nn.Module:
    return nn.InstanceNorm2d(width, affine=True, track_running_stats=tracked)
