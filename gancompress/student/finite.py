"""Weights that are no numbers: refused where a file is read or written, not passed on."""

from collections.abc import Collection, Mapping

from torch import Tensor

from gancompress.errors import TeacherError


def check_finite(
    tensors: Mapping[str, Tensor], where: str, masks: Collection[str] = (), fix: str = ""
) -> None:
    """Refuse weights with which every output is NaN.

    Args:
        tensors: by name.
        where: names the file in errors.
        masks: those of them that are added to scores, and may be infinite: a module's buffers.
        fix: what the user can do.

    Raises:
        TeacherError: a number is NaN, or infinite where it may not be.
    """
    for name, value in tensors.items():
        if not (value.is_floating_point() or value.is_complex()):
            continue
        if (value.isnan() if name in masks else ~value.isfinite()).any():
            fix = fix or "damaged, or of a training that diverged: take another file of it"
            raise TeacherError(f"{where}: {name} holds numbers that are not finite; {fix}")
