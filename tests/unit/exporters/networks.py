"""Small generators of the shapes that exporters meet."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec

LATENT: InputSpec = {"z": Input("normal", (8,)), "c": Input("one_hot", (3,))}
IMAGE: InputSpec = {"image": Input("image", (3, 16, 16))}


class Conditional(nn.Module):
    """Noise and class to a greyscale image, 8×8."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(11, 8 * 16)
        self.conv = nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.out = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        hidden = self.stem(torch.cat([z, c], 1)).view(z.size(0), -1, 4, 4)
        hidden = F.interpolate(hidden, scale_factor=2.0)
        return torch.tanh(self.out(torch.relu(self.norm(self.conv(hidden)))))


class Starred(Conditional):
    """Takes whatever it is given by name."""

    def forward(self, **batch: Tensor) -> Tensor:
        return super().forward(batch["z"], batch["c"])


class UNet(nn.Module):
    """Image to image, any size divisible by two."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 8, 3, padding=1, padding_mode="reflect")
        self.norm = nn.InstanceNorm2d(8, affine=True)
        self.down = nn.Conv2d(8, 8, 4, 2, 1)
        self.up = nn.ConvTranspose2d(8, 8, 4, 2, 1)
        self.out = nn.Conv2d(16, 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        first = F.leaky_relu(self.norm(self.first(image)), 0.2)
        return torch.tanh(self.out(torch.cat([first, self.up(self.down(first))], 1)))


class FixedSize(UNet):
    """Runs at one image size only."""

    def forward(self, image: Tensor) -> Tensor:
        return super().forward(image.view(-1, 3, 16, 16))


class WrongAtOtherSizes(nn.Module):
    """Runs at every size; its ONNX form is right at the traced one only."""

    def forward(self, image: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(image, 4)


class FixedBatch(nn.Module):
    """Its code depends on the number of samples."""

    def forward(self, image: Tensor) -> Tensor:
        return image * 2 if image.size(0) == 2 else image * 3


class Noisy(nn.Module):
    """Draws noise of its own."""

    def forward(self, image: Tensor) -> Tensor:
        return image + torch.randn_like(image)


class NoOnnxForm(nn.Module):
    """Uses an operator that ONNX lacks."""

    def forward(self, image: Tensor) -> Tensor:
        return torch.special.bessel_j0(image)


class DataDependent(nn.Module):
    """Branches on a value, which torch.export cannot follow."""

    def forward(self, image: Tensor) -> Tensor:
        return image if image.sum() > 0 else -image
