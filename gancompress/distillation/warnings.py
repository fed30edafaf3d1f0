"""Saying in plain language where a distillation looks wrong."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gancompress.training.watch import SATURATED, numbers

# Share of the teacher's spread below which the student answers the mean.
COLLAPSED = 0.1

# Samples that the spread is taken over: it is looked at in every step.
SPREAD_SAMPLES = 16

# Share of the pull on the output above which one term is all that counts.
DOMINATING = 0.995


def spread(student: Tensor, teacher: Tensor) -> Tensor:
    """How much the student's outputs differ between samples, against the teacher's; 1 is alike."""
    student, teacher = student[:SPREAD_SAMPLES], teacher[:SPREAD_SAMPLES]
    if len(student) < 2:
        return student.new_ones((), dtype=torch.float32)
    with torch.no_grad():
        ours, theirs = (x.float().std(dim=0).mean() for x in (student, teacher))
        return ours / theirs.clamp(min=1e-8)


def pulls(weighted: Mapping[str, Tensor], output: Tensor) -> dict[str, Tensor]:
    """Share of each term in the sum of the gradients at the output, by norm; as ``pull.<term>``.

    Terms that do not act through these outputs (features inside, other inputs) are left out.

    Args:
        weighted: terms times their weights, with their graph.
        output: of the subnet.
    """
    norms = {}
    for name, loss in weighted.items():
        (gradient,) = torch.autograd.grad(loss, output, retain_graph=True, allow_unused=True)
        if gradient is not None:
            norms[f"pull.{name}"] = gradient.float().norm()
    total = sum(norms.values(), start=torch.zeros((), device=output.device)).clamp(min=1e-20)
    return {name: norm / total for name, norm in norms.items()} if len(norms) > 1 else {}


def remarks(event: Mapping[str, object], *, adversarial: str) -> dict[str, str]:
    """What looks wrong in the means of some steps, by kind.

    Args:
        event: losses by name, as a step gives them.
        adversarial: the discriminator's loss.
    """
    losses = numbers(event)
    found = {}
    if "d" in losses and losses["d"] < SATURATED.get(adversarial, float("-inf")):
        found["discriminator"] = (
            f"the discriminator tells every image apart (d {losses['d']:.2g}), so the student "
            "learns little from it; lower distill.discriminator_learning_rate or give it an r1"
        )
    for kind in ("largest", "smallest"):
        value = losses.get(f"spread.{kind}", 1.0)
        if value < COLLAPSED:
            found[f"spread.{kind}"] = (
                f"the {kind} subnet answers nearly the same to every input (its outputs vary "
                f"{value:.0%} as much as the teacher's): it has collapsed to the mean; raise the "
                "learning rate or the weight of feature and adversarial terms"
            )
    for name, share in losses.items():
        term = name.removeprefix("pull.")
        if term != name and share > DOMINATING:
            found[name] = (
                f"{term} is {share:.1%} of what moves the output; the other terms do next to "
                f"nothing; lower distill.terms.{term}.weight"
            )
    return found
