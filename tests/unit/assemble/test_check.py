"""What a check of a recipe tells before a run exists: each mistake, with its key and a fix."""

from pathlib import Path

import pytest

from gancompress.assemble.check import Checked, check
from gancompress.recipe.load import load_recipe

TINY = Path(__file__).parents[2] / "workflows" / "tiny.yaml"

MISTAKES = {
    "student.kwargs.channels=3": "student.kwargs: the student makes 3×16×16, the teacher 1×16×16",
    "student.kwargs.z_dim=9": "e.g. student.kwargs: {z_dim: 8}",
    "student.kwargs.widht=9": "student.factory: distylegan: got an unexpected keyword argument",
    "student.minimum=999": "student: nothing of 'distylegan' can be made narrower",
    "student.keep=[fcc]": "student.keep: fcc: there is no such",
    "student.file=none.pth": "student.file: none.pth: no such file",
    "student.separable=['nope*']": "student.separable: separable pattern 'nope*' matches no",
    "student.factory=distylgan": "student.factory: 'distylgan' is no built-in network; did you",
    "student.factory=teacher && student.kwargs={width: 24} && student.init=teacher": (
        "student.init: the teacher's"
    ),
    "teacher.kwargs.resolution=32": "data.resolution, data.channels: the real images are 1×16×16",
    "teacher.kwargs.classes=7": "data.source: 10 class folders (0, 1, 2, 3, 4, 5, …), but the",
    "teacher.file=none.pkl": "teacher.file: none.pkl: no such file",
    "teach.discriminator.kwargs.resolution=32": "teach.discriminator: cannot judge images of",
    "distill.discriminator.kwargs={}": (
        "e.g. distill.discriminator.kwargs: {channels: 1, resolution: 16}"
    ),
    "distill.discriminator.condition=imag": (
        "distill.discriminator.condition: the teacher has no input 'imag'"
    ),
    "distill.terms={l1: {}, s_sim: {}}": "distill.terms.s_sim: unknown term; did you mean 'ssim'?",
    "distill.terms={kl: {}}": "distill.terms.kl: compares scores, the teacher answers 1×16×16",
    "distill.per_tag=3": "distill.per_tag: the teacher answers 1×16×16, no scores",
    "distill.terms={style: {}}": "distill.terms.style.network: missing",
    "distill.terms={adapted: {taps: [fc=nope]}}": "the teacher has no submodule 'nope'",
    "distill.fixed=8_8": "distill.fixed: subnet 8_8: 2 widths, but the space has 3 groups",
    "search.mac_budget=10": "search.mac_budget: 10 is below the smallest subnet",
    "search.mac_budget=lots": "search.mac_budget: 'lots' is not an amount",
    "search.storage=sqlite:////nowhere/trials.db": "search.storage: storage sqlite:////nowhere",
    "search.evaluators={a: {function: math:nope}}": "search.evaluators.a.function: math:nope",
    "evaluate.extractor=nope": "evaluate.extractor: extractor 'nope' is none of",
    "collect.count=900000000000": "GB free, but pairs and checkpoints take",
    "collect.class_shares=[1,2]": "collect.class_shares: 2 numbers; the teacher has 10 classes",
    "track=[wandb]": "track: wandb: not installed: pip install wandb",
    "device=cuda:99": "device: cuda:99",
}


def checked(*changes: str, last: str = "report", folder: Path = Path("runs/none")) -> Checked:
    return check(load_recipe(TINY, list(changes)), folder, last)


@pytest.mark.parametrize("change", MISTAKES)
def test_a_mistake_is_told_before_there_is_a_run(change: str) -> None:
    found = checked(*change.split(" && "))
    told = "\n".join(found.findings.mistakes)
    assert MISTAKES[change] in told
    assert not [line for line in found.findings.remarks if "could not be checked" in line]


def test_a_recipe_without_mistakes_has_none() -> None:
    found = checked()
    assert found.findings.mistakes == []
    assert found.findings.remarks == []
    assert found.supernet is not None


def test_mistakes_of_different_sections_are_told_together() -> None:
    changes = ["student.kwargs.channels=3", "evaluate.extractor=nope", "distill.terms={l11: {}}"]
    told = checked(*changes).findings.mistakes
    assert {line.split(":")[0] for line in told} == {
        "student.kwargs", "evaluate.extractor", "distill.terms.l11"
    }  # fmt: skip


def test_what_comes_after_the_last_stage_is_not_looked_at() -> None:
    assert checked("student.factory=nope", last="teach").findings.mistakes == []


def test_a_budget_that_every_subnet_keeps_is_remarked_on() -> None:
    assert "every subnet keeps it" in checked("search.mac_budget=9G").findings.remarks[0]


def test_the_line_of_a_factory_that_fails_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("def build():\n    return {}['weights']\n")
    (told,) = checked(f"student.factory={file}:build", "student.kwargs={}").findings.mistakes
    assert told == (f"student.factory: KeyError: 'weights' (in {file}:2 `return {{}}['weights']`)")
