"""Looking ahead: the discriminator as it will be some updates later (Metz et al. 2017)."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from gancompress.training.processes import mean_over_processes

# Under the root of Adam's second moment: the root of nothing has no derivative.
_TINY = 1e-16


def look_ahead(
    discriminator: nn.Module,
    optimizer: torch.optim.Adam,
    loss: Callable[[Mapping[str, Tensor]], Tensor],
    updates: int,
) -> dict[str, Tensor]:
    """The discriminator's parameters after so many further updates; itself it stays as it is.

    The generator's gradient goes back through these updates (eq. 10): it learns what the
    discriminator would answer to what it makes, which is what keeps it from gathering in one mode.
    They are Adam's, from the moments the optimiser has now.

    Args:
        discriminator: its trainable parameters are read.
        optimizer: of them; one group.
        loss: of the discriminator with the given parameters, differentiable twice.
        updates: k of the paper; time and memory grow with it.

    Returns:
        Parameters by name, for :func:`gancompress.supernet.substitute.call_with`.
    """
    (group,) = optimizer.param_groups
    learning_rate, (beta1, beta2), eps = group["lr"], group["betas"], group["eps"]
    own = {name: p for name, p in discriminator.named_parameters() if p.requires_grad}
    now = {name: p.detach().clone().requires_grad_(True) for name, p in own.items()}
    moments = _moments(optimizer, own)
    for _ in range(updates):
        gradients = torch.autograd.grad(loss(now), list(now.values()), create_graph=True)
        for (name, value), gradient in zip(list(now.items()), gradients, strict=True):
            gradient = mean_over_processes(gradient)
            first, second, step = moments[name]
            first = beta1 * first + (1 - beta1) * gradient
            second = beta2 * second + (1 - beta2) * gradient.square()
            step += 1
            root = (second / (1 - beta2**step) + _TINY).sqrt() + eps
            now[name] = value - learning_rate / (1 - beta1**step) * first / root
            moments[name] = first, second, step
    return now


def _moments(
    optimizer: torch.optim.Adam, parameters: Mapping[str, nn.Parameter]
) -> dict[str, tuple[Tensor, Tensor, int]]:
    """Adam's running mean and square of each gradient, and the steps it has taken."""
    found = {name: (torch.zeros_like(p), torch.zeros_like(p), 0) for name, p in parameters.items()}
    known = {name: state for name, p in parameters.items() if (state := optimizer.state.get(p))}
    if known:
        # Read at once: every read from a GPU waits for all that is queued there.
        steps = torch.stack([state["step"] for state in known.values()]).tolist()
        for (name, state), step in zip(known.items(), steps, strict=True):
            found[name] = state["exp_avg"].clone(), state["exp_avg_sq"].clone(), int(step)
    return found
