"""Which way of training a supernet ruins its small subnets, and which does not?

Trains the supernet of a finished run anew in several ways, from the same pairs, and judges subnets
of the same cost in each: the Fréchet distance to the real images of what they make of new inputs,
and the share in which the class asked for is seen. ``alone`` is one subnet trained by itself for as
many steps: what a supernet has to be measured against.

    gancompress run recipes/quickstart.yaml --run runs/digits
    python -m benchmarks.supernets runs/digits [--seeds 0 1] [--ways sandwich uniform]

Prints a table and writes ``benchmarks/results/supernets.json``.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import gancompress
from benchmarks.record import record
from benchmarks.start import arguments_of, parser_of
from gancompress import assemble
from gancompress.assemble.pairs import open_pairs
from gancompress.assemble.scores import extractor_of, score_generator
from gancompress.assemble.scoring import calibration_batches
from gancompress.metrics.collect import collect
from gancompress.recipe.load import load_recipe, recipe_to_dict
from gancompress.recipe.schema import Recipe
from gancompress.run import RunDir
from gancompress.supernet import Subnet, Supernet
from gancompress.supernet.calibrate import calibrated
from gancompress.workflows.distill import distill

# In all ways but one real images are set against the student's answers to new inputs, as published.
PUBLISHED = "distill.unpaired=true"

# Overrides of the recipe; `alone` is completed by the subnet that it trains.
WAYS: dict[str, list[str]] = {
    "sandwich": [],
    "sandwich, in_place 0.5": ["distill.in_place=0.5"],
    "sandwich, widths": ["distill.discriminator.widths=true"],
    "sandwich, not fresh": ["distill.unpaired=false"],
    "front": ["distill.subnets=front"],
    "progressive": ["distill.subnets=progressive"],
    # As many subnets a step as the sandwich has.
    "uniform": ["distill.subnets=uniform", "distill.random_subnets=3"],
    "alone": [],
}

# Shares of the full cost at which subnets of uniform width are judged.
SHARES = (1 / 16, 1 / 8, 1 / 2)


def judged_subnets(supernet: Supernet) -> dict[str, Subnet]:
    """The smallest and the largest subnet, and the widest uniform ones within some shares."""
    space, full = supernet.space, supernet.cost_model.cost(supernet.space.largest).macs
    found = {"smallest": space.smallest}
    for share in SHARES:
        ratios = [r / 100 for r in range(1, 101)]
        fitting = [space.uniform(r) for r in ratios]
        within = [s for s in fitting if supernet.cost_model.cost(s).macs <= share * full]
        if within:
            found[f"1/{round(1 / share)}"] = within[-1]
    return {**found, "largest": space.largest}


def prepared(base: Path, folder: Path) -> RunDir:
    """A run that knows the base's teacher, pairs and classifier, and nothing of its supernet."""
    run = RunDir.create(folder, version=gancompress.__version__)
    for name in ("teacher.safetensors", "classifier.safetensors", "pairs"):
        (folder / name).symlink_to((base / name).resolve())
    return run


def trained(base: Path, overrides: list[str], seed: int, folder: Path) -> tuple[Recipe, RunDir]:
    recipe = load_recipe(base / "recipe.yaml", [PUBLISHED, *overrides, f"seed={seed}", "threads=1"])
    run = prepared(base, folder)
    distill(recipe, run)
    return recipe, run


def rows_of(base: Path, way: str, seed: int) -> list[dict[str, Any]]:
    """Train in one way and judge; a row for each subnet."""
    recipe = load_recipe(base / "recipe.yaml", ["threads=1"])
    supernet, _ = assemble.load_supernet(recipe, RunDir.open(base))
    subnets = judged_subnets(supernet)
    if not way.startswith("alone"):
        return _rows_of(base, way, WAYS[way], seed, subnets)
    found = []
    for name, subnet in subnets.items():
        fixed = [*WAYS[way], f"distill.fixed={subnet.text}"]
        found += _rows_of(base, way, fixed, seed, {name: subnet})
    return found


def _rows_of(
    base: Path, way: str, overrides: list[str], seed: int, subnets: dict[str, Subnet]
) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "run")
        start = time.process_time()
        recipe, run = trained(base, overrides, seed, folder)
        minutes = (time.process_time() - start) / 60
        supernet, full = assemble.load_supernet(recipe, run)
        pairs, data = open_pairs(recipe, run), assemble.real_images(recipe)
        assert data is not None
        extractor = extractor_of(recipe, run, data[0])
        assert extractor is not None
        reference = collect(data[1], extractor).statistics
        batches = calibration_batches(recipe, pairs)
        found = []
        for name, subnet in subnets.items():
            torch.manual_seed(0)
            scores = score_generator(
                calibrated(supernet, subnet, batches), full.inputs, extractor, reference,
                count=2_000, seed=77,
            )  # fmt: skip
            found.append(
                {
                    "way": way,
                    "seed": seed,
                    "subnet": name,
                    "macs": supernet.cost_model.cost(subnet).macs,
                    f"fd_{extractor.name}": scores.frechet,
                    "accuracy": scores.accuracy,
                    "cpu_minutes": minutes,
                }
            )
    return found


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Mean distance of all seeds by way (rows) and subnet (columns)."""
    distance = next(key for key in rows[0] if key.startswith("fd_"))
    ways = dict.fromkeys(row["way"] for row in rows)
    table = []
    for way in ways:
        own = [row for row in rows if row["way"] == way]
        line: dict[str, Any] = {"": way, "seeds": len({row["seed"] for row in own})}
        for name in dict.fromkeys(row["subnet"] for row in own):
            values = [row[distance] for row in own if row["subnet"] == name]
            line[name] = statistics.mean(values)
            line[f"± {name}"] = statistics.stdev(values) if len(values) > 1 else None
        line["CPU minutes"] = statistics.mean({row["cpu_minutes"] for row in own})
        table.append(line)
    return table


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("run", type=Path, help="a finished run of recipes/quickstart.yaml")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--name", default="supernets", help="of the file in benchmarks/results")
    arguments = arguments_of(parser, seeds=[0], ways=[*WAYS][:1])
    keys = recipe_to_dict(load_recipe(arguments.run / "recipe.yaml").distill)
    rows: list[dict[str, Any]] = []
    for seed in arguments.seeds:
        for way in arguments.ways:
            rows += rows_of(arguments.run, way, seed)
            # Long work: what is there is kept.
            record(arguments.name, summary(rows), all=rows, distill=keys)


if __name__ == "__main__":
    main()
