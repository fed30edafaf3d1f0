from pathlib import Path

import pytest
import torch
from torch import nn

from gancompress.errors import RecipeError
from gancompress.generators.build import BUILT_IN, build
from gancompress.resolve import resolve


# One cannot do without the weights of a network.
@pytest.mark.parametrize("name", sorted({*BUILT_IN} - {"projected_discriminator"}))
def test_every_built_in_name_builds_with_its_defaults(name: str) -> None:
    with torch.device("meta"):
        assert isinstance(build(name), nn.Module)


def test_arguments_reach_the_factory() -> None:
    assert build("dcgan", z_dim=7).inputs["z"].shape == (7,)


def test_a_package_factory_is_named_by_module_and_attribute() -> None:
    assert isinstance(build("torch.nn:Linear", in_features=2, out_features=3), nn.Linear)


def test_a_factory_may_live_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from torch import nn\ndef make(width): return nn.Linear(width, 1)\n")
    assert build(f"{path}:make", width=5).in_features == 5


def test_a_file_is_imported_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from torch import nn\nclass Net(nn.Module): pass\n")
    assert resolve(f"{path}:Net") is resolve(f"{path}:Net")


def test_an_unknown_name_lists_the_nearest_and_all() -> None:
    with pytest.raises(RecipeError, match=r"did you mean 'stylegan2'\?.*dcgan.*unet"):
        build("stylgan2")


def test_an_unknown_argument_gets_the_signature() -> None:
    with pytest.raises(RecipeError, match=r"widht.*did you mean 'width'\?.*z_dim: int = 100"):
        build("dcgan", widht=3)


def test_a_missing_argument_gets_the_signature() -> None:
    with pytest.raises(RecipeError, match="in_features"):
        build("torch.nn:Linear", out_features=3)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("no_such_package.models:build", "cannot import no_such_package.models"),
        ("torch.nn:Lineer", "did you mean 'Linear'"),
        ("torch:float32", "not callable"),
        ("no/such/file.py:build", "there is no file"),
        ("torch.nn:", "is no built-in network"),
    ],
)
def test_a_factory_that_cannot_be_had_says_why(factory: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build(factory)


def test_a_file_that_fails_names_its_error(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("1 / 0\n")
    with pytest.raises(RecipeError, match=r"broken\.py fails on import: ZeroDivisionError"):
        build(f"{path}:make")


def test_what_is_no_module_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"returned dict; a factory must return"):
        build("builtins:dict")


@pytest.mark.parametrize(
    ("factory", "kwargs", "message"),
    [
        ("spade", {"upsampling": "many"}, "upsampling 'many': must be one of normal, more, most"),
        ("resnet", {"norm_kind": "instanc"}, "norm_kind 'instanc': must be one of instance"),
        ("dcgan", {"width": "64"}, "width '64': must be int"),
        ("dcgan", {"width": True}, "width True: must be int"),
        ("dcgan", {"depth": 2.5}, r"depth 2.5: must be int \| None"),
        ("unet", {"dropout": "0.5"}, "dropout '0.5': must be float"),
    ],
)
def test_an_argument_of_the_wrong_type_is_named(
    factory: str, kwargs: dict[str, object], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        build(factory, **kwargs)


def test_a_whole_number_is_a_float() -> None:
    assert isinstance(build("unet", width=2, dropout=0), nn.Module)


@pytest.mark.parametrize("factory", ["dcgan", "resnet", "srresnet", "unet"])
def test_a_built_in_network_that_cannot_be_made_says_with_what(factory: str) -> None:
    with pytest.raises(RecipeError, match=f"{factory}: .*-4"):
        build(factory, width=-4)


def test_an_error_in_a_third_partys_factory_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("def make(): raise ValueError('mine')\n")
    with pytest.raises(ValueError, match="mine"):
        build(f"{path}:make")
