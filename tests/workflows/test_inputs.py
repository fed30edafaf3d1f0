"""`run` with generators that are fed, and return, whatever others think of."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import gancompress
from gancompress.batch import example_inputs
from gancompress.cli import main
from gancompress.data.pairs import PairStore
from tests.zoo import strangers

FACTORY = "tests/zoo/strangers.py"

RECIPE = """
name: stranger
threads: 1
checkpoint_seconds: 0
log_every: 2
teacher:
  factory: {factory}
  output: "{output}"
  inputs: {inputs}
  data: {data}
collect: {{count: 24, held_out: 6, shard: 10, batch_size: 4}}
student: {{factory: teacher, init: teacher, divisor: 4, minimum: 4}}
distill:
  steps: 3
  batch_size: 4
  terms: {{l1: {{weight: 1.0}}}}
  discriminator: {{factory: ""}}
search: {{mac_budget: 3/4, trials: 3, score_samples: 4, finalists: 0, calibration_batches: 1}}
evaluate: {{latency_runs: 3}}
"""

CASES = {
    "LabelGAN": (
        "{latent: {kind: normal, shape: [16]}, label: {kind: label, classes: 4}}",
        "sample",
        "{}",
    ),
    "Stylist": (
        "{content: {kind: image, shape: [3, 16, 16]}, style: {kind: image, shape: [3, 16, 16]}, "
        "jitter: {kind: normal, shape: [4]}}",
        "",
        "{source: PHOTOS, folder: a, others: {style: {folder: b}}}",
    ),
    "Speaker": (
        "{tokens: {kind: tokens, shape: [7], classes: 20}, "
        "noises__0: {kind: normal, shape: [1, 8, 8]}, "
        "noises__1: {kind: normal, shape: [1, 16, 16]}}",
        "1",
        "{}",
    ),
}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for part in ("a", "b"):
        (folder / part).mkdir()
        for number in range(10):
            pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / part / f"{number}.png")
    return folder


def recipe_of(name: str, folder: Path, photos: Path) -> list[str]:
    """Arguments of `run` for the generator ``name``, whose weights are drawn."""
    torch.manual_seed(0)
    module: nn.Module = getattr(strangers, name)()
    weights = folder / "weights.safetensors"
    save_file(module.state_dict(), weights)
    inputs, output, data = CASES[name]
    text = RECIPE.format(
        factory=f"{FACTORY}:{name}",
        inputs=inputs,
        output=output,
        data=data.replace("PHOTOS", str(photos)),
    )
    (folder / "recipe.yaml").write_text(text)
    run = ["--run", str(folder / "run")]
    return [str(folder / "recipe.yaml"), f"teacher.weights={weights}", *run]


@pytest.mark.parametrize("name", CASES)
def test_a_generator_of_any_inputs_ends_in_a_student_and_its_export(
    name: str, tmp_path: Path, photos: Path
) -> None:
    assert main(["run", *recipe_of(name, tmp_path, photos)]) == 0
    factory = f"{FACTORY}:{name}"
    student = gancompress.load_student(tmp_path / "run" / "student.safetensors", factory=factory)
    batch = example_inputs(student.inputs, 3, seed=5)
    with torch.no_grad():
        made = student.module(**batch)
    assert made.shape == (3, 3, 16, 16)
    session = onnxruntime.InferenceSession(tmp_path / "run" / "export" / "student.onnx")
    assert {entry.name for entry in session.get_inputs()} == set(batch)
    (exported,) = session.run(None, {name: value.numpy() for name, value in batch.items()})
    assert np.abs(exported - made.numpy()).max() < 1e-4


def test_two_image_inputs_come_from_two_folders(tmp_path: Path, photos: Path) -> None:
    assert main(["collect", *recipe_of("Stylist", tmp_path, photos)]) == 0
    store = PairStore(tmp_path / "run" / "pairs")
    batch, _ = store.batch(range(len(store)))
    for name, part in (("content", "a"), ("style", "b")):
        files = [np.asarray(Image.open(path)) for path in (photos / part).iterdir()]
        known = {pixels.transpose(2, 0, 1).tobytes() for pixels in files}
        levels = ((batch[name] + 1) * 127.5).round().to(torch.uint8)
        assert {image.numpy().tobytes() for image in levels} <= known


@pytest.mark.parametrize(
    ("name", "change", "expected"),
    [
        (
            "LabelGAN",
            "teacher.output=''",
            "teacher.output: empty, but the generator returns a dict of",
        ),
        ("LabelGAN", "teacher.output=sampel", "did you mean 'sample'?"),
        ("LabelGAN", "teacher.inputs.label.classes=0", "teacher.inputs.label: input of kind label"),
        ("Stylist", "teacher.data.others.stile.folder=b", "did you mean 'style'?"),
        (
            "Speaker",
            "teacher.output=7",
            "teacher.output: '7': the generator returns 0 (2×16×8×8)",
        ),
    ],
)
def test_a_mistake_about_inputs_or_outputs_is_one_message(
    name: str,
    change: str,
    expected: str,
    tmp_path: Path,
    photos: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe, *arguments = recipe_of(name, tmp_path, photos)
    assert main(["collect", recipe, change, *arguments]) == 2
    assert expected in capsys.readouterr().err
