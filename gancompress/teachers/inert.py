"""Objects of a pickle that nothing here has a use for, held as data.

A file of weights often carries its program's settings: a namespace, a date, a device, an enum, the
whole module. Nothing of that is imported or called. The class stays a name, what it was made with
and what it holds stay data, and the tensors inside can be gone on to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(eq=False)
class Inert:
    """What would have been an object of a class that is not known here.

    Attributes:
        name: of the class or function, ``module.name``.
        arguments: that the file would have called it with.
        state: its ``__dict__``, where the file gives one.
        items: what it holds as a mapping.
        members: what it holds as a list or a set.
    """

    name: str
    arguments: Sequence[Any] = ()
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)
    members: list[Any] = field(default_factory=list)

    def set_state(self, state: Any) -> None:
        """Take what the file says the object's ``__dict__`` is."""
        # (dict, slots) where a class has both.
        if type(state) is tuple and len(state) == 2 and all(_none_or_dict(part) for part in state):
            state = {**(state[0] or {}), **(state[1] or {})}
        self.state = state

    @property
    def fields(self) -> Mapping[Any, Any]:
        """Its ``__dict__``; empty where the file gave none."""
        return self.state if type(self.state) is dict else {}


def _none_or_dict(value: Any) -> bool:
    return value is None or type(value) is dict


# Modules by which a pickle takes hold of the machine that reads it. They would do nothing here; but
# a file that names them was made to do harm elsewhere, and nothing else in it is to be believed.
_MODULES = (
    "_posixsubprocess _thread _winapi asyncio bdb code codeop commands cProfile ctypes doctest "
    "ensurepip importlib marshal mmap multiprocessing nt os pdb pip pkgutil posix profile pty "
    "runpy shutil signal smtplib socket ssl subprocess sys tempfile threading timeit trace "
    "urllib urllib2 venv webbrowser zipimport"
)
_BUILTINS = (
    "__import__ breakpoint compile delattr eval exec execfile exit file globals input locals open "
    "quit setattr vars"
)
_HARMFUL_MODULES, _HARMFUL_BUILTINS = set(_MODULES.split()), set(_BUILTINS.split())
_HARMFUL = {
    *("pickle.loads", "pickle.load", "_pickle.loads", "_pickle.load", "dill.loads", "dill.load"),
    *("torch.load", "torch.hub.load", "numpy.load", "joblib.load", "yaml.load", "pydoc.pipepager"),
    *("types.CodeType", "types.FunctionType", "functools.reduce", "operator.methodcaller"),
    "numpy.testing._private.utils.runstring",
}


def is_harmful(module: str, name: str) -> bool:
    """Whether a file that names ``module.name`` means to take hold of its reader."""
    root = module.split(".")[0]
    if root in ("builtins", "__builtin__"):
        return name.split(".")[0] in _HARMFUL_BUILTINS
    return root in _HARMFUL_MODULES or f"{module}.{name}" in _HARMFUL
