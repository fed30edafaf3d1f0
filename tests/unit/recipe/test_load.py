"""Strict loading of recipes."""

from pathlib import Path

import pytest

from gancompress.errors import RecipeError
from gancompress.recipe.describe import describe_schema
from gancompress.recipe.load import (
    differences,
    load_recipe,
    recipe_to_dict,
    recipe_to_yaml,
)
from gancompress.recipe.schema import Recipe


def written(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_all_mistakes_are_told_together_with_place_and_nearest_key(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "data: {source: digits}\n"
        "distill: {step: 3, batch_size: many, subnets: sandwch}\n"
        "seed: -1\n"
        "techer: {}\n",
    )
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, ["collect.count=few", "nonsense"])
    message = str(caught.value)
    assert f"{path}: 7 mistakes" in message
    assert "distill.step: unknown key; did you mean 'steps'?" in message
    assert "distill.batch_size: expected a whole number, got 'many'" in message
    assert "'sandwch' is not one of sandwich, uniform, largest" in message
    assert "seed: -1 is below 0" in message
    assert "techer: unknown key; did you mean 'teacher'?" in message
    assert "collect.count: expected a whole number, got 'few'" in message
    assert "override 'nonsense': write key.sub=value" in message


def test_numbers_in_exponent_form_are_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "data: {source: digits}\ndistill: {learning_rate: 2e-4, steps: 1e3}")
    recipe = load_recipe(path, ["teach.learning_rate=5e-4"])
    assert recipe.distill.learning_rate == 2e-4
    assert recipe.distill.steps == 1000
    assert recipe.teach.learning_rate == 5e-4


def test_a_subnet_is_a_text_and_a_number_may_have_underscores(tmp_path: Path) -> None:
    path = written(tmp_path, "data: {source: digits}\ndistill: {fixed: 64_32_16}\n")
    recipe = load_recipe(path, ["collect.count=50_000"])
    assert recipe.distill.fixed == "64_32_16"
    assert recipe.collect.count == 50_000
    assert load_recipe(path, ["distill.fixed=8_8_8_8"]).distill.fixed == "8_8_8_8"


def test_an_override_of_one_term_keeps_the_other_default_terms(tmp_path: Path) -> None:
    path = written(tmp_path, "data: {source: digits}")
    terms = load_recipe(path, ["distill.terms.l1.weight=0.5"]).distill.terms
    assert terms["l1"].weight == 0.5
    assert terms["l1"].decay == "linear"
    assert set(terms) == set(Recipe().distill.terms)


def test_a_resolved_recipe_reads_back_the_same(tmp_path: Path) -> None:
    recipe = load_recipe(Path("recipes/quickstart.yaml"))
    path = written(tmp_path, recipe_to_yaml(recipe))
    assert load_recipe(path) == recipe


def test_differences_name_the_path_and_both_values(tmp_path: Path) -> None:
    path = written(tmp_path, "data: {source: digits}")
    old, new = load_recipe(path), load_recipe(path, ["distill.steps=7"])
    found = differences(recipe_to_dict(old), recipe_to_dict(new))
    assert found == ["distill.steps: 60000 → 7"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n- b\n", "a recipe is a mapping of keys"),
        ("a: [1,\n", "not valid YAML"),
        ("data: {source: digits}\ndistill: 3\n", "distill: expected a section of keys, got 3"),
        ("{}", "teacher.file: empty, and data.source too"),
        ("data: {source: digits}\nteach: {betas: [0.5]}", "teach.betas: two numbers in [0, 1)"),
        (
            "data: {source: digits}\nsearch: {score_samples: 9}\ncollect: {held_out: 5}",
            "search.score_samples: 9 is more than collect.held_out (5)",
        ),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(RecipeError, match=r".") as caught:
        load_recipe(written(tmp_path, text))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("teacher.file=t.safetensors", "distill.online: the teacher is t.safetensors"),
        ("teach.objective=single_image", "distill.online: single_image is trained size by size"),
        ("student={factory: teacher, init: teacher}", "student.init: teacher: with distill.online"),
        ("student.keep=[mapping]", "student.keep: with distill.online"),
        ("distill.cache_gigabytes=1", "distill.cache_gigabytes: with distill.online the teacher"),
        ("distill.patience=3", "distill.patience: with distill.online the teacher moves"),
    ],
)
def test_a_teacher_that_learns_along_is_not_there_before(
    tmp_path: Path, change: str, expected: str
) -> None:
    path = written(tmp_path, "data: {source: digits}\ndistill: {online: true}")
    assert not load_recipe(path).records
    with pytest.raises(RecipeError, match=expected):
        load_recipe(path, [change])


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no such recipe"):
        load_recipe(tmp_path / "none.yaml")


def test_the_schema_describes_every_key() -> None:
    text = describe_schema()
    for key in ("distill.learning_rate", "search.mac_budget", "distill.terms.NAME.weight"):
        assert key in text


def test_no_is_a_word_and_not_false(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("data: {source: digits}\nprecision: no")
    assert load_recipe(path).precision == "no"
    assert load_recipe(path, ["precision=no"]).precision == "no"
