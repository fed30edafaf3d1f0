"""`init`: a recipe for a generator, with what could be found out about it filled in."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gancompress import assemble
from gancompress.assemble.check.forecast import forecast
from gancompress.assemble.check.network import Network, answer, example_on
from gancompress.assemble.suggest.data import Material, look_at
from gancompress.assemble.suggest.inputs import Guess, guess_inputs
from gancompress.assemble.suggest.recipe import (
    DEAR,
    DISTILL_SHARE,
    FEW_SAMPLES,
    LEAST_STEPS,
    MOST_STEPS,
    SAMPLES,
    SOLVED_STEPS,
    Draft,
    Scale,
    batch_size,
    black_box_student,
    write,
)
from gancompress.atomic import write_text
from gancompress.batch import DRAWN, InputSpec, spec_from_json, spec_to_json
from gancompress.data.manifest import FILE
from gancompress.data.pairs import PairStore
from gancompress.errors import DataError, RecipeError
from gancompress.generators.adapted import adapted, has_lists, pick
from gancompress.generators.build import BUILT_IN, build
from gancompress.recipe.load import load_recipe
from gancompress.recipe.schema import Recipe
from gancompress.reconstruction.solver import samples_at_once
from gancompress.teachers.from_file import from_file
from gancompress.teachers.hub import is_hub, located
from gancompress.teachers.own_weights import weights_for

# Images of some range reach this share of it, as a rule.
BYTES = 8.0


@dataclass(frozen=True)
class Wanted:
    """What the user says beside the generator.

    Attributes:
        data: images that it is fed, or real ones where it is fed noise.
        weights: of a factory's module.
        kwargs: of the factory.
        inputs: as in teacher.inputs of a recipe, where they are not to be guessed.
        student: factory, where it is not to be the teacher's.
        budget: of MACs.
        hours: that a run may take.
        distill: train a supernet although weights can be solved for.
    """

    data: str = ""
    weights: str = ""
    kwargs: dict[str, Any] | None = None
    inputs: dict[str, Any] | None = None
    student: str = ""
    budget: str = "1/8"
    hours: float = 1.0
    distill: bool = False


def init(what: str, wanted: Wanted, output: Path | None) -> tuple[Path, list[str]]:
    """Write a recipe for the generator ``what``; gives its path and what was assumed.

    Args:
        what: a factory, a checkpoint or student file, or a folder of recorded pairs.
        wanted: what is known of it.
        output: the recipe; by default named after the generator.

    Raises:
        RecipeError: it cannot be found out what the generator is fed, or the file is there already.
    """
    material = look_at(wanted.data) if wanted.data else None
    name = _name(what)
    path = output or Path(f"{name}.yaml")
    if path.exists():
        raise RecipeError(f"{path}: is there already; give another --output, or remove it")
    draft, module = _draft(what, name, wanted, material)
    if draft.material is None and not draft.drawn and "pairs" not in draft.teacher:
        fed = ", ".join(n for n, e in draft.inputs.items() if e.kind not in DRAWN)
        raise RecipeError(f"--data: missing; the generator is fed {fed}: give a folder or zip")
    own = draft.student["factory"] == "teacher" and not draft.trained
    if own and len(draft.shape) == 3 and not wanted.distill:
        draft.solves = True
        draft.student.pop("init", None)
    scale = _scale(draft, module, wanted)
    steps = f"{scale.steps} steps" + (" of fine-tuning" if draft.solves else "")
    draft.told.append(
        f"{steps} of {scale.batch} samples, timed here to fit into {wanted.hours:g} hours with the "
        "search; --hours changes it"
    )
    write_text(path, write(draft, scale, str(path)))
    load_recipe(path)
    return path, draft.told


def _name(what: str) -> str:
    last = what.rpartition(":")[2] if ":" in what else Path(what).stem
    return re.sub(r"[^a-z0-9]+", "-", last.lower()).strip("-") or "run"


def _draft(
    what: str, name: str, wanted: Wanted, material: Material | None
) -> tuple[Draft, nn.Module | None]:
    """What is known of the teacher, and its module where there is one."""
    path = located(what)
    if (path / FILE).is_file():
        return _of_pairs(what, name, wanted), None
    if is_hub(what) or (":" not in what and what not in BUILT_IN and path.exists()):
        teacher = from_file(what)
        guess = guess_inputs(Network(lambda: teacher.module, teacher.module), material, what)
        keys: dict[str, Any] = {"file": what}
        told = [*guess.told, "black and white of its images are -1 and 1"]
        draft = _white(name, keys, guess, material, wanted, told, trained=False)
        return draft, teacher.module
    return _of_factory(what, name, wanted, material)


def _of_pairs(what: str, name: str, wanted: Wanted) -> Draft:
    store = PairStore(what)
    shape = tuple(store.shard(0)["output"].shape[1:])
    student = {"factory": wanted.student} if wanted.student else (
        black_box_student(store.inputs, shape)
    )  # fmt: skip
    told = ["nothing is known of the teacher but its answers: the student is a built-in one"]
    return Draft(
        name=name,
        teacher={"pairs": what},
        inputs=store.inputs,
        shape=shape,
        material=None,
        trained=False,
        student=student,
        told=told,
    )


def _of_factory(
    what: str, name: str, wanted: Wanted, material: Material | None
) -> tuple[Draft, nn.Module]:
    kwargs = wanted.kwargs or {}
    torch.manual_seed(0)
    module = build(what, **kwargs).eval()
    keys: dict[str, Any] = {"factory": what}
    if kwargs:
        keys["kwargs"] = kwargs
    if wanted.weights:
        module.load_state_dict(weights_for(module, Path(wanted.weights), what))
        keys["weights"] = wanted.weights
    lists = has_lists(wanted.inputs or {})
    network = Network(lambda: module, adapted(module, lists=lists))
    guess = _said(network, wanted, what) if wanted.inputs else guess_inputs(network, material, what)
    if not isinstance(getattr(module, "inputs", None), dict):
        keys["inputs"] = _plain(guess.inputs)
    if guess.output:
        keys["output"] = guess.output
    told = list(guess.told)
    trained = not wanted.weights
    made = answer(network.whole, **example_on(network.whole, guess.inputs))
    values = pick(made, guess.output)
    if len(guess.shape) == 3 and not trained:
        _ranges(keys, network, guess, values, told)
    draft = _white(name, keys, guess, material, wanted, told, trained=trained)
    draft.probabilities = len(guess.shape) == 1 and _within(values, 0.0, 1.0)
    if trained and (draft.kind != "noise to image" or material is None):
        raise RecipeError(
            f"--weights: missing; {what} draws its weights, and only a generator of images from "
            "noise can be trained here from scratch (with --data): give its state dict"
        )
    if trained:
        told.append("there are no weights: `teach` trains it on the images first")
    return draft, module


def _white(
    name: str,
    keys: dict[str, Any],
    guess: Guess,
    material: Material | None,
    wanted: Wanted,
    told: list[str],
    *,
    trained: bool,
) -> Draft:
    student: dict[str, Any] = {"factory": wanted.student or "teacher"}
    if not wanted.student and not trained:
        student["init"] = "teacher"
    # What is narrow already still has something to take away.
    student |= {"divisor": 4, "minimum": 4}
    return Draft(
        name=name,
        teacher=keys,
        inputs=guess.inputs,
        shape=guess.shape,
        material=material,
        trained=trained,
        student=student,
        told=told,
    )


def _said(network: Network, wanted: Wanted, what: str) -> Guess:
    """What the user says of the inputs, tried."""
    entries = {n: {"low": -1.0, "high": 1.0, "shape": [], **e}
               for n, e in (wanted.inputs or {}).items()}  # fmt: skip
    try:
        inputs = spec_from_json(entries)
    except (DataError, TypeError, KeyError) as error:
        raise RecipeError(f"--input: {error}") from error
    return guess_inputs(network, None, what, inputs)


def _ranges(
    keys: dict[str, Any], network: Network, guess: Guess, values: Tensor, told: list[str]
) -> None:
    """Black and white of the answers, and of images that it is fed, by the values seen."""
    images = [name for name, entry in guess.inputs.items() if entry.kind == "image"]
    limits = (-1.0, 1.0)
    for low, high in ((0.0, 1.0), (0.0, 255.0)):
        made = values
        if images:
            # What is fed images of some range answers in the same, as a rule.
            fed = {
                name: replace(entry, low=low, high=high) if name in images else entry
                for name, entry in guess.inputs.items()
            }
            made = pick(answer(network.whole, **example_on(network.whole, fed)), guess.output)
        if _within(made, low, high) and float(made.max()) > high / BYTES:
            limits, values = (low, high), made
            break
    least, most = float(values.min()), float(values.max())
    told.append(
        f"black and white of its images are {limits[0]:g} and {limits[1]:g}: its answers here hold "
        f"{least:.2g} to {most:.2g}"
    )
    if limits == (-1.0, 1.0):
        return
    keys["output_range"] = list(limits)
    for name in images:
        if name in keys.get("inputs", {}):
            keys["inputs"][name] |= {"low": limits[0], "high": limits[1]}
            told.append(f"black and white of {name} are the same")


def _within(values: Tensor, low: float, high: float) -> bool:
    return bool((values >= low).all() and (values <= high).all())


def _plain(inputs: InputSpec) -> dict[str, Any]:
    found = {}
    for name, entry in spec_to_json(inputs).items():
        kept = {key: value for key, value in entry.items() if key in ("kind", "shape", "classes")}
        if not kept["shape"]:
            del kept["shape"]
        found[name] = kept
    return found


def _scale(draft: Draft, module: nn.Module | None, wanted: Wanted) -> Scale:
    """How many samples a step and how many steps, by the time that passes take here."""
    if module is None:
        return Scale(32, max(LEAST_STEPS, min(MOST_STEPS, round(wanted.hours * 10_000))),
                     wanted.budget)  # fmt: skip
    tried = adapted(module, str(draft.teacher.get("output", "")), lists=has_lists(draft.inputs))
    network = Network(lambda: tried, tried)
    recipe = _timed(draft, wanted)
    supernet = assemble.make_supernet(network.bare, draft.inputs, recipe.student)
    peak = supernet.cost_model.cost(supernet.space.largest).activation_bytes
    batch = batch_size(draft, float(peak))
    about = forecast(recipe, supernet, network, network, draft.inputs)
    macs = supernet.cost_model.cost(supernet.space.largest).macs
    counted = samples_at_once(macs) if draft.solves else recipe.distill.batch_size
    seconds = DISTILL_SHARE * wanted.hours * 3600 / (2 if draft.trained else 1)
    most = SOLVED_STEPS if draft.solves else MOST_STEPS
    step = about.step * batch / counted
    steps = round(seconds / step) if step else most
    samples = FEW_SAMPLES if macs >= DEAR else SAMPLES
    return Scale(batch, max(LEAST_STEPS, min(most, steps)), wanted.budget, samples)


def _timed(draft: Draft, wanted: Wanted) -> Recipe:
    """What a step is timed of."""
    recipe = Recipe()
    if not draft.solves:
        return recipe
    return replace(
        recipe,
        reconstruct=replace(recipe.reconstruct, samples=1),
        distill=replace(recipe.distill, steps=0),
        search=replace(recipe.search, mac_budget=wanted.budget),
    )
