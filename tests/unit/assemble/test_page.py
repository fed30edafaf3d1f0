import pytest

from gancompress.assemble.page import snippets_of
from gancompress.exporters.formats import FORMATS


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_lines_of_python_that_run_it(name: str) -> None:
    file = f"export/student{FORMATS[name].ending}"
    (snippet,) = snippets_of([file], ["z", "c"]).values()
    compile(snippet, name, "exec")
    assert f'"{file}"' in snippet
    assert any(fed in snippet for fed in ('{"z": z, "c": c}', "z=z, c=c", "[z, c]"))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_made_is_called_an_output_be_it_picture_or_sound(name: str) -> None:
    (snippet,) = snippets_of([f"student{FORMATS[name].ending}"], ["mel"]).values()
    assert "output = " in snippet and "image" not in snippet
