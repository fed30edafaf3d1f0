"""The text of a recipe for a generator, with defaults that fit its shapes, and comments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from gancompress.assemble.check.network import Network, size
from gancompress.assemble.suggest.data import Material
from gancompress.batch import DRAWN, InputSpec, as_one_hot, class_count, class_input, example_inputs
from gancompress.errors import RecipeError
from gancompress.generators.build import BUILT_IN, build

# Seconds of an hour's run that the distillation has.
DISTILL_SHARE = 0.6

# Pairs of a teacher whose inputs are drawn, at most; and steps.
MOST_PAIRS, LEAST_STEPS, MOST_STEPS = 50_000, 20, 60_000

# The same where weights are solved for; inputs to solve on, of small networks and of large ones.
SOLVED_PAIRS, SOLVED_STEPS = 16_384, 2_000
SAMPLES, FEW_SAMPLES, DEAR = 512, 48, 1e9

# Bytes of activations that a step may hold.
MEMORY = 2e9


@dataclass
class Draft:
    """A recipe in the making.

    Attributes:
        name: of the run.
        teacher: its section.
        inputs: of the teacher.
        shape: of its answer.
        material: the user's images.
        trained: whether `teach` is to train the teacher.
        student: its section.
        probabilities: whether scores are in [0, 1].
        solves: whether weights are solved for, and no supernet is trained.
        told: what was assumed.
    """

    name: str
    teacher: dict[str, Any]
    inputs: InputSpec
    shape: tuple[int, ...]
    material: Material | None
    trained: bool
    student: dict[str, Any]
    probabilities: bool = False
    solves: bool = False
    told: list[str] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """What sort of teacher it is."""
        kinds = {entry.kind for entry in self.inputs.values()}
        if len(self.shape) == 1:
            return "scores"
        if "label_map" in kinds:
            return "label map to image"
        return "image to image" if "image" in kinds else "noise to image"

    @property
    def drawn(self) -> bool:
        """Whether every input is drawn."""
        return all(entry.kind in DRAWN for entry in self.inputs.values())


@dataclass(frozen=True)
class Scale:
    """How long and how much.

    Attributes:
        batch: samples a step.
        steps: of the distillation; of the fine-tuning where weights are solved for.
        budget: of MACs, as the user wrote it.
        samples: inputs that weights are solved on.
    """

    batch: int
    steps: int
    budget: str
    samples: int = SAMPLES


def batch_size(draft: Draft, activation_bytes: float) -> int:
    """The largest power of two up to 64 of which a step holds no more than :data:`MEMORY`.

    Nor more than a quarter of the inputs, where these come from data.
    """
    batch = 64
    while batch > 4 and batch * 3 * activation_bytes > MEMORY:
        batch //= 2
    rows = draft.material.count if draft.material and not draft.drawn else 4 * batch
    while batch > 2 and batch * 4 > rows:
        batch //= 2
    return batch


def counts_of(draft: Draft, scale: Scale) -> tuple[int, int, bool]:
    """Pairs to train on, pairs held out, and whether mirrored inputs are among the former."""
    if draft.drawn or draft.material is None:
        count = min(MOST_PAIRS, max(8 * scale.batch, scale.steps * scale.batch // 4))
        if draft.solves:
            count = min(SOLVED_PAIRS, max(8 * scale.batch, scale.steps * scale.batch))
        return count, max(64, count // 20), False
    rows = draft.material.maps[1] if draft.kind.startswith("label") and draft.material.maps else (
        draft.material.count
    )  # fmt: skip
    held_out = max(2, min(500, rows // 10))
    flip = draft.kind != "scores"
    return (rows - held_out) * (2 if flip else 1), held_out, flip


def write(draft: Draft, scale: Scale, file: str) -> str:
    """The recipe as commented YAML, to be kept in ``file``."""
    count, held_out, flip = counts_of(draft, scale)
    teacher = dict(draft.teacher)
    if not draft.drawn and draft.material is not None:
        teacher["data"] = _teacher_data(draft, flip)
    discriminator = _discriminator(draft)
    judged = _judged_by_real(draft)
    sections: list[tuple[str, dict[str, Any]]] = []
    if judged or draft.trained:
        sections.append(("Real images, to judge by" + (" and to teach" if draft.trained else ""),
                         {"data": _real(draft)}))  # fmt: skip
    sections.append((f"The generator to compress: {draft.kind}, {_flow(draft)}",
                     {"teacher": teacher}))  # fmt: skip
    if draft.trained:
        sections.append(("Trained first, since there are no weights",
                         {"teach": _teach(draft, scale, discriminator)}))  # fmt: skip
    shard = max(1, min(1000, count))
    sections += [
        ("Pairs to learn from, and held-out ones to search by",
         {"collect": {"count": count, "held_out": held_out, "shard": shard,
                      "batch_size": scale.batch}}),
        ("What becomes smaller", {"student": draft.student}),
        *_learning(draft, scale, discriminator, count),
        ("The best widths within a budget", {"search": _search(draft, scale, held_out, judged)}),
        *_finishing(draft, scale),
        ("What to hand over", {"export": {"formats": ["onnx"]}}),
        ("What the report measures", {"evaluate": _evaluate(draft, judged)}),
    ]  # fmt: skip
    head = [f"# Made by `gancompress init`. Run it: gancompress run {file}", "#"]
    head += ["# Assumed, to be checked:", *(f"# - {line}" for line in draft.told)]
    body = [
        f"\n# {title}.\n" + yaml.safe_dump(part, sort_keys=False, default_flow_style=None, width=96)
        for title, part in sections
    ]
    opening = yaml.safe_dump({"name": draft.name, "seed": 0}, sort_keys=False)
    return "\n".join([*head, opening.rstrip(), *(text.rstrip() for text in body), ""])


Section = tuple[str, dict[str, Any]]


def _learning(
    draft: Draft, scale: Scale, discriminator: dict[str, Any] | None, count: int
) -> list[Section]:
    """How subnets get their weights."""
    if not draft.solves:
        return [("Training all widths at once", {"distill": _distill(draft, scale, discriminator)})]
    keys = {"samples": min(scale.samples, count), "finalists": 3}
    title = "Weights of all widths, solved for: nothing is trained (init --distill: a supernet is)"
    return [(title, {"reconstruct": keys})]


def _finishing(draft: Draft, scale: Scale) -> list[Section]:
    """What is done with the chosen subnet."""
    if not draft.solves:
        return []
    return [("Training it as long as it comes nearer", {"finetune": {"steps": scale.steps}})]


def _flow(draft: Draft) -> str:
    fed = ", ".join(f"{n} {size(e.shape) or e.classes}" for n, e in draft.inputs.items())
    return f"{fed} to {size(draft.shape)}"


def _teacher_data(draft: Draft, flip: bool) -> dict[str, Any]:
    material = draft.material
    assert material is not None
    found: dict[str, Any] = {"source": material.place}
    if draft.kind.startswith("label") and material.maps:
        channels = next(e.shape[0] for e in draft.inputs.values() if e.kind == "label_map")
        found |= {"layout": "label_maps", "folder": material.maps[0], "classes": channels}
    return {**found, "flip": flip}


def _judged_by_real(draft: Draft) -> bool:
    """Whether class folders of real images fit what a generator of noise makes."""
    classes = draft.material.classes if draft.material else 0
    square = len(draft.shape) == 3 and draft.shape[0] in (1, 3)
    told = class_count(draft.inputs)
    return draft.drawn and square and classes >= 2 and told in (0, classes)


def _real(draft: Draft) -> dict[str, Any]:
    assert draft.material is not None
    channels, height, width = draft.shape
    resolution = height if height == width else [height, width]
    return {"source": draft.material.place, "resolution": resolution, "channels": channels}


def _discriminator(draft: Draft) -> dict[str, Any] | None:
    """A discriminator that can judge such images, tried; None where there is none."""
    if draft.kind != "noise to image":
        return None
    channels, height, width = draft.shape
    name = class_input(draft.inputs)
    classes = class_count(draft.inputs)
    attempts: list[tuple[str, dict[str, Any]]] = []
    if height == width:
        kwargs = {"width": 32, "resolution": height, "channels": channels, "classes": classes}
        attempts += [("distylegan_discriminator", kwargs), ("dcgan_discriminator", kwargs)]
    attempts.append(("patchgan", {"in_channels": channels, "width": 32}))
    batch = example_inputs(draft.inputs)
    told = {name: as_one_hot(draft.inputs[name], batch[name])} if name else {}
    images = next(iter(batch.values())).new_zeros((2, *draft.shape)).float()
    for factory, kwargs in attempts:
        try:
            Network(_building(factory, kwargs))("discriminator", images, **told)
        except RecipeError:
            continue
        return {"factory": factory, "kwargs": kwargs}
    return None


def _building(factory: str, kwargs: Mapping[str, Any]) -> Any:
    return lambda: build(factory, **kwargs)


def _teach(draft: Draft, scale: Scale, discriminator: dict[str, Any] | None) -> dict[str, Any]:
    if discriminator is None:
        raise RecipeError(
            f"init: no built-in discriminator judges images of {size(draft.shape)}; give --weights"
        )
    steps = max(LEAST_STEPS, scale.steps)
    every = max(1, min(1000, steps // 4))
    return {
        "objective": "adversarial",
        "steps": steps,
        "batch_size": scale.batch,
        "evaluate_every": every,
        "discriminator": discriminator,
    }


def _distill(draft: Draft, scale: Scale, discriminator: dict[str, Any] | None) -> dict[str, Any]:
    terms: dict[str, Any]
    if draft.kind == "scores":
        terms = {"soft_bce" if draft.probabilities else "kl": {"weight": 1.0}}
    elif discriminator is not None:
        terms = {
            "l1": {"weight": 1.0},
            "discriminator_features": {"weight": 0.5},
            "adversarial": {"weight": 0.01, "every": 10},
        }
    else:
        terms = {"l1": {"weight": 1.0}, "ssim": {"weight": 0.2}}
    return {
        "steps": scale.steps,
        "batch_size": scale.batch,
        "learning_rate": 1e-3,
        "schedule": "cosine",
        "ema": 0.99 if scale.steps < 5000 else 0.999,
        "real_weight": 0.0,
        "validate_every": max(1, scale.steps // 5),
        "terms": terms,
        "discriminator": discriminator or {"factory": ""},
    }


def _search(draft: Draft, scale: Scale, held_out: int, judged: bool) -> dict[str, Any]:
    trials = 12 if scale.steps < (100 if draft.solves else 500) else 60 if draft.solves else 100
    found: dict[str, Any] = {
        "mac_budget": scale.budget,
        "trials": trials,
        "score_samples": min(256, held_out),
    }
    if not judged:
        return {**found, "finalists": 0}
    if trials == 12:
        found |= {"screened": 4, "screen_samples": 64, "finalists": 2, "finalist_samples": 128}
    return found


def _evaluate(draft: Draft, judged: bool) -> dict[str, Any]:
    if not judged:
        return {"extractor": "classifier", "latency_runs": 20}
    return {"extractor": "classifier", "samples": 2000, "latency_runs": 20}


def black_box_student(inputs: InputSpec, shape: tuple[int, ...]) -> dict[str, Any]:
    """A built-in student for a teacher of which nothing but answers is known.

    Raises:
        RecipeError: none has such inputs and answers.
    """
    kinds = {entry.kind for entry in inputs.values()}
    if len(shape) == 3 and kinds <= {"normal", "truncated_normal", "uniform", "one_hot"}:
        z_dim = next((e.shape[0] for e in inputs.values() if e.kind != "one_hot"), 0)
        found: dict[str, Any] = {"z_dim": z_dim, "classes": class_count(inputs), "width": 128}
        sizes = {"resolution": shape[1], "channels": shape[0]}
        return {"factory": "distylegan", "kwargs": {**found, **sizes}}
    if len(shape) == 3 and kinds == {"image"} and len(inputs) == 1:
        channels = next(iter(inputs.values())).shape[0]
        kwargs = {"in_channels": channels, "out_channels": shape[0], "width": 32, "blocks": 6}
        return {"factory": "resnet", "kwargs": {**kwargs, "resolution": shape[1]}}
    known = ", ".join(sorted(BUILT_IN))
    raise RecipeError(
        f"init: no built-in student is fed {', '.join(inputs)} and answers {size(shape)}; name "
        f"your own with --student FACTORY (built in: {known})"
    )
