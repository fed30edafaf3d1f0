"""Whether a stage goes on from what it has where the recipe asks for more of the same."""

from collections.abc import Callable, Mapping
from typing import Any

from gancompress.assemble.identity import Identity
from gancompress.recipe.schema import Recipe

# The keys by which a stage grows.
GROWS: dict[str, tuple[str, ...]] = {
    "teach": ("teach.steps",),
    "collect": ("collect.count",),
    "distill": ("distill.steps",),
}


def grows(stage: str, old: Identity, new: Identity) -> bool:
    """Whether ``new`` asks for more of what ``old`` asked for, and for nothing else."""
    before, after = old.get("recipe", {}), new.get("recipe", {})
    rest = ("format", "files", "where", "consumed", "skipped")
    if stage not in GROWS or any(old.get(name) != new.get(name) for name in rest):
        return False
    changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    return bool(changed) and changed <= set(GROWS[stage]) and _larger(changed, before, after)


def obstacle(stage: str, recipe: Recipe) -> str:
    """Why a longer training is another one from its first step on; empty where it is not."""
    find = OBSTACLES.get(stage)
    return find(recipe) if find else ""


def _larger(keys: set[str], old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(new.get(key, 0) > old.get(key, 0) for key in keys)


def _in_distill(recipe: Recipe) -> str:
    keys = recipe.distill
    fading = [name for name, term in keys.terms.items() if term.decay != "constant"]
    if keys.schedule != "constant":
        return f"distill.schedule {keys.schedule} is drawn out over all steps"
    if fading:
        return f"distill.terms.{fading[0]}.decay is drawn out over all steps"
    if keys.subnets == "progressive":
        return "distill.subnets progressive is drawn out over all steps"
    if keys.online:
        return _in_teach(recipe)
    return ""


def _in_teach(recipe: Recipe) -> str:
    keys = recipe.teach
    if keys.objective == "single_image":
        return "single_image trains one size after the other"
    if keys.objective != "adversarial" and keys.decay_from < 1:
        return "teach.decay_from is a share of all steps"
    return ""


OBSTACLES: dict[str, Callable[[Recipe], str]] = {"teach": _in_teach, "distill": _in_distill}
