"""Warnings, in plain language, where a distillation looks wrong."""

from collections.abc import Mapping

import torch
from torch import Tensor

from gancompress.training.warnings import SATURATED, numbers

# Share of the teacher's spread below which the student's outputs are all near the mean.
COLLAPSED = 0.1

# Samples that the spread is taken over: it is computed in every step.
SPREAD_SAMPLES = 16

# Share of the gradient norms at the output above which one term is all that counts.
DOMINATING = 0.995

# Before a term's name in the log.
GRADIENT = "gradient_share."


def spread(student: Tensor, teacher: Tensor) -> Tensor:
    """Standard deviation of the student's outputs over samples, as a share of the teacher's."""
    student, teacher = student[:SPREAD_SAMPLES], teacher[:SPREAD_SAMPLES]
    if len(student) < 2:
        return student.new_ones((), dtype=torch.float32)
    with torch.no_grad():
        ours, theirs = (x.float().std(dim=0).mean() for x in (student, teacher))
        return ours / theirs.clamp(min=1e-8)


def gradient_norms(weighted: Mapping[str, Tensor], output: Tensor) -> dict[str, Tensor]:
    """Share of each term in the sum of gradient norms at the output: ``gradient_share.<term>``.

    Terms that do not depend on this output (feature maps inside, other inputs) are left out.

    Args:
        weighted: terms times their weights, with their graph.
        output: of the subnet.
    """
    norms = {}
    for name, loss in weighted.items():
        (gradient,) = torch.autograd.grad(loss, output, retain_graph=True, allow_unused=True)
        if gradient is not None:
            norms[f"{GRADIENT}{name}"] = gradient.float().norm()
    total = sum(norms.values(), start=torch.zeros((), device=output.device)).clamp(min=1e-20)
    return {name: norm / total for name, norm in norms.items()} if len(norms) > 1 else {}


def find_warnings(event: Mapping[str, object], *, adversarial: str) -> dict[str, str]:
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
                f"the {kind} subnet gives nearly the same output for every input (it varies "
                f"{value:.0%} as much as the teacher's): it has collapsed to the mean; raise the "
                "learning rate or the weight of feature and adversarial terms"
            )
    for name, share in losses.items():
        term = name.removeprefix(GRADIENT)
        if term != name and share > DOMINATING:
            found[name] = (
                f"{term} has {share:.1%} of the gradient at the output, so that the other terms "
                f"hardly count; lower distill.terms.{term}.weight"
            )
    return found
