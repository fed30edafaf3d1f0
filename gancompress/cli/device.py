"""The verb that brings the latency of another machine into a search."""

import argparse
from pathlib import Path

from gancompress.cli.verbs import Verbs, add_root, add_verb, whole

# What `measure.py` can time.
FORMATS = ("onnx", "onnx-fp16", "onnx-int8", "executorch")


def device_verb(verbs: Verbs) -> None:
    """Add the verb `device`."""
    text = "Time subnets of a run on another machine, and search for what is fast there."
    example = (
        "gancompress device pack runs/x-1 phone/\n"
        "  python phone/measure.py                                 there\n"
        "  gancompress device add phone phone/results.csv runs/x-1\n"
        "  gancompress search runs/x-1 --latency-budget 8ms --device phone"
    )
    parser = add_verb(verbs, "device", text, example, lambda options: None)
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    text = "Write a folder of subnets to time, with a script that needs the runtime alone."
    parser = add_verb(actions, "pack", text, "gancompress device pack runs/x-1 phone/", _do_pack)
    parser.add_argument("run", type=Path, help="run directory")
    parser.add_argument("output", type=Path, metavar="OUT", help="folder")
    parser.add_argument("--count", type=whole(8), default=24, help="subnets (default: 24)")
    parser.add_argument(
        "--formats", nargs="+", choices=FORMATS, default=["onnx"], help="(default: onnx)"
    )
    text = "Keep what a device took in a run; tells how well its latency can be predicted."
    example = "gancompress device add phone phone/results.csv runs/x-1"
    parser = add_verb(actions, "add", text, example, _do_add)
    parser.add_argument("name", help="of the device: letters, digits, '.', '_', '-'")
    parser.add_argument("results", type=Path, help="results.csv that measure.py wrote")
    parser.add_argument("run", nargs="?", type=Path, help="run directory (default: the newest)")
    parser.add_argument("--format", default="", help="of several that were timed")
    add_root(parser)


def _do_pack(options: argparse.Namespace) -> None:
    from gancompress.workflows.device import SCRIPT, pack
    from gancompress.workflows.opening import existing_run

    recipe, run = existing_run(options.run, options.run.parent, "distill")
    files = pack(recipe, run, options.output, options.count, options.formats)
    print(
        f"{options.output}: {files} files to time\n"
        f"next      copy it to the device; there: python {SCRIPT} --threads 1\n"
        f"          gancompress device add NAME {options.output / 'results.csv'} {run.path}"
    )


def _do_add(options: argparse.Namespace) -> None:
    from gancompress.workflows.device import add
    from gancompress.workflows.opening import existing_run

    recipe, run = existing_run(options.run, options.root, "distill")
    with run.lock():
        told = add(recipe, run, options.name, options.results, options.format)
    print("\n".join(told))
    print(f"next      gancompress search {run.path} --latency-budget 8ms --device {options.name}")
