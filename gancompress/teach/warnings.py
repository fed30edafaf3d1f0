"""What goes wrong when a generator and a discriminator learn from each other, in plain language."""

from collections.abc import Mapping

from gancompress.training.warnings import SATURATED, numbers

# The generator's loss above which the discriminator rejects every image, by loss; where it cannot
# tell images apart the loss is 0, log 2 and 1/4.
RUNAWAY = {"hinge": 20.0, "bce": 8.0, "least_squares": 4.0}

# The mean logit of all images, in either direction, and how many times the gap between real and
# generated ones it is, above which the discriminator has drifted.
DRIFTED = 50.0
GAPS = 10.0

# Diversity within a class, as a share of the real images', below which it has collapsed.
COLLAPSED = 0.25


def find_warnings(event: Mapping[str, object], *, loss: str) -> dict[str, str]:
    """What looks wrong in an event of the log, by kind.

    Args:
        event: means of the losses of some steps, or the scores of an evaluation.
        loss: the adversarial loss.
    """
    values = numbers(event)
    return {
        **_saturated(values, loss),
        **_runaway(values, loss),
        **_drift(values),
        **_collapse(event),
    }


def translation_warnings(event: Mapping[str, object], *, loss: str) -> dict[str, str]:
    """As :func:`find_warnings`, of generators that are fed images: they have other remedies."""
    values = numbers(event)
    found = {name: values[name] for name in ("d", "d_a", "d_b") if name in values}
    for name, d in found.items():
        if d < SATURATED.get(loss, float("-inf")):
            return {
                "saturated": f"the discriminator tells every image apart ({name} {d:.2g}), so the "
                "generator learns little from it; raise teach.jitter or lower "
                "teach.discriminator_learning_rate"
            }
    return {}


def _saturated(values: Mapping[str, float], loss: str) -> dict[str, str]:
    d = values.get("d")
    if d is None or d >= SATURATED.get(loss, float("-inf")):
        return {}
    return {
        "saturated": f"the discriminator tells every image apart (d {d:.2g}), so the generator "
        "learns little from it; raise teach.r1, add to teach.augment or lower "
        "teach.discriminator_learning_rate"
    }


def _runaway(values: Mapping[str, float], loss: str) -> dict[str, str]:
    g = values.get("g")
    if g is None or g <= RUNAWAY.get(loss, float("inf")):
        return {}
    return {
        "runaway": f"the generator's loss runs away (g {g:.3g}): every image is rejected; "
        "raise teach.r1, or lower teach.discriminator_learning_rate"
    }


def _drift(values: Mapping[str, float]) -> dict[str, str]:
    real, fake = values.get("logit.real"), values.get("logit.fake")
    if real is None or fake is None:
        return {}
    middle = (real + fake) / 2
    if abs(middle) <= max(DRIFTED, GAPS * abs(real - fake)):
        return {}
    return {
        "drift": f"the discriminator's logits drift: {real:.3g} on real, {fake:.3g} on generated "
        "images; teach.r1 or teach.gradient_penalty holds them, and so does a lower learning rate"
    }


def _collapse(event: Mapping[str, object]) -> dict[str, str]:
    diversity = event.get("class_diversity")
    if not isinstance(diversity, Mapping):
        diversity = {}
    found = {}
    for name, share in diversity.items():
        if share < COLLAPSED:
            found[f"collapse.{name}"] = (
                f"class {name} collapses: its images vary {share:.0%} as much as the real ones do; "
                "larger batches, teach.r1 or teach.unrolled help, and so do more images of it"
            )
    overall = event.get("diversity")
    if not diversity and isinstance(overall, float) and overall < COLLAPSED:
        found["collapse"] = (
            f"the generator collapses: its images vary {overall:.0%} as much as the real ones do; "
            "larger batches, teach.r1 or teach.unrolled help"
        )
    return found
