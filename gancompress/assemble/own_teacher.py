"""A teacher of the user's own: a factory and a state dict."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from gancompress.generators.adapted import Adapted
from gancompress.generators.signed import RANGE
from gancompress.student.file import Architecture
from gancompress.teachers.own_weights import weights_for


def load_own(architecture: Architecture, weights: Path) -> nn.Module:
    """The module of ``architecture`` with exactly the tensors of ``weights``.

    Args:
        architecture: how it is built.
        weights: a state dict, safetensors or of ``torch.save``; nothing in it is executed.

    Raises:
        TeacherError: the file is missing or damaged, or holds other tensors than the module has.
    """
    # The weights are those of the factory's module, whatever stands around it here.
    module = replace(architecture, output_range=RANGE, output="", lists=False).build()
    while isinstance(module, Adapted):
        module = module.module
    module.load_state_dict(weights_for(module, weights, architecture.factory))
    return architecture.around(module)
