"""The verb that looks at a recipe before anything is computed."""

import argparse
from pathlib import Path

from gancompress.cli.stages import STAGE_VERBS
from gancompress.cli.verbs import Verbs, add_root, add_verb


def check_verb(verbs: Verbs) -> None:
    """Add the verb `check`."""
    text = (
        "Tell every mistake of a recipe that can be known before it is run: networks, shapes, "
        "data, budget, disk; or what the run will be. Every other verb begins with this."
    )
    parser = add_verb(verbs, "check", text, "gancompress check recipes/quickstart.yaml", _do_check)
    parser.add_argument("recipe", type=Path, help="YAML file; see `gancompress recipe schema`")
    parser.add_argument("overrides", nargs="*", metavar="key.sub=value", help="changes to it")
    parser.add_argument(
        "--until", choices=list(STAGE_VERBS), default="run", help="last verb wanted"
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.add_argument(
        "--no-time", dest="time", action="store_false", help="do not time the networks"
    )
    add_root(parser)


def _do_check(options: argparse.Namespace) -> None:
    import json

    from gancompress.recipe.load import load_recipe
    from gancompress.run import next_run
    from gancompress.workflows.check import account, check_recipe, shown

    recipe = load_recipe(options.recipe, options.overrides)
    folder = next_run(options.root, recipe.name)
    last, _ = STAGE_VERBS[options.until]
    facts = account(
        recipe, check_recipe(recipe, str(options.recipe), folder, last), timed=options.time
    )
    print(json.dumps(facts, indent=2) if options.json else shown(facts))
