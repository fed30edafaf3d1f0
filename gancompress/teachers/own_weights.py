"""The weights in a file for a network of the user's own."""

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from gancompress.errors import TeacherError
from gancompress.student.finite import check_finite
from gancompress.teachers.downloads import missing_file
from gancompress.teachers.fit import Fit
from gancompress.teachers.from_file import read_file
from gancompress.teachers.networks import Found, networks_in, under_prefixes
from gancompress.teachers.plain_names import plain
from gancompress.teachers.torch_file import ReadFile

# How many tensors an error lists.
_SHOWN = 3


def weights_for(module: nn.Module, path: Path, factory: str) -> dict[str, Tensor]:
    """The tensors in the file at ``path`` that ``module`` has, at whatever depth and prefix.

    Args:
        module: what the weights are for.
        path: safetensors, or of ``torch.save``; nothing in it is executed.
        factory: that built the module, for errors.

    Raises:
        TeacherError: the file is missing or damaged, none of what it holds fits, or what fits holds
            numbers that are not finite.
    """
    if not path.is_file():
        raise TeacherError(missing_file(path))
    file = read_file(path)
    expected = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    networks = networks_in(file)
    nearest: list[Fit] = []
    for averaged in (True, False):
        fitting = [
            found
            for network in networks
            if network.averaged == averaged
            and (found := _fitting(file, network, module, expected, nearest)) is not None
        ]
        if len(fitting) > 1:
            names = ", ".join(name for name, _ in fitting)
            raise TeacherError(
                f"{path}: several networks in it fit what {factory!r} builds ({names}); save the "
                "state_dict() of one alone"
            )
        if fitting:
            _, tensors = fitting[0]
            check_finite(tensors, str(path), dict(module.named_buffers()))
            return tensors
    reasons = max(nearest, key=lambda fit: (fit.named, fit.same)).misfits if nearest else ()
    listed = "; ".join(reasons[:_SHOWN]) or "it holds no tensors"
    raise TeacherError(
        f"{path}: does not fit what {factory!r} builds: {listed}. Give the factory the arguments "
        "that the weights were trained with"
    )


def part_of_weights(module: nn.Module, path: Path) -> dict[str, Tensor]:
    """The tensors in the file at ``path`` that ``module`` has in the same shape: some at least.

    Args:
        module: what begins with them, with the same layers at the beginning, say.
        path: as for :func:`weights_for`; of several networks in it the one with most in common.

    Raises:
        TeacherError: the file is missing or damaged, or nothing of what it holds fits.
    """
    if not path.is_file():
        raise TeacherError(missing_file(path))
    file = read_file(path)
    wanted = {name: tuple(value.shape) for name, value in module.state_dict().items()}

    def common(part: Found) -> list[str]:
        return [name for name, shape in part.shapes.items() if wanted.get(name) == shape]

    parts = [p for network in networks_in(file) for some in under_prefixes(network) for p in some]
    best = max(parts, key=lambda part: len(common(part)), default=None)
    if best is None or not any(wanted[name] for name in common(best)):
        raise TeacherError(
            f"{path}: none of its tensors has the name and the shape of one of the network's, "
            f"which are {', '.join([*wanted][:_SHOWN])}, …"
        )
    names, tensors = common(best), best.load(file)
    return {name: tensors[name] for name in names}


def _fitting(
    file: ReadFile,
    network: Found,
    module: nn.Module,
    expected: Mapping[str, tuple[int, ...]],
    nearest: list[Fit],
) -> tuple[str, dict[str, Tensor]] | None:
    for alternative in under_prefixes(network):
        for part in alternative:
            # The module may have a parametrisation itself, or the weights that it stands for.
            for named in (part.on_meta(), plain(part.on_meta(), file.where)):
                held = {name: tuple(value.shape) for name, value in named.items()}
                fit = Fit.of("the module", {}, module, held, held, expected, by_name=False)
                nearest.append(fit)
                if not fit.misfits:
                    tensors = part.load(file)
                    return part.name, tensors if named.keys() == tensors.keys() else plain(
                        tensors, file.where
                    )
    return None
