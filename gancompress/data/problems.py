"""What was converted or passed over of a set of image files, in words."""

from collections.abc import Iterable

from gancompress.data.cache import Problem

# File names of one kind of problem that are told.
TOLD = 3


def problem_lines(problems: Iterable[Problem]) -> list[str]:
    """One line for each kind of problem: how many files, and the first of them by name."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for one in problems:
        # Sizes differ from file to file; what happened does not.
        kind = "stretched" if one.reason.startswith("stretched") else one.reason
        kinds.setdefault((one.action, kind), []).append(one.name)
    return [
        f"{action} {len(names)} file{'s' if len(names) > 1 else ''} ({reason}): "
        + ", ".join(names[:TOLD])
        + (", …" if len(names) > TOLD else "")
        for (action, reason), names in kinds.items()
    ]
