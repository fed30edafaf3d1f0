"""YAML that was written to harm: refused at once, with its place."""

import pytest

from gancompress.errors import RecipeError
from gancompress.recipe.yaml import read_yaml

BOMB = "a0: &a0 [x, x]\n" + "\n".join(
    f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}]" for n in range(1, 40)
)
MERGES = "a0: &a0 {x: 1}\n" + "\n".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)
)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: !!int 'x'", "line 1, column 4.*no int"),
        ("a: 1\nb: " + "9" * 6000, "line 2, column 4.*no int"),
        ("a: !!timestamp '2020-13-45'", "line 1.*timestamp"),
        ("a: " + "[" * 6000, "more than 40 levels"),
        ("a: " + "[" * 6000 + "]" * 6000, "more than 40 levels"),
        ("a: &x [*x]", r"\*x, which stands for itself"),
        ("a: *y", r"\*y, which stands for itself or is not known"),
        (BOMB, "more than 20,000 values"),
        (MERGES, "more than 20,000 values"),
        ("a: [" + "1," * 100_000 + "]", "more than 20,000 values"),
        ("a: " + "x" * 1_000_001, "at most 1,000,000"),
        ("a: 1\na: 2", "line 2, column 1.*the key 'a' twice"),
        ("a: {? [1]: 2}", "unhashable"),
        ("a: !!python/object/apply:os.getcwd []", "line 1, column 4.*no plain value"),
        ("a: !!set {x}", "no plain value"),
        ("a: !!binary AAAA", "no plain value"),
        ("a: \x00", "line 1.*not allowed"),
        ("a: [1", "line 1, column"),
        ("--- 1\n--- 2", "line 2"),
        ("a: !!float ''", "no float"),
        ("a: !!bool 'x'", "no bool"),
    ],
)
def test_what_is_no_plain_small_yaml_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(RecipeError, match=problem) as caught:
        read_yaml(text, "recipe.yaml")
    assert "\n" not in str(caught.value)


def test_anchors_and_merges_of_usual_size_are_read() -> None:
    found = read_yaml("base: &b {x: 1, y: 2}\nmine: {<<: *b, y: 3}\nall: [*b, *b]", "r")
    assert found["mine"] == {"x": 1, "y": 3}
    assert found["all"] == [{"x": 1, "y": 2}] * 2


def test_dates_and_subnets_are_texts() -> None:
    assert read_yaml("[2020-13-45, 2020-01-02, 64_32_16, 7]", "r") == [
        "2020-13-45", "2020-01-02", "64_32_16", 7,
    ]  # fmt: skip
