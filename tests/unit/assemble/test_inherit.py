"""Parts of the teacher in the student: taken over, as wide as they are, and left alone."""

from pathlib import Path

import pytest
import torch
from torch import nn

from gancompress.assemble import make_supernet
from gancompress.assemble.inherit import check_kept, freeze, keep_of_teacher, start_from
from gancompress.batch import InputSpec
from gancompress.errors import RecipeError
from gancompress.generators.build import build
from gancompress.recipe.schema import StudentOptions
from tests.unit.distillation.small import Generator, run

SIZES = {"z_dim": 8, "w_dim": 8, "resolution": 8, "channels": 3}


def stylegan2(channel_base: int, seed: int) -> tuple[nn.Module, InputSpec]:
    torch.manual_seed(seed)
    network = build("stylegan2", classes=0, channel_base=channel_base, **SIZES)
    inputs: InputSpec = network.inputs  # type: ignore[assignment]
    return network, inputs


def test_a_student_with_the_teachers_mapping_network_is_elastic_but_for_that() -> None:
    teacher, _ = stylegan2(256, seed=0)
    student, inputs = stylegan2(128, seed=1)
    keep_of_teacher(student, teacher, ["mapping"])
    z = torch.randn(3, 8)
    w, theirs = (net.get_submodule("mapping")(z, None) for net in (student, teacher))
    assert torch.equal(w, theirs)
    keys = {"divisor": 4, "minimum": 4}
    free, kept = (
        make_supernet(student, inputs, StudentOptions(keep=k, **keys)) for k in ((), ("mapping",))
    )
    assert kept.space.size < free.space.size
    narrow = kept.extract(kept.space.smallest)
    assert torch.equal(narrow.get_submodule("mapping")(z, None), theirs)


def test_depth_is_elastic_where_a_recipe_says_so_and_no_branch_is_in_what_is_kept() -> None:
    network = build("resnet", width=8, blocks=3, resolution=16)
    keys = {"depth": True, "keep": ("model.11.conv_block",)}
    supernet = make_supernet(network, network.inputs, StudentOptions(**keys))  # type: ignore[arg-type]
    branches = [name for name in supernet.space.groups if name.startswith("branch:")]
    assert branches == ["branch:model.10", "branch:model.12"]


def test_what_is_kept_does_not_learn(tmp_path: Path) -> None:
    student = Generator(8)
    before = student.fc.weight.detach().clone()
    freeze(student, ["fc"])
    trained = run(tmp_path, {"l1": 1.0}, student=student, steps=3)
    assert torch.equal(trained.get_submodule("fc").weight, before)
    assert not torch.equal(trained.get_submodule("image.0").weight, Generator(8).image[0].weight)


@pytest.mark.parametrize(
    ("part", "message"), [("mapping2", "no such"), ("synthesis", "is another or none")]
)
def test_parts_that_both_do_not_have_are_refused(part: str, message: str) -> None:
    with pytest.raises(RecipeError, match=f"student.keep: {part}: .*{message}"):
        keep_of_teacher(stylegan2(128, 0)[0], stylegan2(256, 1)[0], [part])


def saved(tmp_path: Path, network: nn.Module, **others: torch.Tensor) -> str:
    """As trainings write it, with tensors of a wrapper's name before."""
    path = tmp_path / "trained.pth"
    state = {f"module.{name}": value for name, value in network.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state | others}, path)
    return str(path)


def test_a_file_gives_the_tensors_that_fit_and_the_others_start_anew(tmp_path: Path) -> None:
    trained, student = Generator(8), Generator(8)
    student.fc = nn.Linear(5, student.fc.out_features)
    anew = start_from(student, saved(tmp_path, trained))
    assert anew == ["fc.weight"]
    name = "image.0.weight"
    assert torch.equal(student.state_dict()[name], trained.state_dict()[name])


def test_a_file_of_another_network_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"student.file: .*none of its tensors"):
        start_from(Generator(8), saved(tmp_path, nn.Sequential(nn.Linear(3, 3))))


def test_a_file_that_is_not_there_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"student.file: .*none.pth"):
        start_from(Generator(8), str(tmp_path / "none.pth"))


@pytest.mark.parametrize(
    ("keep", "message"),
    [("fc", "has no fc.weight of this shape"), ("imag", "did you mean 'image'")],
)
def test_only_what_a_file_gave_is_kept(keep: str, message: str) -> None:
    with pytest.raises(RecipeError, match=f"student.keep: {keep}: .*{message}"):
        check_kept(Generator(8), ["fc.weight"], [keep])
