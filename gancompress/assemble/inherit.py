"""What a student takes over from its teacher."""

import difflib
from collections.abc import Sequence

from torch import nn

from gancompress.assemble.teacher_data import located
from gancompress.errors import DataError, RecipeError, TeacherError
from gancompress.teachers.own_weights import part_of_weights


def inherit(module: nn.Module, teacher: nn.Module) -> None:
    """Give ``module`` the teacher's tensors; layers that were made separable keep their own."""
    own, theirs = module.state_dict(), teacher.state_dict()
    other = [name for name in own if name in theirs and own[name].shape != theirs[name].shape]
    if other:
        raise RecipeError(
            f"student.init: the teacher's {other[0]} is {tuple(theirs[other[0]].shape)}, the "
            f"student's {tuple(own[other[0]].shape)}; leave student.kwargs as the teacher's, or "
            "write student.init: random"
        )
    module.load_state_dict({**own, **{n: value for n, value in theirs.items() if n in own}})


def start_from(module: nn.Module, file: str) -> list[str]:
    """Give ``module`` what a file has of its tensors; the names of those that start anew.

    Raises:
        RecipeError: there is no such file, or nothing of the module in it.
    """
    try:
        tensors = part_of_weights(module, located(file))
    except (TeacherError, DataError) as error:
        raise RecipeError(f"student.file: {error}") from error
    own = module.state_dict()
    module.load_state_dict(own | tensors)
    return [name for name in own if name not in tensors]


def check_kept(module: nn.Module, anew: Sequence[str], keep: Sequence[str]) -> None:
    """Refuse to keep submodules that are not there, or not all of whose tensors a file gave.

    Raises:
        RecipeError: it names them.
    """
    for part in keep:
        lacking = [name for name in anew if within(name, [part])]
        if lacking:
            raise RecipeError(
                f"student.keep: {part}: student.file has no {lacking[0]} of this shape to keep"
            )
        if not any(within(name, [part]) for name in module.state_dict()):
            raise RecipeError(f"student.keep: {part}: there is no such{_meant(module, part)}")


def keep_of_teacher(module: nn.Module, teacher: nn.Module, keep: Sequence[str]) -> None:
    """Give ``module`` the teacher's tensors of some submodules (StyleKD: the mapping network).

    Raises:
        RecipeError: the two do not have them alike.
    """
    own, theirs = module.state_dict(), teacher.state_dict()
    for part in keep:
        names = [name for name in own if within(name, [part])]
        wrong = [n for n in names if n not in theirs or own[n].shape != theirs[n].shape]
        if wrong or not names:
            what = f"{wrong[0]} is another or none in the teacher" if wrong else "there is no such"
            hint = "" if wrong else _meant(module, part)
            raise RecipeError(
                f"student.keep: {part}: {what}; name submodules that both have alike{hint}"
            )
        own |= {name: theirs[name] for name in names}
    module.load_state_dict(own)


def freeze(module: nn.Module, keep: Sequence[str]) -> None:
    """Let the parameters of some submodules be as they are."""
    for name, parameter in module.named_parameters():
        if within(name, keep):
            parameter.requires_grad_(False)


def _meant(module: nn.Module, part: str) -> str:
    near = difflib.get_close_matches(part, [name for name, _ in module.named_modules() if name], 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def within(name: str, parts: Sequence[str]) -> bool:
    """Whether a parameter or submodule is, or lies in, one of the submodules ``parts``."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)
