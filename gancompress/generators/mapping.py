"""The mapping network of StyleGAN2 and StyleGAN2-ADA (Karras et al. 2020): z and class to w."""

import torch
from torch import Tensor, nn

from gancompress.generators.equalized import FullyConnected


class MappingNetwork(nn.Module):
    """z and class to w; keeps a running mean of w for truncation.

    Args:
        z_dim: length of z; 0 to map the class alone (as discriminators do).
        classes: number of classes; 0 for none.
        w_dim: length of w and of every layer.
        layers: fully connected layers.
        w_avg_beta: decay of the running mean while training; None keeps no mean.
        lr_multiplier: of the layers' learning rate, through the scale of their weights.
        embed_features: length of a class's embedding; 0: w_dim.
        layer_features: width of the layers but the last; 0: w_dim.
    """

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        classes: int,
        w_dim: int,
        layers: int,
        w_avg_beta: float | None = 0.995,
        lr_multiplier: float = 0.01,
        embed_features: int = 0,
        layer_features: int = 0,
    ) -> None:
        super().__init__()
        self.z_dim, self.layers, self.w_avg_beta = z_dim, layers, w_avg_beta
        embedded = (embed_features or w_dim) if classes else 0
        self.embed = FullyConnected(classes, embedded) if classes else None
        widths = [z_dim + embedded, *[layer_features or w_dim] * (layers - 1), w_dim]
        for index in range(layers):
            before, after = widths[index : index + 2]
            layer = FullyConnected(before, after, activate=True, lr_multiplier=lr_multiplier)
            self.add_module(f"fc{index}", layer)
        if w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self, z: Tensor | None, c: Tensor | None = None, truncation_psi: float = 1.0
    ) -> Tensor:
        """(N, z_dim), (N, classes) to w (N, w_dim)."""
        parts = [] if z is None else [_unit_moment(z)]
        if self.embed is not None and c is not None:
            parts.append(_unit_moment(self.embed(c)))
        w = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
        for index in range(self.layers):
            w = self.get_submodule(f"fc{index}")(w)
        if self.training and self.w_avg_beta is not None:
            mean = w.detach().to(self.w_avg.dtype).mean(dim=0)
            self.w_avg.copy_(mean.lerp(self.w_avg, self.w_avg_beta))
        if truncation_psi != 1.0:
            w = self.w_avg.to(w.dtype).lerp(w, truncation_psi)
        return w


def _unit_moment(x: Tensor) -> Tensor:
    """``x`` over the root mean square of each row."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()
