"""Verbs that show something: a generator, its images, recorded pairs, a recipe, papers' sizes."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gancompress.cli.verbs import (
    Verbs,
    add_generator,
    add_verb,
    generator_of,
    read_settings,
    real,
    whole,
)
from gancompress.options import LARGEST_SEED

if TYPE_CHECKING:
    from gancompress.data.encoding import LatentFormat


def inspect_verb(verbs: Verbs) -> None:
    """Add the verb `inspect`."""
    text = "Show what of a generator is elastic, what is pinned and why, and what it costs."
    example = "gancompress inspect my_models.py:build --input 1x3x256x256"
    parser = add_verb(verbs, "inspect", text, example, _do_inspect)
    parser.add_argument("what", help="built-in name, module:attr, file.py:attr, or a file")
    parser.add_argument(
        "kwargs",
        nargs="*",
        metavar="key=value",
        help="arguments of the factory, or settings of the file (part=a2b)",
    )
    parser.add_argument(
        "--input", action="append", default=[], help="shape of an input: 1x3x64x64 or z=1x128"
    )
    parser.add_argument("--divisor", type=whole(1), default=8, help="of widths (default: 8)")
    parser.add_argument("--minimum", type=whole(1), default=8, help="smallest width (default: 8)")
    parser.add_argument("--depth", action="store_true", help="residual branches may be dropped")


def _do_inspect(options: argparse.Namespace) -> None:
    from gancompress.workflows.inspect import inspect

    kwargs = read_settings(options.kwargs)
    elastic = {"divisor": options.divisor, "minimum": options.minimum, "depth": options.depth}
    print(inspect(options.what, kwargs, options.input, **elastic))


def sample_verb(verbs: Verbs) -> None:
    """Add the verb `sample`."""
    text = "Picture what a generator makes, in any size where it was taught a photograph."
    example = "gancompress sample runs/teach-consingan-1/teacher.safetensors --size 96x256"
    parser = add_verb(verbs, "sample", text, example, _do_sample)
    parser.add_argument("what", type=Path, help="run directory, student or teacher file")
    parser.add_argument(
        "output",
        type=Path,
        nargs="?",
        help="picture (default: samples.png), or .gif, .webp, .mp4: a walk through the samples",
    )
    parser.add_argument("--count", type=whole(1), default=8, help="images (default: 8)")
    parser.add_argument("--size", default="", help="height x width, e.g. 96x256")
    parser.add_argument("--seed", type=whole(0, LARGEST_SEED), default=0)
    parser.add_argument(
        "--start-stage",
        type=whole(0),
        nargs="+",
        default=[0],
        help="where noise enters at several stages: the first that differs from sample to sample; "
        "of several, a row each (default: 0, the coarsest)",
    )
    parser.add_argument(
        "--noise-scale",
        type=real(0, 10),
        nargs="+",
        default=[1.0],
        help="factor of normal noise; of several, a row each (default: 1)",
    )
    add_generator(parser)


def _do_sample(options: argparse.Namespace) -> None:
    from gancompress.workflows.sample import Noise, sample

    output = options.output or Path("samples.png")
    sample(
        generator_of(options),
        output,
        count=max(1, options.count),
        seed=options.seed,
        size=options.size,
        noises=[Noise(k, scale) for k in options.start_stage for scale in options.noise_scale],
    )
    print(output)


def pairs_verb(verbs: Verbs) -> None:
    """Add the verb `pairs`."""
    text = "Check, count or picture recorded pairs; export them as class_K/image_I.png, or import."
    example = "gancompress pairs show runs/quickstart-1/pairs"
    parser = add_verb(verbs, "pairs", text, example, _do_pairs)
    parser.add_argument("action", choices=["verify", "stats", "show", "export", "import"])
    parser.add_argument(
        "store", type=Path, help="folder of the pairs; import: of class_K/image_I.png, noise_I.pt"
    )
    parser.add_argument(
        "output", type=Path, nargs="?", help="picture (show), folder (export) or store (import)"
    )
    parser.add_argument("--teacher", default="", help="import: what made them (default: its name)")
    parser.add_argument(
        "--held-out",
        type=whole(0),
        default=0,
        help="import: last pairs not to train on",
    )
    parser.add_argument("--half", action="store_true", help="import: latents in half precision")


def _do_pairs(options: argparse.Namespace) -> None:
    import json

    from gancompress.data.folder_pairs import export_folder_pairs, import_folder_pairs
    from gancompress.data.inspect_pairs import pair_stats, show_pairs
    from gancompress.data.pairs import PairStore

    path: Path = options.store
    if options.action == "import":
        output = options.output or path.with_name(path.name + "-pairs")
        teacher = options.teacher or f"folder-{path.resolve().name}"
        latents: LatentFormat = "float16" if options.half else "float32"
        held_out = options.held_out
        store = import_folder_pairs(
            path, output, teacher=teacher, held_out=held_out, shard_size=1000, latents=latents
        )
        print(f"{output}: {len(store)} pairs, {len(store.held_out)} of them held out")
        return
    store = PairStore(path)
    if options.action == "verify":
        store.verify()
        print(f"{path}: {len(store)} pairs, every shard as it was recorded")
    elif options.action == "stats":
        print(json.dumps(pair_stats(store), indent=2))
    elif options.action == "show":
        output = options.output or path / "pairs.png"
        show_pairs(store, output)
        print(output)
    else:
        output = options.output or path.with_name(path.name + "-folders")
        export_folder_pairs(store, output)
        print(output)


def papers_verb(verbs: Verbs) -> None:
    """Add the verb `verify-papers`."""
    text = "Build every published network and compare its size with the published figures."
    parser = add_verb(verbs, "verify-papers", text, "gancompress verify-papers", _do_papers)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true")


def _do_papers(options: argparse.Namespace) -> int:
    from gancompress.workflows.verify_papers import verify_papers

    return 0 if verify_papers(options.json, options.markdown) else 1


def recipe_verb(verbs: Verbs) -> None:
    """Add the verb `recipe`."""
    text = (
        "List the recipes that come with gancompress (ls), copy one to change (cp), show one with "
        "every default filled in (show), or every key there is (schema)."
    )
    parser = add_verb(verbs, "recipe", text, "gancompress recipe cp quickstart .", _do_recipe)
    parser.add_argument("what", choices=["ls", "cp", "show", "schema"])
    parser.add_argument("recipe", nargs="?", help="cp: a name that ls lists; show: a file")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key.sub=value",
        help="show: changes to it; cp: the folder to copy to (default: this one)",
    )


def _do_recipe(options: argparse.Namespace) -> None:
    from gancompress.errors import RecipeError
    from gancompress.recipe.describe import describe_schema
    from gancompress.recipe.load import load_recipe, recipe_to_yaml
    from gancompress.recipe.shipped import copy_recipe, shipped_recipes

    if options.what == "schema":
        print(describe_schema())
    elif options.what == "ls":
        for name, purpose in shipped_recipes().items():
            print(f"{name:28} {purpose}")
    elif options.recipe is None:
        raise RecipeError(
            f"recipe {options.what}: name the recipe, e.g. quickstart; `gancompress recipe ls` "
            "lists what there is to copy"
        )
    elif options.what == "cp":
        for path in copy_recipe(options.recipe, Path(*options.overrides[:1])):
            print(path)
    else:
        recipe = load_recipe(Path(options.recipe), options.overrides)
        print(recipe_to_yaml(recipe), end="")


def card_verb(verbs: Verbs) -> None:
    """Add the verb `card`."""
    text = "Make a folder for the Hugging Face hub: the student, its exports, a model card."
    example = "gancompress card runs/quickstart-1 --licence mit"
    parser = add_verb(verbs, "card", text, example, _do_card)
    parser.add_argument("run", type=Path, help="run with a report, or what shrink made")
    parser.add_argument("output", type=Path, nargs="?", help="folder (default: hub in the run)")
    parser.add_argument(
        "--licence", "--license", default="", help="identifier of the hub; the teacher's, or yours"
    )
    parser.add_argument("--base-model", default="", help="OWNER/NAME of the teacher on the hub")
    parser.add_argument(
        "--place", default="OWNER/NAME", help="where it will be uploaded (default: OWNER/NAME)"
    )


def _do_card(options: argparse.Namespace) -> None:
    from gancompress.workflows.card import Publication, card

    about = Publication(options.licence, options.base_model, options.place)
    folder, files = card(options.run, options.output, about)
    print(f"made      {folder}: {', '.join(files)}")
    if not options.licence:
        print("licence   not stated; give the teacher's by --licence before you pass it on")
    print(f"next      hf upload {options.place} {folder}")


def compare_verb(verbs: Verbs) -> None:
    """Add the verb `compare`."""
    text = "Compare finished runs on one page: tables, fronts overlaid, pictures."
    example = "gancompress compare runs/style-1 runs/style-2 --output compared.html"
    parser = add_verb(verbs, "compare", text, example, _do_compare)
    parser.add_argument("runs", type=Path, nargs="+", help="run directories with a report")
    parser.add_argument(
        "--output", type=Path, default=Path("compared.html"), help="page (default: compared.html)"
    )


def _do_compare(options: argparse.Namespace) -> None:
    from gancompress.errors import RunError
    from gancompress.workflows.compare import compare

    if len(options.runs) < 2:
        raise RunError(f"compare {options.runs[0]}: name two runs or more")
    print(compare(options.runs, options.output).text())
    print(options.output)
