"""Loss curves from the events of a run's log, those of one kind together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Not losses, although they are numbers.
_NOT_LOSSES = {"step", "time", "stage", "event"}

# Share of the curve that the smoothing looks back on.
_MEMORY = 0.02

#: What the names in the log mean: the part before the first point.
MEANINGS = {
    "adversarial": "how far the discriminator is from taking the student for the teacher",
    "adversarial_real": "how far the discriminator is from taking the student for real",
    "d": "discriminator: what it learns by; near zero, it tells every image apart",
    "d_penalty": "discriminator: gradient penalty",
    "d_real": "discriminator: its part from real images",
    "discriminator_features": "distance to the teacher in the discriminator's feature maps",
    "g": "generator: what it learns by",
    "gradient": "norm of the student's gradient",
    "gradient_share": "share of each loss term in the student's gradient",
    "held_out": "distance to the teacher on inputs that are not trained on",
    "held_out_cycle": "mean absolute difference there and back again, of images not trained on",
    "held_out_l1": "mean absolute difference to the target, of images not trained on",
    "l1": "mean absolute difference of images in [-1, 1]",
    "logit": "discriminator: mean answer; real and generated should stay near each other",
    "loss": "what is trained on",
    "r1": "discriminator: R1 penalty",
    "spread": "variety of the student's outputs over the teacher's; below 1 they are too alike",
    "sure": "discriminator: how far from undecided it is on real images",
}

# Of curves of a teacher that is trained together with its student.
_OF_TEACHER = "teacher_"


def meaning(kind: str) -> str:
    """What curves of ``kind`` show, in words."""
    if kind.startswith(_OF_TEACHER):
        return f"the teacher's {meaning(kind.removeprefix(_OF_TEACHER))}"
    return MEANINGS.get(kind, "loss term")


def loss_curves(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, dict[int, float]]]:
    """Curves by kind and by what of the kind they are, smoothed: ``{"l1": {"largest": {50: .1}}}``.

    Args:
        events: as logged, each with a ``step`` and losses by name; ``l1.largest`` and ``l1.other``
            are of one kind. Where a step comes twice (the training was resumed), the later event
            counts; a loss may be absent from some events.
    """
    kinds: dict[str, dict[str, dict[int, float]]] = {}
    for name, points in sorted(_curves(events).items()):
        kind, _, of = name.partition(".")
        smooth = _smoothed(list(points.values()))
        kinds.setdefault(kind, {})[of] = dict(zip(points, smooth, strict=True))
    return kinds


def _curves(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[int, float]]:
    """Loss name to value by step, in the order of the steps."""
    by_step: dict[int, Mapping[str, Any]] = {}
    for event in events:
        if isinstance(event.get("step"), int) and "event" not in event:
            # Losses and evaluations on held-out data are lines of their own.
            by_step[event["step"]] = {**by_step.get(event["step"], {}), **event}
    curves: dict[str, dict[int, float]] = {}
    for step in sorted(by_step):
        for name, value in by_step[step].items():
            if name not in _NOT_LOSSES and isinstance(value, int | float):
                curves.setdefault(name, {})[step] = float(value)
    return curves


def _smoothed(values: Sequence[float]) -> list[float]:
    """Exponential moving average, corrected for its start."""
    decay = 1 - 1 / max(1.0, _MEMORY * len(values))
    average, weight, smooth = 0.0, 0.0, []
    for value in values:
        average = decay * average + (1 - decay) * value
        weight = decay * weight + (1 - decay)
        smooth.append(average / weight)
    return smooth
