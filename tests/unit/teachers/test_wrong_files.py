"""Every file that is no teacher gives one message that says what it is and what to do next."""

from pathlib import Path

import pytest

from gancompress.errors import TeacherError
from gancompress.teachers.from_file import from_file
from tests.unit.teachers.wrong import FILES


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILES)
def test_wrong_file_is_told_the_next_step(name: str, tmp_path: Path) -> None:
    file, content, message = FILES[name]
    (tmp_path / file).write_bytes(content())
    with pytest.raises(TeacherError, match=f"(?s){message}") as caught:
        from_file(tmp_path / file)
    text = str(caught.value)
    assert text.startswith(str(tmp_path / file))
    assert text.count("teacher: {") <= 1
    assert len(text) < 2000


def test_there_are_sixty_of_them() -> None:
    assert len(FILES) >= 60
