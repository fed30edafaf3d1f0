"""Whether a recipe's generator, discriminator and images fit together, before they are trained."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gancompress.batch import Input, InputSpec, example_inputs
from gancompress.errors import RecipeError


def the_input(inputs: InputSpec, objective: str) -> tuple[str, Input]:
    """Name and kind of the one input of a generator that is fed images or label maps.

    Raises:
        RecipeError: it has another input, or others beside it.
    """
    if len(inputs) != 1 or any(e.kind not in ("image", "label_map") for e in inputs.values()):
        raise RecipeError(
            f"teacher.factory: takes {', '.join(inputs)}; teach.objective {objective} trains "
            "generators of one image or label map, e.g. unet, resnet or spade"
        )
    return next(iter(inputs.items()))


def check_networks(
    generator: nn.Module,
    discriminator: nn.Module,
    inputs: InputSpec,
    shape: tuple[int, ...],
    *,
    conditions: Mapping[str, str],
    jitter: int = 0,
) -> None:
    """Try both networks once.

    Args:
        generator: is fed ``inputs``; may be on the meta device, and the discriminator with it.
        discriminator: takes its images.
        inputs: of the generator.
        shape: (C, H, W) of the real images.
        conditions: which of the inputs the discriminator is given beside the image, by its
            argument.
        jitter: pixels by which input and image are enlarged alike.

    Raises:
        RecipeError: one of them cannot take what it is given, or makes images of another shape.
    """
    batch = example_inputs(inputs)
    if any(parameter.is_meta for parameter in generator.parameters()):
        batch = {name: value.to("meta") for name, value in batch.items()}
    made = _tried(generator, "teacher.factory: cannot take what it says it is fed", **batch)
    if not isinstance(made, Tensor) or tuple(made.shape[1:]) != shape:
        makes = _size(made.shape[1:]) if isinstance(made, Tensor) else type(made).__name__
        raise RecipeError(
            f"data.resolution, data.channels: the real images are {_size(shape)}, the teacher "
            f"makes {makes}; make them equal, here or in teacher.kwargs"
        )
    if jitter and any(value.shape[2:] != made.shape[2:] for value in batch.values()):
        raise RecipeError(
            f"teach.jitter: {jitter} pixels of inputs and images of different sizes; write 0"
        )
    given = {argument: batch[name] for argument, name in conditions.items()}
    seen = "".join(f" beside {_size(x.shape[1:])} as `{n}`" for n, x in given.items())
    pictured = all(x.ndim == made.ndim for x in given.values())
    channels = shape[0] + sum(x.shape[1] for x in given.values())
    answer = _tried(
        discriminator,
        f"teach.discriminator: cannot judge images of {_size(shape)}{seen}"
        + (f" (patchgan with in_channels {channels} can)" if pictured else ""),
        made,
        **given,
    )
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise RecipeError(
            "teach.discriminator.factory: must answer logits and a list of feature maps, not "
            f"{type(answer).__name__}"
        )


def _size(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _tried(module: nn.Module, problem: str, *arguments: Any, **named: Any) -> Any:
    # Evaluating leaves running statistics alone.
    module.eval()
    with torch.random.fork_rng(), torch.no_grad():
        try:
            return module(*arguments, **named)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            raise RecipeError(f"{problem}: {' '.join(str(error).split())[:200]}") from None
