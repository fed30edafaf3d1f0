"""Verbs that work on a run: its stages, and the choice of a student for a budget."""

import argparse
import sys
from pathlib import Path

from gancompress.cli.verbs import Verbs, add_root, add_verb

STAGE_VERBS = {
    "run": ("report", "Do every stage of a recipe; go on where an earlier call stopped."),
    "teach": ("teach", "Train the recipe's teacher."),
    "collect": ("collect", "Record inputs and outputs of the teacher."),
    "distill": ("distill", "Train the supernet, after whatever earlier stages are missing."),
    "finetune": ("finetune", "Train the chosen subnet alone, after whatever stages are missing."),
    "export": ("export", "Export the student, after whatever earlier stages are missing."),
    "report": ("report", "Measure teacher and student, after whatever stages are missing."),
}


def stage_verbs(verbs: Verbs) -> None:
    for name, (last, text) in STAGE_VERBS.items():
        example = f"gancompress {name} recipes/quickstart.yaml seed=1"
        parser = add_verb(verbs, name, text, example, _do_stages)
        parser.set_defaults(last=last)
        parser.add_argument("recipe", type=Path, help="YAML file; see `gancompress recipe schema`")
        parser.add_argument("overrides", nargs="*", metavar="key.sub=value", help="changes to it")
        parser.add_argument("--run", type=Path, help="run directory (default: the recipe's newest)")
        parser.add_argument("--fresh", action="store_true", help="begin a new run directory")
        add_root(parser)


def _do_stages(options: argparse.Namespace) -> None:
    from gancompress.workflows import report
    from gancompress.workflows.run import open_run, run_until

    recipe, run = open_run(
        options.recipe, options.overrides, options.run, fresh=options.fresh, root=options.root
    )
    with run.lock():
        print(f"run {run.path}", file=sys.stderr)
        run_until(recipe, run, options.last)
    if run.is_complete("report"):
        print(report.show(run))


def search_verb(verbs: Verbs) -> None:
    text = "Pick the best subnet of a run within a budget; the newest run by default."
    parser = add_verb(verbs, "search", text, "gancompress search --mac-budget 2M", _do_search)
    parser.add_argument("run", nargs="?", type=Path, help="run directory")
    parser.add_argument("--mac-budget", default="", help="exact MACs: 4M, 1.2G, or 1/8")
    parser.add_argument("--param-budget", default="", help="parameters: 500K, or 1/8")
    parser.add_argument("--size-budget", default="", help="bytes of the weights: 2MB, or 1/8")
    parser.add_argument("--latency-budget", default="", help="of one sample: 2ms")
    parser.add_argument(
        "--runtime", choices=["torch", "onnxruntime", "openvino"], help="for the latency budget"
    )
    parser.add_argument("--list", action="store_true", help="only list the best subnets found")
    add_root(parser)


def _do_search(options: argparse.Namespace) -> None:
    from gancompress.search.budget import Budget
    from gancompress.search.front import Front
    from gancompress.workflows.front import list_front
    from gancompress.workflows.run import existing_run, run_until
    from gancompress.workflows.search import choose

    budget = Budget.parse(
        macs=options.mac_budget,
        params=options.param_budget,
        size=options.size_budget,
        latency=options.latency_budget,
    )
    recipe, run = existing_run(options.run, options.root)
    with run.lock():
        run_until(recipe, run, "search")
        if options.list:
            print(list_front(Front.from_csv(run.path / "front.csv")))
            return
        chosen = choose(recipe, run, budget, options.runtime or recipe.search.runtime)
    for remark in run.facts("search")["remarks"]:
        print(remark)
    print(f"{chosen.subnet}: {chosen.costs['macs']:,.0f} MACs, {chosen.costs['params']:,.0f} "
          f"parameters\nstudent {run.path / 'student.safetensors'}")  # fmt: skip
