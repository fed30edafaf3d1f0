"""Modules whose widths live in numbers of their own, or in a size read off another tensor."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class OwnNumber(nn.Module):
    """A width kept as a number."""

    def __init__(self, c: int = 64) -> None:
        super().__init__()
        self.c, self.fc, self.conv = c, nn.Linear(16, c * 16), nn.Conv2d(c, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(self.fc(x).view(x.shape[0], self.c, 4, 4))
        return out


class OwnTuple(nn.Module):
    """A shape kept as a tuple, and as a list."""

    def __init__(self, c: int = 64) -> None:
        super().__init__()
        self.shape, self.again = (c, 4, 4), [-1, c]
        self.fc, self.out = nn.Linear(16, c * 16), nn.Linear(c, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc(x).view(-1, *self.shape).mean((2, 3))
        out: Tensor = self.out(h.view(self.again))
        return out


class Modulated(nn.Module):
    """StyleGAN2's layer with both of its widths kept as numbers that are equal at full width."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.into, self.out = c, c
        self.weight = nn.Parameter(torch.randn(1, c, c, 3, 3) / 24)
        self.style = nn.Linear(16, c)

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        n, _, height, width = x.shape
        weight = self.weight * self.style(z).view(n, 1, self.into, 1, 1)
        weight = weight * torch.rsqrt(weight.pow(2).sum([2, 3, 4]) + 1e-8).view(
            n, self.out, 1, 1, 1
        )
        weight = weight.view(n * self.out, self.into, 3, 3)
        x = x.view(1, n * self.into, height, width)
        return F.conv2d(x, weight, padding=1, groups=n).view(n, self.out, height, width)


class Synthesis(nn.Module):
    """Two modulated layers and a constant."""

    def __init__(self, c: int = 64) -> None:
        super().__init__()
        self.constant = nn.Parameter(torch.randn(1, c, 4, 4))
        self.one, self.two, self.rgb = Modulated(c), Modulated(c), nn.Conv2d(c, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(self.constant.repeat(x.shape[0], 1, 1, 1), x).relu()
        out: Tensor = self.rgb(self.two(h, x))
        return out


class Asserted(nn.Module):
    """A width that is only asserted."""

    def __init__(self, c: int = 64) -> None:
        super().__init__()
        self.channels, self.a, self.b = c, nn.Linear(16, c), nn.Linear(c, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.a(x)
        assert h.shape[1] == self.channels
        out: Tensor = self.b(h)
        return out


class StoredHeads(nn.Module):
    """Attention with a stored size of its heads."""

    def __init__(self, d: int = 64, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.size = heads, d // heads
        self.i, self.qkv, self.o = nn.Linear(16, d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.out = nn.Linear(d, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.i(x.view(x.shape[0], 1, 16).expand(-1, 5, -1))
        b, n, _ = h.shape
        q, k, v = self.qkv(h).view(b, n, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
        a = (q @ k.transpose(-1, -2)).softmax(-1) @ v
        out: Tensor = self.out(self.o(a.transpose(1, 2).reshape(b, n, self.heads * self.size)))
        return out


class DividedHeads(StoredHeads):
    """Attention whose heads' size is read off another tensor and divided."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.i(x.view(x.shape[0], 1, 16).expand(-1, 5, -1))
        b, n, c = h.shape
        q, k, v = self.qkv(h).reshape(b, n, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(h + self.o(a.transpose(1, 2).reshape(b, n, c)))
        return out


class OpenHeads(StoredHeads):
    """Attention whose heads' size is left open."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.i(x.view(x.shape[0], 1, 16).expand(-1, 5, -1))
        b, n, _ = h.shape
        q, k, v = self.qkv(h).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        a = F.scaled_dot_product_attention(q, k, v)
        out: Tensor = self.out(self.o(a.transpose(1, 2).reshape(b, n, -1)))
        return out


class ManyHeads(DividedHeads):
    """More heads than each has channels."""

    def __init__(self) -> None:
        super().__init__(64, 16)


class TorchAttention(nn.Module):
    """PyTorch's own attention."""

    def __init__(self, d: int = 64) -> None:
        super().__init__()
        self.i, self.o = nn.Linear(16, d), nn.Linear(d, 3)
        self.m = nn.MultiheadAttention(d, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        h = self.i(x.view(x.shape[0], 1, 16).expand(-1, 5, -1))
        out: Tensor = self.o(h + self.m(h, h, h, need_weights=False)[0])
        return out


class Encoder(nn.Module):
    """PyTorch's own transformer encoder."""

    def __init__(self, d: int = 64) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(d, 4, 128, batch_first=True, dropout=0.0)
        self.i, self.t, self.o = nn.Linear(16, d), nn.TransformerEncoder(layer, 2), nn.Linear(d, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.o(self.t(self.i(x.view(x.shape[0], 1, 16).expand(-1, 5, -1))))
        return out


class Decoder(nn.Module):
    """PyTorch's own transformer decoder, with attention to something else."""

    def __init__(self, d: int = 64) -> None:
        super().__init__()
        layer = nn.TransformerDecoderLayer(d, 4, 128, batch_first=True, dropout=0.0)
        self.i, self.memory = nn.Linear(16, d), nn.Linear(16, d)
        self.t, self.o = nn.TransformerDecoder(layer, 1), nn.Linear(d, 3)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.view(x.shape[0], 1, 16).expand(-1, 5, -1)
        out: Tensor = self.o(self.t(self.i(tokens), self.memory(tokens)))
        return out


class Windows(nn.Module):
    """Swin's attention in windows: channels last, rolled, cut into windows and put back."""

    def __init__(self, d: int = 32, heads: int = 4, window: int = 2) -> None:
        super().__init__()
        self.dim, self.heads, self.window = d, heads, window
        self.i, self.norm = nn.Linear(16, 4 * 4 * d), nn.LayerNorm(d)
        self.qkv, self.proj, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d), nn.Linear(d, 3)
        self.bias = nn.Parameter(torch.zeros(heads, window**2, window**2))

    def forward(self, x: Tensor) -> Tensor:
        h = self.i(x).view(x.shape[0], 4, 4, self.dim)
        b, height, width, c = h.shape
        w = self.window
        tokens = torch.roll(self.norm(h), (-1, -1), (1, 2))
        tokens = tokens.view(b, height // w, w, width // w, w, c)
        tokens = tokens.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, w * w, c)
        n = tokens.shape[0]
        q, k, v = (
            self.qkv(tokens)
            .reshape(n, w * w, 3, self.heads, c // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        a = (q @ k.transpose(-2, -1) + self.bias.unsqueeze(0)).softmax(-1) @ v
        tokens = self.proj(a.transpose(1, 2).reshape(n, w * w, c))
        tokens = tokens.view(b, height // w, width // w, w, w, c).permute(0, 1, 3, 2, 4, 5)
        tokens = torch.roll(tokens.contiguous().view(b, height, width, c), (1, 1), (1, 2))
        out: Tensor = self.out(h + tokens).flatten(1)
        return out


class ImageAttention(nn.Module):
    """VQGAN's and Stable Diffusion's block: group norm, 1×1 convolutions, all positions by all."""

    def __init__(self, c: int = 64) -> None:
        super().__init__()
        self.i, self.norm, self.o = nn.Linear(16, c * 4), nn.GroupNorm(8, c), nn.Conv2d(c, c, 1)
        self.q, self.k, self.v = (nn.Conv2d(c, c, 1) for _ in range(3))
        self.c, self.rgb = c, nn.Conv2d(c, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.i(x).view(-1, self.c, 2, 2)
        n = self.norm(h)
        q, k, v = self.q(n), self.k(n), self.v(n)
        b, c, height, width = q.shape
        q = q.reshape(b, c, height * width).permute(0, 2, 1)
        w = torch.bmm(q, k.reshape(b, c, height * width)) * int(c) ** -0.5
        a = torch.bmm(v.reshape(b, c, height * width), w.softmax(2).permute(0, 2, 1))
        out: Tensor = self.rgb(h + self.o(a.reshape(b, c, height, width)))
        return out


# Every one takes x (N, 16). Name -> (module, groups that share no width at least).
KEPT: dict[str, tuple[type[nn.Module], int]] = {
    "own_number": (OwnNumber, 1),
    "own_tuple": (OwnTuple, 1),
    "own_numbers_of_layers": (Synthesis, 3),
    "asserted": (Asserted, 1),
    "stored_heads": (StoredHeads, 3),
    "divided_heads": (DividedHeads, 1),
    "open_heads": (OpenHeads, 3),
    "many_heads": (ManyHeads, 1),
    "torch_attention": (TorchAttention, 1),
    "encoder": (Encoder, 3),
    "decoder": (Decoder, 2),
    "windows": (Windows, 1),
    "image_attention": (ImageAttention, 2),
}
