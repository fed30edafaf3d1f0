"""Whatever happens to a file, it loads or there is one clear error."""

import random
from pathlib import Path

import pytest
import torch

from gancompress.errors import TeacherError
from gancompress.generators.build import build
from gancompress.teachers.from_file import from_file
from tests.unit.teachers.published import stylegan2_ada


def written(form: str, path: Path) -> bytes:
    torch.manual_seed(0)
    if form == "pickle":
        size = {"z_dim": 3, "w_dim": 3, "classes": 2, "resolution": 8, "channel_base": 8}
        return stylegan2_ada(build("stylegan2", **size), path).read_bytes()
    state = build("resnet", width=1, blocks=1).state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    return path.read_bytes()


def damaged(content: bytes, rng: random.Random) -> bytes:
    """Bytes changed, cut out, put in, or copied over others."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        place, other = rng.randrange(len(changed)), rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[place] = rng.randrange(256)
            case 1:
                del changed[place : place + rng.randrange(1, 30)]
            case 2:
                changed[place:place] = rng.randbytes(rng.randrange(1, 10))
            case 3:
                changed[place : place + 8] = changed[other : other + 8]
    return bytes(changed)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("form", ["pickle", "zip", "legacy"])
def test_damaged_file_loads_or_gives_one_clear_error(form: str, tmp_path: Path) -> None:
    path = tmp_path / "teacher.pkl"
    content, rng, refused = written(form, path), random.Random(0), 0
    for _ in range(120):
        path.write_bytes(damaged(content, rng))
        try:
            from_file(path)
        except TeacherError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused > 60
