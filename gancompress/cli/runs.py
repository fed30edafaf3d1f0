"""The verb that lists runs."""

import argparse
from pathlib import Path

from gancompress.cli.verbs import Verbs, add_json, add_root, add_verb


def runs_verb(verbs: Verbs) -> None:
    """Add the verb `runs`."""
    text = "List the runs: the state of each stage, the student, its figures, age and size on disk."
    parser = add_verb(verbs, "runs", text, "gancompress runs", _do_runs)
    parser.add_argument(
        "--trust", type=Path, metavar="RUN", help="let the code run that a run from elsewhere names"
    )
    add_json(parser)
    add_root(parser)


def _do_runs(options: argparse.Namespace) -> None:
    import json

    from gancompress.workflows.opening import trust_run
    from gancompress.workflows.runs import summaries, table

    if options.trust is not None:
        names = trust_run(options.trust)
        print(f"trusted: {', '.join(names)}" if names else "its recipe names no code")
        return
    found = summaries(options.root)
    if options.json:
        print(json.dumps([one.to_json() for one in found], indent=2))
    elif found:
        print(table(found))
        print(f"\nnext      gancompress report {options.root / found[0].name}")
    else:
        print(f"{options.root}: no runs in it\nnext      gancompress run RECIPE")
