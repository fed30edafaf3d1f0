"""`teach` with the objective ``single_image``: a generator of one photograph (ConSinGAN)."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from gancompress import assemble
from gancompress.assemble.logs import training_logger
from gancompress.assemble.photograph import Composite, open_composite, open_pyramid, save_composite
from gancompress.assemble.teacher_data import expanded
from gancompress.atomic import replacing
from gancompress.batch import Input, InputSpec, draw_inputs
from gancompress.data.images import to_uint8
from gancompress.errors import RecipeError
from gancompress.generators.consingan import ConSinGANGenerator
from gancompress.metrics.patches import diversity, patch_distance
from gancompress.recipe.schema import Recipe
from gancompress.report.film import save_film
from gancompress.report.grid import save_grid
from gancompress.run import RunDir
from gancompress.student.file import Architecture, Student
from gancompress.teach.distort import distorted, rearranged
from gancompress.teach.options import SingleImageOptions
from gancompress.teach.single_image import (
    Feed,
    Photograph,
    new_inputs,
    reconstruction_inputs,
)
from gancompress.teach.single_image import teach_single_image as train

FEEDS: dict[str, Feed | None] = {"generate": None, "harmonise": distorted, "edit": rearranged}

# Samples in a picture, and those that the figures are taken on.
SHOWN, MEASURED = 4, 16

# Of the samples in the last picture: shares of the photograph's height and width.
SHAPES = ((1.0, 1.0), (1.0, 1.6), (1.6, 1.0))

# What they are drawn from: the recipe's seed plus this. The reconstruction has the seed itself.
SAMPLE_STREAM = 4


def teach_single_image(recipe: Recipe, run: RunDir) -> Student:
    """Train ConSinGAN on the recipe's photograph; its provenance says how like it what it makes is.

    Leaves pictures in ``samples/``, and in ``fitted.png`` and ``composite.png`` what became of a
    composite.

    Raises:
        RecipeError: the keys do not fit together or the photograph.
        DataError: the photograph, composite or mask cannot be read.
    """
    check_single_image(recipe)
    accelerator = assemble.prepare(recipe)
    keys = recipe.teach.single_image
    images = open_pyramid(recipe)
    composite = open_composite(keys, images)
    facts = _facts(recipe, images)
    main = accelerator.is_main_process
    if keys.trained and main:
        _take_over(Path(keys.trained).expanduser(), run, facts)
    accelerator.wait_for_everyone()
    generator = _train(recipe, run, accelerator, images, composite)
    if main and composite is not None:
        save_composite(generator, composite, recipe.seed, run.path)
    elif main:
        _draw_sizes(generator, images[-1], recipe.seed, run.path / "samples" / "taught.png")
    facts |= _figures(generator, images, FEEDS[keys.task], recipe.seed)
    inputs, architecture = _inputs(generator, keys), _architecture(recipe, images)
    return Student(generator, inputs, architecture, {"taught_on": facts})


def _train(
    recipe: Recipe,
    run: RunDir,
    accelerator: Accelerator,
    images: Sequence[Tensor],
    composite: Composite | None,
) -> ConSinGANGenerator:
    """The taught generator, on the CPU."""
    keys, device, main = recipe.teach.single_image, accelerator.device, accelerator.is_main_process
    architecture, own = _architecture(recipe, images[:1]), recipe.teach.discriminator
    generator = assemble.seeded(recipe.seed, architecture.build).to(device)
    assert isinstance(generator, ConSinGANGenerator)
    discriminator = assemble.build_discriminator(own.factory, own.kwargs, recipe.seed + 1)
    photograph = Photograph(
        pyramid=[image.to(device) for image in images],
        feed=FEEDS[keys.task],
        composite=None if composite is None else composite.coarsest.to(device),
        seed=recipe.seed,
    )

    frames: dict[str, Tensor] = {}

    def draw(number: int) -> None:
        if main:
            path = run.path / "samples" / f"teach-{number}.png"
            fresh = _draw(generator, photograph.pyramid, FEEDS[keys.task], recipe.seed, path)
            # As large as the last ones, so that they can follow each other in a film.
            size = images[-1].shape[-2:]
            frames[f"stage {number}"] = F.interpolate(fresh, size, mode="bicubic").cpu()

    with training_logger(recipe, run, "teach", accelerator) as logger:
        train(
            generator,
            discriminator.to(device),
            photograph,
            recipe.teach,
            logger=logger,
            evaluate=draw,
        )
    if main:
        rows = [{title: images} for title, images in frames.items()]
        save_film(rows, run.path / "samples" / "teach.webp", milliseconds=1000)
    return generator.cpu()


def _steps(recipe: Recipe) -> tuple[int, ...]:
    keys = recipe.teach.single_image
    return keys.steps or (recipe.teach.steps,) * keys.stages


def check_single_image(recipe: Recipe) -> None:
    """Refuse what is the user's to mend and no single key's fault."""
    teacher = recipe.teacher
    if teacher.factory != "consingan":
        raise RecipeError(
            f"teacher.factory: {teacher.factory!r}; single_image trains 'consingan' only"
        )
    if follow := sorted({"sizes", "borders", "channels"} & teacher.kwargs.keys()):
        raise RecipeError(
            f"teacher.kwargs.{follow[0]}: follows from the photograph and teach.single_image; "
            "leave it out"
        )
    if recipe.precision != "no":
        raise RecipeError(
            f"precision: {recipe.precision}: single_image trains in full precision, as its "
            "gradient penalty needs; leave it out"
        )
    if teacher.inputs:
        raise RecipeError("teacher.inputs: follow from the photograph; leave them out")


def _architecture(recipe: Recipe, images: Sequence[Tensor]) -> Architecture:
    sizes = [list(image.shape[-2:]) for image in images]
    borders = "noise" if recipe.teach.single_image.task == "generate" else "zero"
    given = {**recipe.teacher.kwargs, "channels": images[0].size(1)}
    return Architecture("consingan", {**given, "sizes": sizes, "borders": borders})


def _inputs(generator: ConSinGANGenerator, keys: SingleImageOptions) -> InputSpec:
    """What the taught generator is fed: noise, or a picture and noise."""
    coarsest = generator.inputs["noise_0"]
    if keys.task == "generate":
        return generator.inputs
    return {**generator.inputs, "noise_0": Input("image", coarsest.shape)}


def _facts(recipe: Recipe, images: Sequence[Tensor]) -> dict[str, Any]:
    """What the training is of."""
    pixels = to_uint8(images[-1]).contiguous().numpy().tobytes()
    return {
        "data": Path(expanded(recipe.data.source)).name,
        "photograph": hashlib.sha256(pixels).hexdigest()[:16],
        "task": recipe.teach.single_image.task,
        "sizes": [list(image.shape[-2:]) for image in images],
        "steps": list(_steps(recipe)),
    }


def _take_over(trained: Path, run: RunDir, facts: dict[str, Any]) -> None:
    """Copy the stages that another run has trained, where this one has not begun them."""
    other = RunDir.open(trained).facts("teach")
    for name in ("photograph", "task", "sizes", "steps"):
        if other.get(name) != facts[name]:
            raise RecipeError(
                f"teach.single_image.trained: {trained}: its {name} is {other.get(name)}, here it "
                f"is {facts[name]}; take the same, or leave it out"
            )
    for stage in range(len(facts["sizes"])):
        place = Path("checkpoints") / f"teach-{stage}.pt"
        source, target = trained / place, run.path / place
        if source.is_file() and not target.exists():
            with replacing(target) as temporary:
                shutil.copy(source, temporary)


def _draw(
    generator: ConSinGANGenerator,
    images: Sequence[Tensor],
    feed: Feed | None,
    seed: int,
    path: Path,
) -> Tensor:
    """A row of the photograph at this stage, its reconstruction and samples; gives the samples."""
    # A finetuning on a composite comes after the last stage.
    real = images[len(generator.body) - 1]
    with torch.no_grad():
        again = generator(**reconstruction_inputs(generator, images[0], seed))
        fresh: Tensor = generator(
            **new_inputs(generator, images[0], feed, SHOWN, seed + SAMPLE_STREAM)
        )
    columns = ["photograph", "reconstruction", *(f"sample {k + 1}" for k in range(SHOWN))]
    save_grid({"": torch.cat([real, again, fresh])}, path, columns)
    return fresh


def _draw_sizes(generator: ConSinGANGenerator, photograph: Tensor, seed: int, path: Path) -> None:
    """The photograph above samples of its own shape, and of wider and taller ones."""
    height, width = photograph.shape[-2:]
    rows = {"photograph": photograph.expand(SHOWN, -1, -1, -1)}
    for high, wide in SHAPES:
        size = round(height * high), round(width * wide)
        inputs = draw_inputs(generator.inputs_for(size), range(SHOWN), seed + SAMPLE_STREAM)
        with torch.no_grad():
            rows[f"{size[1]} × {size[0]}"] = generator(**inputs)
    save_grid(rows, path)


def _figures(
    generator: ConSinGANGenerator, images: Sequence[Tensor], feed: Feed | None, seed: int
) -> dict[str, float]:
    """How like the photograph what is made is, and how varied."""
    photograph = to_uint8(images[-1])
    with torch.no_grad():
        again = generator(**reconstruction_inputs(generator, images[0], seed))
        made = to_uint8(
            generator(**new_inputs(generator, images[0], feed, MEASURED, seed + SAMPLE_STREAM))
        )
    error = F.mse_loss(again, images[-1]).sqrt()
    return {
        "reconstruction_error": round(float(error) / 2, 5),
        "patch_distance": round(patch_distance(made, photograph), 5),
        "diversity": round(diversity(made, photograph), 4),
    }
