"""BigGAN and BigGAN-deep (Brock et al. 2019): latent and class to image.

Tensor names equal those of the PyTorch program of its first author (BigGAN-PyTorch), spectral norms
folded into the weights. A program that was converted from TensorFlow (pytorch-pretrained-biggan)
keeps its statistics for many truncations and comes here by a conversion of names.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gancompress.batch import Input, InputSpec


class BigGANGenerator(nn.Module):
    """Latent and class to image.

    Args:
        z_dim: length of the latent.
        classes: number of classes.
        widths: channels of the first maps, then after each stage, all of which double the size.
        attention: stages, from 0, that end in self-attention.
        shared_dim: length of the embedding that all layers share; 0: each norm has its own.
        hierarchical: a share of the latent goes to each stage (BigGAN-deep: all of it to each).
        depth: residual blocks a stage in BigGAN-deep; 0 for BigGAN.
        bottom: size of the first maps.
        statistics: of norms, for as many truncations from 0 to 1; 0: one set.
        truncation: chooses the statistics; between two, as the converted program mixes them.
        eps: of norms.
    """

    def __init__(
        self,
        z_dim: int = 128,
        classes: int = 1000,
        widths: Sequence[int] = (1024, 1024, 512, 256, 128, 64),
        attention: Sequence[int] = (3,),
        shared_dim: int = 128,
        hierarchical: bool = False,
        depth: int = 0,
        bottom: int = 4,
        statistics: int = 0,
        truncation: float = 1.0,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.depth, self.bottom = depth, bottom
        self.inputs: InputSpec = {
            "z": Input("normal", (z_dim,)),
            "c": Input("label", (), classes=classes),
        }
        stages = list(pairwise(widths))
        # The latent goes to the first layer whole, or in chunks to it and to each stage.
        self.chunk = z_dim // (len(stages) + 1) if hierarchical and not depth else 0
        self.whole = bool(depth) and hierarchical
        told = shared_dim + (z_dim if self.whole else self.chunk)
        norm = _Norms(
            told if shared_dim else 0,
            classes,
            statistics=statistics,
            truncation=truncation,
            eps=eps,
        )
        self.shared = nn.Embedding(classes, shared_dim) if shared_dim else None
        first = told if self.whole else self.chunk or z_dim
        self.linear = nn.Linear(first, widths[0] * bottom**2)
        blocks: list[list[nn.Module]] = []
        for index, (before, after) in enumerate(stages):
            for place in range(depth):
                last = place == depth - 1
                blocks += [[_DeepBlock(before, after if last else before, norm, up=last)]]
            blocks += [] if depth else [[_Block(before, after, norm)]]
            if index in attention:
                blocks[-1].append(_Attention(after))
        self.blocks = nn.ModuleList(nn.ModuleList(block) for block in blocks)
        self.output_layer = nn.Sequential(
            _Norm(widths[-1], statistics, truncation, eps),
            nn.ReLU(),
            nn.Conv2d(widths[-1], 3, 3, padding=1),
        )

    def forward(self, z: Tensor, c: Tensor) -> Tensor:
        """(N, z_dim) and numbers of classes (N,) to (N, 3, H, W) in [-1, 1]."""
        y = c if self.shared is None else self.shared(c)
        conditions = [y] * len(self.blocks)
        if self.whole:
            z = torch.cat([y, z], dim=1)
            conditions = [z] * len(self.blocks)
        elif self.chunk:
            z, *others = torch.split(z[:, : self.chunk * (len(self.blocks) + 1)], self.chunk, dim=1)
            conditions = [torch.cat([y, other], dim=1) for other in others]
        h = self.linear(z).unflatten(1, (-1, self.bottom, self.bottom))
        for block, condition in zip(self.blocks, conditions, strict=True):
            for layer in block:  # type: ignore[attr-defined]
                h = layer(h, condition)
        return torch.tanh(self.output_layer(h))


class _Statistics(nn.Module):
    """Mean and variance that a norm was trained to: one set, or one for each truncation."""

    stored_mean: Tensor
    stored_var: Tensor

    def __init__(self, channels: int, statistics: int, truncation: float, eps: float) -> None:
        super().__init__()
        shape = (statistics, channels) if statistics else (channels,)
        self.register_buffer("stored_mean", torch.zeros(shape))
        self.register_buffer("stored_var", torch.ones(shape))
        self.place = truncation * (statistics - 1) if statistics else None
        self.eps = eps

    def normalised(self, x: Tensor) -> Tensor:
        if self.place is None:
            return F.batch_norm(
                x, self.stored_mean, self.stored_var, None, None, self.training, 0.1, self.eps
            )
        mean, var = (_between(table, self.place) for table in (self.stored_mean, self.stored_var))
        return F.batch_norm(x, mean, var, eps=self.eps)


def _between(table: Tensor, place: float) -> Tensor:
    """A row of ``table``, or two mixed: the converted program weighs the nearer one less."""
    share, row = math.modf(place)
    if not share:
        return table[int(row)]
    return table[int(row)] * share + table[int(row) + 1] * (1 - share)


class _Norm(_Statistics):
    """Batch norm, with a gain and a bias of its own."""

    def __init__(self, channels: int, statistics: int, truncation: float, eps: float) -> None:
        super().__init__(channels, statistics, truncation, eps)
        self.gain = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.bias[:, None, None], self.normalised(x), self.gain[:, None, None])


class _ConditionalNorm(_Statistics):
    """Batch norm whose gain and bias are linear in the condition, or looked up by the class."""

    def __init__(self, channels: int, norms: "_Norms") -> None:
        super().__init__(channels, norms.statistics, norms.truncation, norms.eps)
        for name in ("gain", "bias"):
            self.add_module(
                name,
                nn.Linear(norms.told, channels, bias=False)
                if norms.told
                else nn.Embedding(norms.classes, channels),
            )

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        gain, bias = 1 + self.get_submodule("gain")(y), self.get_submodule("bias")(y)
        return torch.addcmul(bias[:, :, None, None], self.normalised(x), gain[:, :, None, None])


class _Norms:
    """What all conditional norms of a network share; called, it makes one."""

    def __init__(
        self, told: int, classes: int, statistics: int, truncation: float, eps: float
    ) -> None:
        self.told, self.classes = told, classes
        self.statistics, self.truncation, self.eps = statistics, truncation, eps

    def __call__(self, channels: int) -> _ConditionalNorm:
        return _ConditionalNorm(channels, self)


class _Block(nn.Module):
    """BigGAN's residual block, to twice the size."""

    def __init__(self, before: int, after: int, norm: _Norms) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.conv_sc = nn.Conv2d(before, after, 1)
        self.bn1, self.bn2 = norm(before), norm(after)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.conv1(_doubled(F.relu(self.bn1(x, y))))
        h = self.conv2(F.relu(self.bn2(h, y)))
        # A convolution of one pixel may come before the enlargement: a quarter of the work.
        return h + _doubled(self.conv_sc(x))  # type: ignore[no-any-return]


class _DeepBlock(nn.Module):
    """BigGAN-deep's bottleneck, whose shortcut drops channels."""

    def __init__(self, before: int, after: int, norm: _Norms, up: bool) -> None:
        super().__init__()
        hidden = before // 4
        self.after, self.up = after, up
        self.conv1 = nn.Conv2d(before, hidden, 1)
        self.conv2 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.conv3 = nn.Conv2d(hidden, hidden, 3, padding=1)
        self.conv4 = nn.Conv2d(hidden, after, 1)
        self.bn1 = norm(before)
        self.bn2, self.bn3, self.bn4 = norm(hidden), norm(hidden), norm(hidden)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.conv1(F.relu(self.bn1(x, y)))
        h = F.relu(self.bn2(h, y))
        x = x[:, : self.after]
        if self.up:
            h, x = _doubled(h), _doubled(x)
        h = self.conv2(h)
        h = self.conv3(F.relu(self.bn3(h, y)))
        return self.conv4(F.relu(self.bn4(h, y))) + x  # type: ignore[no-any-return]


class _Attention(nn.Module):
    """Self-attention of SAGAN (Zhang et al. 2019), keys and values on half the size."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.theta = nn.Conv2d(width, width // 8, 1, bias=False)
        self.phi = nn.Conv2d(width, width // 8, 1, bias=False)
        self.g = nn.Conv2d(width, width // 2, 1, bias=False)
        self.o = nn.Conv2d(width // 2, width, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros([]))

    def forward(self, x: Tensor, _: Tensor) -> Tensor:
        query = self.theta(x).flatten(2)
        key, value = (F.max_pool2d(layer(x), 2).flatten(2) for layer in (self.phi, self.g))
        shares = torch.bmm(query.transpose(1, 2), key).softmax(dim=-1)
        found = torch.bmm(value, shares.transpose(1, 2)).view(-1, value.size(1), *x.shape[2:])
        return torch.addcmul(x, self.o(found), self.gamma)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2)
