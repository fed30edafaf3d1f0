"""Generators as others write them: inputs of any name and kind, several outputs, lists."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class LabelGAN(nn.Module):
    """Latent and a whole-number class to an image; a dictionary comes back."""

    def __init__(self, latent_dim: int = 16, n_classes: int = 4, width: int = 16) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.embedding = nn.Embedding(n_classes, 8)
        self.fc = nn.Linear(latent_dim + 8, 2 * width * 4 * 4)
        self.up1 = nn.ConvTranspose2d(2 * width, width, 4, 2, 1)
        self.norm = nn.BatchNorm2d(width)
        self.up2 = nn.ConvTranspose2d(width, 3, 4, 2, 1)

    def forward(self, latent: Tensor, label: Tensor) -> dict[str, Tensor]:
        h = self.fc(torch.cat([latent, self.embedding(label)], dim=1))
        h = torch.relu(h.view(h.size(0), -1, 4, 4))
        features = torch.relu(self.norm(self.up1(h)))
        return {"features": features, "sample": torch.tanh(self.up2(features))}


class Recolour(nn.Module):
    """A photo of 0…1 to another; a tuple of the picture and its mask comes back."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.enc = nn.Conv2d(3, width, 3, padding=1)
        self.mid = nn.Conv2d(width, width, 3, padding=1)
        self.dec = nn.Conv2d(width, 3, 3, padding=1)
        self.mask = nn.Conv2d(width, 1, 1)

    def forward(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        h = F.leaky_relu(self.enc(photo), 0.2)
        h = h + F.leaky_relu(self.mid(h), 0.2)
        mask = torch.sigmoid(self.mask(h))
        return mask * torch.sigmoid(self.dec(h)) + (1 - mask) * photo, mask


class Painter(nn.Module):
    """A segmentation of one-hot channels to a picture."""

    def __init__(self, semantic_nc: int = 5, ngf: int = 16) -> None:
        super().__init__()
        self.head = nn.Conv2d(semantic_nc, ngf, 3, padding=1)
        self.body = nn.Sequential(
            nn.Conv2d(ngf, ngf, 3, padding=1), nn.InstanceNorm2d(ngf, affine=True), nn.ReLU()
        )
        self.tail = nn.Conv2d(ngf, 3, 3, padding=1)

    def forward(self, segmentation: Tensor) -> Tensor:
        return torch.tanh(self.tail(self.body(torch.relu(self.head(segmentation)))))


class Scorer(nn.Module):
    """Pixels to one score a tag."""

    def __init__(self, tags: int = 6, width: int = 16) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.head = nn.Linear(2 * width, tags)

    def forward(self, pixels: Tensor) -> Tensor:
        h = torch.relu(self.conv2(torch.relu(self.conv1(pixels))))
        return self.head(h.mean((2, 3)))


class Stylist(nn.Module):
    """Two pictures and noise to one."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.content = nn.Conv2d(3, width, 3, padding=1)
        self.style = nn.Conv2d(3, width, 3, padding=1)
        self.noise = nn.Linear(4, width)
        self.out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, content: Tensor, style: Tensor, jitter: Tensor) -> Tensor:
        h = self.content(content) * self.style(style).mean((2, 3), keepdim=True)
        return torch.tanh(self.out(torch.relu(h + self.noise(jitter)[:, :, None, None])))


class Speaker(nn.Module):
    """A sequence of tokens and a list of noise maps to a picture."""

    def __init__(self, vocabulary: int = 20, width: int = 16) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, 8)
        self.fc = nn.Linear(8, width)
        self.conv1 = nn.Conv2d(width + 1, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width + 1, width, 3, padding=1)
        self.out = nn.Conv2d(width, 3, 1)

    def forward(self, tokens: Tensor, noises: Sequence[Tensor]) -> list[Tensor]:
        said = self.fc(self.words(tokens).mean(1))
        h = said[:, :, None, None].expand(-1, -1, *noises[0].shape[-2:])
        small = torch.relu(self.conv1(torch.cat([h, noises[0]], dim=1)))
        h = F.interpolate(small, scale_factor=2)
        h = torch.relu(self.conv2(torch.cat([h, noises[1]], dim=1)))
        return [small, torch.tanh(self.out(h))]
