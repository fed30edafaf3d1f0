"""The student file: one safetensors, no pickle, nothing lost."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from gancompress.batch import Input, example_inputs
from gancompress.errors import DataError, TeacherError, UnsafeFileError
from gancompress.student.file import Architecture, Student, load_student, save_student
from gancompress.supernet import Supernet
from tests.rounding import assert_same_but_for_rounding, assert_same_tensors

HERE = "tests.unit.student.test_file"
INPUTS = {"image": Input("image", (3, 8, 8))}


class Generator(nn.Module):
    """Has what a state dict misses: a tied weight, a hidden buffer, a tensor of its own."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.width = width
        self.first = nn.Conv2d(3, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.scale_norm = nn.LayerNorm((width, 8, 8))
        self.mix = nn.Conv2d(width, width, 1, bias=False)
        self.mix_again = nn.Conv2d(width, width, 1, bias=False)
        self.mix_again.weight = self.mix.weight
        self.last = nn.utils.spectral_norm(nn.Conv2d(width, 3, 3, padding=1))
        self.register_buffer("noise", torch.randn(width, 1, 1), persistent=False)
        self.gain = torch.tensor(2.0)

    def forward(self, image: Tensor) -> Tensor:
        h = self.scale_norm(self.norm(self.first(image))) * self.gain + self.noise
        return self.last(self.mix_again(self.mix(h).view(-1, self.width, 8, 8)))


def half(generator: Generator) -> Generator:
    """What extraction leaves: smaller tensors, corrected attributes."""
    small = Generator(generator.width // 2)
    with torch.no_grad():
        for name, tensor in small.named_parameters():
            full = generator.get_parameter(name)
            tensor.copy_(full[tuple(slice(size) for size in tensor.shape)])
    small.train()(torch.randn(4, 3, 8, 8))  # BatchNorm statistics of its own
    return small.eval()


def student() -> Student:
    architecture = Architecture(f"{HERE}:Generator", {"width": 16})
    return Student(half(Generator(16)), INPUTS, architecture, {"subnet": "8_8", "kid": 0.25})


def save(path: Path) -> Path:
    save_student(student(), path / "student.safetensors")
    return path / "student.safetensors"


def test_loaded_student_is_the_saved_one(tmp_path: Path) -> None:
    saved = student()
    save_student(saved, tmp_path / "s.safetensors")
    loaded = load_student(tmp_path / "s.safetensors", factory=f"{HERE}:Generator")
    batch = example_inputs(INPUTS)
    assert_same_tensors(loaded.module.state_dict(), saved.module.state_dict())
    assert torch.equal(loaded.module.noise, saved.module.noise)
    assert_same_but_for_rounding(loaded.module(**batch), saved.module(**batch))
    assert loaded.inputs == saved.inputs
    assert loaded.architecture == saved.architecture
    assert loaded.provenance == saved.provenance
    assert not loaded.module.training


def test_built_in_student_needs_no_factory(tmp_path: Path) -> None:
    architecture = Architecture("dcgan")
    module = architecture.build().eval()
    inputs = module.inputs
    save_student(Student(module, inputs, architecture), tmp_path / "s.safetensors")
    loaded = load_student(tmp_path / "s.safetensors")
    batch = example_inputs(inputs)
    assert_same_tensors(loaded.module.state_dict(), module.state_dict())
    assert_same_but_for_rounding(loaded.module(**batch), module(**batch))


def test_extracted_subnet_survives_the_file(tmp_path: Path) -> None:
    architecture = Architecture("distylegan", {"width": 32})
    full = architecture.build().eval()
    batch = example_inputs(full.inputs)
    supernet = Supernet(full, batch)
    small = supernet.extract(supernet.space.smallest).eval()
    save_student(Student(small, full.inputs, architecture), tmp_path / "s.safetensors")
    loaded = load_student(tmp_path / "s.safetensors")
    assert_same_tensors(loaded.module.state_dict(), small.state_dict())
    assert_same_but_for_rounding(loaded.module(**batch), small(**batch))


@pytest.mark.parametrize("named", [True, False])
def test_a_student_without_some_of_its_branches_survives_the_file(
    tmp_path: Path, named: bool
) -> None:
    architecture = Architecture("resnet", {"width": 8, "blocks": 4, "resolution": 16})
    full = architecture.build().eval()
    batch = example_inputs(full.inputs)
    supernet = Supernet(full, batch, depth=True)
    small = supernet.extract(supernet.space.smallest).eval()
    told = architecture if named else Architecture("")
    save_student(Student(small, full.inputs, told), tmp_path / "s.safetensors")
    loaded = load_student(tmp_path / "s.safetensors", factory=None if named else full)
    assert_same_tensors(loaded.module.state_dict(), small.state_dict())
    assert_same_but_for_rounding(loaded.module(**batch), small(**batch))
    save_student(loaded, tmp_path / "again.safetensors")
    assert (
        load_student(tmp_path / "again.safetensors", factory=full).fingerprint == loaded.fingerprint
    )


def test_attributes_are_corrected(tmp_path: Path) -> None:
    loaded = load_student(save(tmp_path), factory=f"{HERE}:Generator").module
    assert loaded.width == 8
    assert loaded.first.out_channels == 8
    assert loaded.scale_norm.normalized_shape == (8, 8, 8)
    assert isinstance(loaded.scale_norm.normalized_shape, tuple)


def test_tied_weights_stay_tied(tmp_path: Path) -> None:
    loaded = load_student(save(tmp_path), factory=f"{HERE}:Generator").module
    assert loaded.mix.weight is loaded.mix_again.weight
    assert isinstance(loaded.mix.weight, nn.Parameter)


def test_separable_patterns_are_applied_again(tmp_path: Path) -> None:
    architecture = Architecture(f"{HERE}:Generator", {"width": 8}, ("first",), "instance")
    module = architecture.build().eval()
    save_student(Student(module, INPUTS, architecture), tmp_path / "s.safetensors")
    loaded = load_student(tmp_path / "s.safetensors", factory=f"{HERE}:Generator")
    batch = example_inputs(INPUTS)
    assert_same_tensors(loaded.module.state_dict(), module.state_dict())
    assert_same_but_for_rounding(loaded.module(**batch), module(**batch))
    assert loaded.architecture.separable == ("first",)


def test_file_can_be_read_by_others(tmp_path: Path) -> None:
    assert save(tmp_path).stat().st_mode & 0o777 == 0o644


def test_fingerprint_survives_the_file_and_sees_every_change(tmp_path: Path) -> None:
    original = student()
    save_student(original, tmp_path / "s.safetensors")
    loaded = load_student(tmp_path / "s.safetensors", factory=f"{HERE}:Generator")
    assert loaded.fingerprint == original.fingerprint
    with torch.no_grad():
        loaded.module.noise[0] += 1e-3
    assert loaded.fingerprint != original.fingerprint


def test_half_precision_is_kept(tmp_path: Path) -> None:
    architecture = Architecture(f"{HERE}:Generator", {"width": 8})
    module = architecture.build().bfloat16()
    save_student(Student(module, INPUTS, architecture), tmp_path / "s.safetensors")
    loaded = load_student(tmp_path / "s.safetensors", factory=f"{HERE}:Generator").module
    assert loaded.first.weight.dtype == torch.bfloat16
    assert torch.equal(loaded.first.weight, module.first.weight)


def test_file_of_16_bits_is_half_as_large_and_widened_when_read(tmp_path: Path) -> None:
    original = student()
    save_student(original, tmp_path / "s.safetensors", half=True)
    with safe_open(tmp_path / "s.safetensors", framework="pt") as file:
        assert file.get_tensor("first.weight").dtype == torch.float16
    loaded = load_student(tmp_path / "s.safetensors", factory=f"{HERE}:Generator").module
    assert loaded.first.weight.dtype == torch.float32
    assert torch.equal(loaded.first.weight, original.module.first.weight.half().float())


def test_loading_leaves_the_random_state_alone(tmp_path: Path) -> None:
    path = save(tmp_path)
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_student(path, factory=f"{HERE}:Generator")
    assert torch.equal(torch.rand(1), expected)


def test_file_does_not_decide_what_code_is_run(tmp_path: Path) -> None:
    path, canary = tmp_path / "s.safetensors", tmp_path / "canary"
    save_student(student(), path)
    description = read_description(path)
    description |= {"factory": "os:mkdir", "kwargs": {"path": str(canary)}}
    write_description(path, description)
    with pytest.raises(UnsafeFileError, match=r"factory='os:mkdir'"):
        load_student(path)
    assert not canary.exists()


def test_factory_that_cannot_be_imported_says_what_to_do(tmp_path: Path) -> None:
    path = save(tmp_path)
    with pytest.raises(TeacherError, match=r"cannot import nowhere.*PYTHONPATH"):
        load_student(path, factory="nowhere:Generator")


def test_factory_that_changed_since_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"does not fit.*first\.weight"):
        load_student(save(tmp_path), factory=f"{HERE}:changed_generator")


def test_module_of_another_factory_is_not_saved(tmp_path: Path) -> None:
    other = Student(Generator(8), INPUTS, Architecture("dcgan"))
    with pytest.raises(TeacherError, match="not what 'dcgan' builds"):
        save_student(other, tmp_path / "s.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_provenance_must_be_plain_data(tmp_path: Path) -> None:
    architecture = Architecture(f"{HERE}:Generator", {"width": 8})
    bad = Student(Generator(8), INPUTS, architecture, {"when": tmp_path})
    with pytest.raises(DataError, match="provenance must be plain data"):
        save_student(bad, tmp_path / "s.safetensors")


def test_missing_truncated_and_foreign_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match="no such file"):
        load_student(tmp_path / "absent.safetensors")
    with pytest.raises(TeacherError, match="damaged"):
        load_student(tmp_path)
    whole = save(tmp_path).read_bytes()
    for size in (0, 4, 100, len(whole) - 1):
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(whole[:size])
        with pytest.raises(TeacherError, match=r"cut\.safetensors: damaged"):
            load_student(cut)
    foreign = tmp_path / "foreign.safetensors"
    save_file({"w": torch.zeros(1)}, foreign)
    with pytest.raises(TeacherError, match="not a student"):
        load_student(foreign)


def test_later_format_and_missing_fields_are_named(tmp_path: Path) -> None:
    path = save(tmp_path)
    description = read_description(path)
    write_description(path, {**description, "format": 2})
    with pytest.raises(TeacherError, match="student format 2, this gancompress reads 1"):
        load_student(path)
    description.pop("tied")
    write_description(path, description)
    with pytest.raises(TeacherError, match="no tied"):
        load_student(path)


def changed_generator(width: int) -> nn.Module:
    generator = Generator(width)
    del generator.first
    generator.begin = nn.Conv2d(3, width, 3)
    return generator


def read_description(path: Path) -> dict[str, object]:
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()["gancompress"])


def write_description(path: Path, description: dict[str, object]) -> None:
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(tensors, path, metadata={"gancompress": json.dumps(description)})


def test_defaults_of_a_built_in_factory_are_kept_with_it(tmp_path: Path) -> None:
    architecture = Architecture("dcgan", {"z_dim": 8, "width": 8, "resolution": 16})
    module = architecture.build()
    saved = Student(module, {"z": Input("normal", (8,))}, architecture)
    save_student(saved, tmp_path / "s.safetensors")
    loaded = load_student(tmp_path / "s.safetensors")
    assert loaded.architecture.kwargs["classes"] == 0
    assert loaded.fingerprint == saved.fingerprint


def forge(path: Path, name: str, value: float) -> None:
    """Write a number into a tensor of a student file."""
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    tensors[name].view(-1)[-1] = value
    save_file(tensors, path, metadata=metadata)


@pytest.mark.parametrize(
    ("name", "value"),
    [("first.weight", float("nan")), ("mix.weight", float("-inf")), ("noise", float("nan"))],
)
def test_weights_that_are_not_finite_are_refused(name: str, value: float, tmp_path: Path) -> None:
    path = save(tmp_path)
    forge(path, name, value)
    with pytest.raises(TeacherError, match=f"{name} holds numbers that are not finite"):
        load_student(path, factory=f"{HERE}:Generator")


def test_a_mask_of_a_student_may_be_infinite(tmp_path: Path) -> None:
    path = save(tmp_path)
    forge(path, "noise", float("-inf"))
    loaded = load_student(path, factory=f"{HERE}:Generator").module
    assert float(loaded.get_buffer("noise").view(-1)[-1]) == float("-inf")


def test_weights_too_large_for_16_bits_are_not_written_in_them(tmp_path: Path) -> None:
    large = student()
    with torch.no_grad():
        large.module.get_parameter("first.bias")[0] = 70_000.0
    with pytest.raises(TeacherError, match=r"in 16 bits: first\.bias .* keep it in 32"):
        save_student(large, tmp_path / "student.safetensors", half=True)
    assert not list(tmp_path.iterdir())
    with torch.no_grad():
        large.module.get_parameter("first.bias")[0] = torch.nan
    with pytest.raises(TeacherError, match=r"save_student: first\.bias holds"):
        save_student(large, tmp_path / "student.safetensors")
