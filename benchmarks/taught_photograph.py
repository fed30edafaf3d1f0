"""What `teach` made of one photograph: figures, picture, weights of 16 bits, a model card.

python -m benchmarks.taught_photograph runs/teach-consingan-1 teach_consingan_angkorwat \
    --terms "sample image of ConSinGAN, MIT" --quality "What a person sees on it, honestly."

A run that fitted a composite in has figures and picture only: its teacher is of use for that one.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.record import record, surroundings, table
from benchmarks.start import arguments_of, folder, is_quick, parser_of
from benchmarks.taught import minutes_of, save_jpeg
from gancompress.assemble.photograph import open_pyramid
from gancompress.atomic import write_text
from gancompress.batch import draw_inputs
from gancompress.data.images import to_uint8
from gancompress.metrics.patches import diversity, patch_distance
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.student.file import load_student, save_student
from gancompress.workflows.opening import existing_run

# What is measured on: other samples than those of the training's own figures.
SAMPLES, STREAM = 64, 5

# The pictures are small; what is drawn is enlarged by this.
ENLARGED = 2


def figures(weights: Path, photograph: torch.Tensor, seed: int) -> list[dict[str, Any]]:
    """Samples of the kept weights, and what another picture of the same place would have."""
    teacher = load_student(weights)
    with torch.no_grad():
        made = teacher.module(**draw_inputs(teacher.inputs, range(SAMPLES), seed + STREAM))
    real, made = to_uint8(photograph), to_uint8(made)
    half = real.size(-1) // 2
    mirrored = real.flip(-1)
    return [
        {
            "name": f"{SAMPLES} samples",
            "patch_distance": patch_distance(made, real),
            "diversity": diversity(made, real),
        },
        {"name": "mirror image", "patch_distance": patch_distance(mirrored, real)},
        {
            "name": "left half against right half",
            "patch_distance": patch_distance(real[..., :half], real[..., half:]),
        },
    ]


def card(name: str, options: argparse.Namespace, recipe: Recipe, facts: dict[str, Any]) -> str:
    """What whoever uses the weights should know."""
    about, taught, keys = surroundings(), facts["taught"], recipe.teach
    steps = list(keys.single_image.steps or [keys.steps] * keys.single_image.stages)
    sizes = ", ".join(f"{height}×{width}" for height, width in taught["sizes"])
    changes = f" {facts['changes']}" if facts["changes"] else ""
    lines = [
        f"# {name}",
        "",
        f"- **What**: ConSinGAN of width {recipe.teacher.kwargs['width']}, {facts['params']:,} "
        f"parameters, taught from scratch on one photograph; 16-bit weights, "
        f"{facts['bytes'] / 1e6:.2f} MB. Makes pictures of any size and aspect ratio.",
        f"- **Data**: `{taught['data']}`, one photograph. {options.terms}",
        f"- **Training**: {sum(steps):,} steps, {steps} at the sizes {sizes}, "
        f"in {facts['minutes']:g} minutes on {about['machine']['processor']} (1 thread), PyTorch "
        f"{about['versions']['torch']}. {options.note}",
        f"- **Again**: `gancompress teach recipes/teach-consingan.yaml "
        f"data.source={taught['data']}{changes}`, then `python -m benchmarks.taught_photograph`.",
        f"- **Use**: `gancompress sample benchmarks/teachers/{name}.safetensors --size 64x160`, or "
        f"`teacher: {{file: benchmarks/teachers/{name}.safetensors}}` in a recipe.",
        "",
        f"Reconstruction error {taught['reconstruction_error']:.3f} (root mean square, of the "
        "range from black to white). `patch_distance`: Fréchet distance of 7×7 pixel patches to "
        "those of the photograph, no SIFID. `diversity`: 0 where all samples are one picture.",
        "",
        "```",
        table(facts["rows"]),
        "```",
        "",
        f"![samples](../results/{name}.jpg)",
        "",
        f"How good it is: {options.quality}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("name")
    parser.add_argument("--terms", required=not is_quick(), help="terms of the photograph")
    parser.add_argument(
        "--quality", required=not is_quick(), help="what a person sees on the picture"
    )
    parser.add_argument("--changes", default="", help="overrides of the recipe, but data.source")
    parser.add_argument("--note", default="", help="circumstances of the training")
    options = arguments_of(parser, terms="", quality="")
    recipe, run = existing_run(options.run, Path("runs"), "teach")
    facts = {
        "note": options.note,
        "changes": options.changes,
        "quality": options.quality,
        "minutes": minutes_of(run),
        "taught": run.facts("teach"),
    }
    fitted = (run.path / "composite.png").is_file()
    drawn = run.path / ("composite.png" if fitted else "samples/taught.png")
    picture = Image.open(drawn).convert("RGB")
    size = picture.width * ENLARGED, picture.height * ENLARGED
    save_jpeg(
        picture.resize(size, Image.Resampling.NEAREST), folder("results") / f"{options.name}.jpg"
    )
    if fitted:
        record(options.name, [keep_figures(run)], **facts)
        return

    # Keep the weights; what is measured is what was kept.
    weights = folder("teachers") / f"{options.name}.safetensors"
    teacher = load_student(run.path / "teacher.safetensors")
    save_student(teacher, weights, half=True)
    rows = figures(weights, open_pyramid(recipe)[-1], recipe.seed)
    facts["params"] = sum(p.numel() for p in teacher.module.parameters())
    facts["bytes"] = weights.stat().st_size
    record(options.name, rows, **facts)
    text = card(options.name, options, recipe, {**facts, "rows": rows})
    write_text(weights.with_suffix(".md"), text)


def keep_figures(run: RunDir) -> dict[str, Any]:
    """The figures of a run's own facts."""
    taught = run.facts("teach")
    return {name: taught[name] for name in ("reconstruction_error", "patch_distance", "diversity")}


if __name__ == "__main__":
    main()
