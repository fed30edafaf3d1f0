"""Verbs that measure images, and train what to measure them with."""

import argparse
import sys
from pathlib import Path

from gancompress.cli.verbs import (
    Verbs,
    add_generator,
    add_json,
    add_verb,
    generator_of,
    real,
    whole,
)
from gancompress.options import LARGEST_SEED


def evaluate_verb(verbs: Verbs) -> None:
    """Add the verb `evaluate`."""
    text = "Score a run, a student or teacher file, a folder or a zip against real images."
    example = "gancompress evaluate student.safetensors --against photos.zip --metrics frechet kid"
    parser = add_verb(verbs, "evaluate", text, example, _do_evaluate)
    parser.add_argument(
        "what", type=Path, help="run directory, student or teacher file, folder or zip"
    )
    parser.add_argument(
        "--against", required=True, help="'digits', folder, zip, or .npz statistics"
    )
    parser.add_argument(
        "--extractor", default="inception", help="inception, a classifier file, module:attr, …"
    )
    parser.add_argument("--metrics", nargs="+", default=["frechet", "kid", "manifold"])
    parser.add_argument("--samples", type=whole(2), default=10_000, help="images to generate")
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    parser.add_argument("--batch-size", type=whole(1), default=64)
    parser.add_argument("--device", default="auto", help="auto or cpu (default: auto)")
    add_generator(parser)
    parser.add_argument(
        "--inputs",
        type=Path,
        help="images that an image-to-image network is fed, at their size if it takes it",
    )
    parser.add_argument("--output", type=Path, help="folder for scores.json and pictures")
    parser.add_argument(
        "--tsne",
        type=whole(10, 5000),
        nargs="?",
        const=1000,
        metavar="IMAGES",
        help="show so many images of either side on one map, like ones near (default: 1000)",
    )
    add_json(parser)


def _do_evaluate(options: argparse.Namespace) -> None:
    import json
    from dataclasses import replace

    from accelerate import PartialState

    from gancompress.metrics.options import EvaluationOptions
    from gancompress.workflows.evaluate import evaluate
    from gancompress.workflows.tsne import draw_tsne

    how = EvaluationOptions(
        samples=options.samples, seed=options.seed, batch_size=options.batch_size, progress=True
    )
    what = generator_of(options, options.inputs)
    found = evaluate(
        what,
        options.against,
        extractor=options.extractor,
        metrics=options.metrics,
        options=how,
        device=options.device,
        output=options.output,
    )
    if PartialState().is_main_process and options.json:
        print(json.dumps([score.to_json() for score in found.scores], indent=2))
    elif PartialState().is_main_process:
        print(found.text)
    if PartialState().is_main_process and options.tsne:
        map_file = draw_tsne(
            what,
            options.against,
            extractor=options.extractor,
            options=replace(how, samples=options.tsne),
            device=options.device,
            output=options.output,
        )
        print(map_file, file=sys.stderr if options.json else sys.stdout)


def extractor_verb(verbs: Verbs) -> None:
    """Add the verb `train-extractor`."""
    text = "Train a small classifier on labelled images, to measure generators of them with."
    example = "gancompress train-extractor photos/ shapes.safetensors --size 32"
    parser = add_verb(verbs, "train-extractor", text, example, _do_extractor)
    parser.add_argument("data", help="'digits', or a folder or zip with one folder a class")
    parser.add_argument("output", type=Path, help="file to write, *.safetensors")
    parser.add_argument("--size", type=whole(8, 64), default=32, help="pixels (default: 32)")
    parser.add_argument("--channels", type=int, default=3, choices=[1, 3])
    parser.add_argument("--steps", type=whole(1), default=600)
    parser.add_argument("--held-out", type=real(0, 0.9), default=0.2, help="share for its accuracy")
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)


def _do_extractor(options: argparse.Namespace) -> None:
    from gancompress.metrics.classifier import ClassifierOptions
    from gancompress.workflows.train_extractor import train_extractor

    accuracy = train_extractor(
        options.data,
        options.output,
        options=ClassifierOptions(size=options.size, steps=options.steps),
        channels=options.channels,
        held_out=options.held_out,
        seed=options.seed,
    )
    print(f"{options.output}: {accuracy:.1%} of the held-out images recognised")


def quantise_verb(verbs: Verbs) -> None:
    """Add the verb `quantise`."""
    text = "Put a classifier into 8-bit integers, calibrated by real or synthetic images; compare."
    example = (
        "gancompress quantise resnet20:weights.safetensors --evaluate cifar10.zip "
        "--calibrate runs/cifar10-1 --calibrate noise"
    )
    parser = add_verb(verbs, "quantise", text, example, _do_quantise)
    parser.add_argument("classifier", help="an extractor with classes, e.g. resnet20:FILE")
    parser.add_argument(
        "--evaluate", type=Path, required=True, metavar="LABELLED", help="images in class folders"
    )
    parser.add_argument(
        "--calibrate",
        action="append",
        required=True,
        metavar="SOURCE",
        help="images, run or student file, noise, fractals or constant; may be given again",
    )
    parser.add_argument(
        "--runtime",
        action="append",
        choices=["onnx", "openvino"],
        help="may be given again (default: onnx)",
    )
    parser.add_argument("--samples", type=whole(2), default=500, help="to calibrate (default: 500)")
    parser.add_argument("--seeds", type=whole(1), default=3, help="repetitions (default: 3)")
    parser.add_argument("--most", type=whole(1), default=5000, help="images (default: 5000)")
    parser.add_argument(
        "--max-drop",
        type=real(0, 100),
        help="percent; layers stay in float until it holds",
    )
    parser.add_argument("--output", type=Path, default=Path("quantised"), help="folder")
    parser.add_argument("--factory", help="of a student whose architecture is not built in")


def _do_quantise(options: argparse.Namespace) -> None:
    from gancompress.errors import RecipeError
    from gancompress.workflows.quantise import QuantiseOptions, quantise

    for name in ("samples", "seeds", "most"):
        if getattr(options, name) < 1:
            raise RecipeError(f"--{name} {getattr(options, name)}: must be 1 or more")
    found = quantise(
        options.classifier,
        options.evaluate,
        options.calibrate,
        options.output,
        options=QuantiseOptions(
            runtimes=options.runtime or ["onnx"],
            samples=options.samples,
            seeds=options.seeds,
            most=options.most,
            max_drop=options.max_drop,
        ),
        factory=options.factory,
    )
    print(found.table().text())
    print(options.output)
