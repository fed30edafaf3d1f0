"""What a generator is fed and which of its tensors is the answer, found by running it."""

import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from gancompress.assemble.check.network import UNFIT, Network, answer, example_on
from gancompress.assemble.suggest.data import Material
from gancompress.batch import Input, InputSpec
from gancompress.errors import DataError, RecipeError
from gancompress.generators.adapted import choices

# What a name says, where it says something.
_NAMES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("label_map", re.compile(r"(seg|label_?map|semantic|mask|layout)", re.IGNORECASE)),
    ("label", re.compile(r"(^y$|^c$|label|class|cls|category)", re.IGNORECASE)),
    ("tokens", re.compile(r"(token|caption|prompt|text|input_ids|^ids$|words)", re.IGNORECASE)),
    ("latent", re.compile(r"(^z\d*$|^w$|latent|noise|eps|code|jitter|style_?code)", re.IGNORECASE)),
    ("image", re.compile(r"(image|img|photo|pic|pixel|content|frame|source|input|^x$|^lr$|^a$)",
                         re.IGNORECASE)),
)  # fmt: skip

# Attributes under which modules keep the size of their latent, and their number of classes.
_LATENTS = ("z_dim", "latent_dim", "nz", "dim_z", "latent_size", "z_size", "noise_dim", "n_z")
_CLASSES = ("n_classes", "num_classes", "n_class", "classes", "c_dim", "label_dim", "y_dim")

# Combinations of guesses that are tried, and the length of a sequence of tokens.
TRIES, LENGTH = 400, 16


@dataclass(frozen=True)
class Guess:
    """What was found.

    Attributes:
        inputs: that the generator runs on.
        output: names its answer; empty where it returns one tensor.
        shape: of the answer.
        told: what was assumed, in plain words.
    """

    inputs: InputSpec
    output: str
    shape: tuple[int, ...]
    told: tuple[str, ...]


def guess_inputs(
    network: Network, material: Material | None, what: str, given: InputSpec | None = None
) -> Guess:
    """Find inputs that ``network`` runs on, by the names of its arguments and by its layers.

    Args:
        network: a generator.
        material: the user's images, for their size.
        what: names the generator in messages.
        given: its inputs, where they are known; what it returns is found all the same.

    Raises:
        RecipeError: nothing that was tried fits.
    """
    module = network.bare
    if given is not None:
        made = network(f"{what}: cannot take these inputs", **example_on(module, given))
        return _guess(given, made, (), what)
    own = getattr(module, "inputs", None)
    if isinstance(own, dict) and own and all(isinstance(e, Input) for e in own.values()):
        made = network(f"{what}: cannot take what it says it is fed", **example_on(module, own))
        return _guess(own, made, ("what it is fed is what it says itself",), what)
    names = _arguments(module, what)
    options = [list(_candidates(name, module, material)) for name in names]
    # Without data first; some networks run with data only.
    for form in network.attempts():
        for combination in itertools.islice(_in_order(options), TRIES):
            inputs = dict(zip(names, combination, strict=True))
            try:
                made = answer(form, **example_on(form, inputs))
                return _guess(inputs, made, _told(inputs), what)
            except (*UNFIT, DataError):
                continue
    raise RecipeError(
        f"{what}: none of {TRIES} guesses of what {', '.join(names)} may be made it run; say it: "
        "--input 'NAME={kind: normal, shape: [128]}', as in teacher.inputs of a recipe"
    )


def _arguments(module: nn.Module, what: str) -> list[str]:
    parameters = inspect.signature(module.forward).parameters.values()
    wild = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [p.name for p in parameters if p.kind not in wild and p.default is p.empty]
    if not names:
        raise RecipeError(
            f"{what}: its forward names no argument that must be given; say what it is fed: "
            "--input 'NAME={kind: normal, shape: [128]}'"
        )
    return names


def _in_order(options: list[list[Input]]) -> Iterator[tuple[Input, ...]]:
    """All combinations, those of the first guesses first."""
    indices = itertools.product(*(range(len(option)) for option in options))
    for chosen in sorted(indices, key=sum):
        yield tuple(option[index] for option, index in zip(options, chosen, strict=True))


def _candidates(name: str, module: nn.Module, material: Material | None) -> Iterator[Input]:
    kinds = {
        "latent": _latents, "image": _images, "label": _labels, "tokens": _tokens,
        "label_map": _label_maps,
    }  # fmt: skip
    said = next((kind for kind, pattern in _NAMES if pattern.search(name)), None)
    order = [said, *(kind for kind in kinds if kind != said)] if said else list(kinds)
    for kind in order:
        yield from kinds[kind](module, material)


def _latents(module: nn.Module, _: Material | None) -> Iterator[Input]:
    sizes = [int(n) for key in _LATENTS if isinstance(n := getattr(module, key, None), int)]
    embedded = [m.embedding_dim for m in module.modules() if isinstance(m, nn.Embedding)]
    linear = [m.in_features for m in module.modules() if isinstance(m, nn.Linear)]
    sizes += linear[:4]
    sizes += [n - part for n in linear[:2] for part in embedded if n > part]
    maps = [m.in_channels for m in module.modules() if isinstance(m, nn.ConvTranspose2d)][:1]
    for size in dict.fromkeys(sizes):
        yield Input("normal", (size,))
    for size in dict.fromkeys([*maps, *sizes]):
        yield Input("normal", (size, 1, 1))


def _images(module: nn.Module, material: Material | None) -> Iterator[Input]:
    first = next((m.in_channels for m in module.modules() if isinstance(m, nn.Conv2d)), 3)
    sizes = [material.size] if material else []
    for channels in dict.fromkeys([first if first in (1, 3) else 3, 3, 1]):
        for size in [*sizes, (256, 256), (64, 64), (32, 32)]:
            yield Input("image", (channels, *size))


def _labels(module: nn.Module, _: Material | None) -> Iterator[Input]:
    for embedding in (m for m in module.modules() if isinstance(m, nn.Embedding)):
        yield Input("label", (), classes=embedding.num_embeddings)
    for key in _CLASSES:
        if isinstance(count := getattr(module, key, None), int) and count > 1:
            yield Input("one_hot", (count,))
    for layer in (m for m in module.modules() if isinstance(m, nn.Linear)):
        if 1 < layer.in_features <= 1000:
            yield Input("one_hot", (layer.in_features,))


def _tokens(module: nn.Module, _: Material | None) -> Iterator[Input]:
    for embedding in (m for m in module.modules() if isinstance(m, nn.Embedding)):
        yield Input("tokens", (LENGTH,), classes=embedding.num_embeddings)


def _label_maps(module: nn.Module, material: Material | None) -> Iterator[Input]:
    first = next((m.in_channels for m in module.modules() if isinstance(m, nn.Conv2d)), 0)
    if first:
        yield Input("label_map", (first, *(material.size if material else (256, 256))))


def _guess(inputs: InputSpec, made: Any, told: tuple[str, ...], what: str) -> Guess:
    if isinstance(made, Tensor):
        if made.ndim not in (2, 4):
            raise ValueError(f"an answer of {tuple(made.shape)}")
        return Guess(inputs, "", tuple(made.shape[1:]), told)
    found = {name: shape for name, shape in choices(made).items() if len(shape) in (2, 4)}
    if not found:
        raise RecipeError(f"{what}: returns a {type(made).__name__} without images or scores")

    def plausible(name: str) -> tuple[bool, bool, int]:
        shape = found[name]
        pixels = shape[2] * shape[3] if len(shape) == 4 else 0
        return len(shape) == 4, shape[1] in (1, 3), pixels

    # Of several the first of those that look most like a picture.
    best = max(found, key=plausible)
    others = ", ".join(name for name in found if name != best)
    note = f"of several tensors that it returns, {best} is the answer" + (
        f" ({others}: not)" if others else ""
    )
    return Guess(inputs, best, found[best][1:], (*told, note))


def _told(inputs: InputSpec) -> tuple[str, ...]:
    return tuple(
        f"{name} is {entry.kind}"
        + (f" {list(entry.shape)}" if entry.shape else "")
        + (f" of {entry.classes}" if entry.classes else "")
        + ", by its name and what the network runs on"
        for name, entry in inputs.items()
    )
