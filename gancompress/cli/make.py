"""Verbs that make images with a finished generator: from pictures, from noise, on a local page."""

import argparse
from pathlib import Path

from gancompress.cli.verbs import Verbs, add_generator, add_verb, generator_of, read_settings, whole
from gancompress.options import LARGEST_SEED

# Pictures whose tags are shown on the terminal.
SHOWN = 3


def shrink_verb(verbs: Verbs) -> None:
    """Add the verb `shrink`."""
    text = "Make a small generator of a trained one in minutes, by least squares: no recipe needed."
    example = (
        "gancompress shrink my_models.py:build --weights w.pth --data photos/ --mac-budget 1/8"
    )
    parser = add_verb(verbs, "shrink", text, example, _do_shrink)
    parser.add_argument(
        "what", help="built-in name, module:attr or file.py:attr of the module, or a teacher file"
    )
    parser.add_argument(
        "kwargs",
        nargs="*",
        metavar="key=value",
        help="arguments of the factory, or settings of the file (part=a2b)",
    )
    parser.add_argument("--weights", type=Path, help="file with the weights of the module")
    parser.add_argument(
        "--data",
        type=Path,
        help="folder or zip of images that it is fed; not needed where inputs are drawn",
    )
    parser.add_argument(
        "--mac-budget", default="1/8", help="MACs of a sample, or a share (default: 1/8)"
    )
    parser.add_argument(
        "--run", type=Path, default=Path("runs/shrink"), help="folder (default: runs/shrink)"
    )
    parser.add_argument(
        "--format",
        action="append",
        choices=[".onnx", ".pt2", ".xml"],
        help="of the exported files; may be repeated (default: .onnx)",
    )
    _add_shrink_numbers(parser)


def _add_shrink_numbers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--samples", type=int, default=0, help="inputs to solve on (default: 48, latents: 512)"
    )
    parser.add_argument("--trials", type=int, default=40, help="subnets compared (default: 40)")
    parser.add_argument(
        "--steps", type=int, default=300, help="updates of the fine-tuning (default: 300)"
    )
    parser.add_argument(
        "--detail",
        type=int,
        default=0,
        metavar="STEPS",
        help="updates beside a discriminator, 1000 or more: sharper pictures (default: 0)",
    )
    parser.add_argument("--depth", action="store_true", help="residual branches may be dropped")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="of the processor (default: PyTorch's)")


def _do_shrink(options: argparse.Namespace) -> None:
    import torch

    from gancompress.api.shrink import ShrinkOptions
    from gancompress.workflows.shrink import shrink

    how = ShrinkOptions(
        samples=options.samples,
        trials=options.trials,
        steps=options.steps,
        detail=options.detail,
        depth=options.depth,
        formats=tuple(options.format or [".onnx"]),
        seed=options.seed,
    )
    if options.threads is not None:
        torch.set_num_threads(max(1, options.threads))
    text = shrink(
        options.what,
        read_settings(options.kwargs),
        weights=options.weights,
        data=options.data,
        mac_budget=options.mac_budget,
        run=options.run,
        options=how,
    )
    print(text)


def apply_verb(verbs: Verbs) -> None:
    """Add the verb `apply`."""
    text = (
        "Run an image translator, or a network that answers scores, on a picture, a folder or zip "
        "of pictures, or a film."
    )
    example = "gancompress apply runs/style-1 photos/ styled/ --compare teacher.safetensors"
    parser = add_verb(verbs, "apply", text, example, _do_apply)
    parser.add_argument("what", type=Path, help="run directory, student, teacher or .onnx file")
    parser.add_argument("source", type=Path, metavar="in", help="picture, folder, zip or film")
    parser.add_argument(
        "output",
        type=Path,
        metavar="out",
        help="folder; a .png for one picture; an .mp4 for a film; .csv or .json for the best tags "
        "of a network that answers scores",
    )
    parser.add_argument(
        "--compare",
        type=Path,
        nargs="?",
        const=Path(),
        metavar="NETWORK",
        help="show input and output side by side; with a second network, its output between them",
    )
    parser.add_argument(
        "--tile",
        type=whole(0),
        help="largest side run at once; 0: never cut (default: cut above a megapixel, where it "
        "changes nothing)",
    )
    parser.add_argument("--overwrite", action="store_true", help="make again what is there")
    parser.add_argument("--top", type=whole(1), default=30, help="tags of a picture (default: 30)")
    parser.add_argument("--tags", type=Path, metavar="FILE", help="names of the scores, one a line")
    add_generator(parser)


def _do_apply(options: argparse.Namespace) -> None:
    from gancompress.errors import RecipeError
    from gancompress.workflows.apply import apply
    from gancompress.workflows.tags import SUFFIXES

    if options.tile is not None and options.tile < 0:
        raise RecipeError(f"--tile {options.tile}: must be 0 or more")
    if options.output.suffix.lower() in SUFFIXES:
        _do_tag(options)
        return
    compare: Path | None = options.compare
    done = apply(
        generator_of(options),
        options.source,
        options.output,
        tile=options.tile,
        compare=compare if compare != Path() else None,
        side_by_side=compare is not None,
        overwrite=options.overwrite,
    )
    film = options.output.suffix.lower() == ".mp4"
    kept = f", {done.kept} {'film was' if film else 'were'} there already" if done.kept else ""
    print(f"{options.output}: {done.written} {'frames' if film else 'pictures'} written{kept}")
    if done.rule.fixed is not None:
        height, width = done.rule.fixed
        print(f"the network takes {height}×{width} only: pictures were resized to that")


def _do_tag(options: argparse.Namespace) -> None:
    from gancompress.workflows.tags import tag

    found = tag(
        generator_of(options), options.source, options.output, top=options.top, names=options.tags
    )
    for one in found[:SHOWN]:
        print(one.picture, *(f"  {score:10.4g}  {name}" for name, score in one.tags), sep="\n")
    print(f"{options.output}: the best tags of {len(found)} pictures")


def generate_verb(verbs: Verbs) -> None:
    """Add the verb `generate`."""
    text = "Write images that a generator makes from noise, as class folders, a zip or tensors."
    example = "gancompress generate runs/quickstart-1 images/ --count 50000"
    parser = add_verb(verbs, "generate", text, example, _do_generate)
    parser.add_argument("what", type=Path, help="run directory, student or teacher file")
    parser.add_argument("output", type=Path, help="folder, .zip or .safetensors")
    parser.add_argument("--count", type=whole(1), default=1000, help="images (default: 1000)")
    parser.add_argument(
        "--label", default="each", help="class of all images, or 'each' for classes in turn"
    )
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    parser.add_argument("--batch-size", type=whole(1), default=64, help="at once (default: 64)")
    add_generator(parser)


def _do_generate(options: argparse.Namespace) -> None:
    from gancompress.errors import RecipeError
    from gancompress.workflows.generate import generate

    for name in ("count", "batch_size"):
        if getattr(options, name) < 1:
            option = "--" + name.replace("_", "-")
            raise RecipeError(f"{option} {getattr(options, name)}: must be 1 or more")
    if not 0 <= options.seed < 2**64:
        raise RecipeError(f"--seed {options.seed}: must be 0 or more and below 2^64")
    label: int | None = None
    if options.label != "each":
        if not options.label.isdecimal():
            raise RecipeError(f"--label {options.label}: the number of a class, or 'each'")
        label = int(options.label)
    order = generate(
        generator_of(options),
        options.output,
        count=options.count,
        seed=options.seed,
        label=label,
        batch_size=options.batch_size,
    )
    print(f"{options.output}: {order.count} images")


def demo_verb(verbs: Verbs) -> None:
    """Add the verb `demo`."""
    text = "Serve a local page to play with a run: slide along its front, teacher beside student."
    parser = add_verb(verbs, "demo", text, "gancompress demo runs/quickstart-1", _do_demo)
    parser.add_argument("what", type=Path, help="run directory or student file")
    parser.add_argument("--port", type=whole(0, 65_535), default=8765, help="default: 8765")
    parser.add_argument("--factory", help="of a student whose architecture is not built in")


def _do_demo(options: argparse.Namespace) -> None:
    from gancompress.errors import RecipeError
    from gancompress.workflows.demo import demo

    if not 1 <= options.port <= 65535:
        raise RecipeError(f"--port {options.port}: must be from 1 to 65535")
    demo(options.what, port=options.port, factory=options.factory)
