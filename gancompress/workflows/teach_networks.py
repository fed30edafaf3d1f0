"""Whether a recipe's generator, discriminator and images fit together, before they are trained."""

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
    told: bool,
    jitter: int,
) -> None:
    """Try both networks once.

    Args:
        generator: is fed ``inputs``.
        discriminator: judges what it makes.
        inputs: of the generator; one image or label map.
        shape: (C, H, W) of the real images.
        told: the discriminator sees the input beside the image.
        jitter: pixels by which input and image are enlarged alike.

    Raises:
        RecipeError: one of them cannot take what it is given, or makes images of another shape.
    """
    batch = example_inputs(inputs, 2)
    made = _tried(generator, "teacher.factory: cannot take what it says it is fed", **batch)
    if not isinstance(made, Tensor) or tuple(made.shape[1:]) != shape:
        sizes = "×".join(map(str, made.shape[1:])) if isinstance(made, Tensor) else type(made)
        raise RecipeError(
            f"data.resolution, data.channels: the real images are {'×'.join(map(str, shape))}, the "
            f"teacher makes {sizes}; make them equal"
        )
    (shown,) = batch.values()
    if jitter and shown.shape[2:] != made.shape[2:]:
        raise RecipeError(
            f"teach.jitter: {jitter} pixels of inputs and images of different sizes; write 0"
        )
    seen = "images of {} channels{}".format(
        shape[0], f" beside inputs of {shown.shape[1]} as `condition`" if told else ""
    )
    conditions = {"condition": shown} if told else {}
    answer = _tried(
        discriminator,
        f"teach.discriminator: cannot judge {seen} (patchgan with in_channels "
        f"{shape[0] + (shown.shape[1] if told else 0)} can)",
        made,
        **conditions,
    )
    if not (isinstance(answer, tuple) and len(answer) == 2):
        raise RecipeError(
            "teach.discriminator.factory: must answer logits and a list of feature maps, not "
            f"{type(answer).__name__}"
        )


def _tried(module: nn.Module, problem: str, *arguments: Any, **named: Any) -> Any:
    # Evaluating leaves running statistics alone.
    module.eval()
    with torch.no_grad():
        try:
            return module(*arguments, **named)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            raise RecipeError(f"{problem}: {' '.join(str(error).split())[:200]}") from None
