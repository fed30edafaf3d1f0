"""The public API as a user writes it: a generator of one's own, each step alone."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import gancompress as gc
from tests.workflows.own_generator import PHOTOS, SPEC, Painter, painter, pairs, supernet


def norm_of_weights(module: nn.Module) -> Tensor:
    return sum(p.square().sum() for p in module.parameters()) / 1


def quiet(**changes: object) -> gc.SearchSettings:
    return gc.SearchSettings(progress=False, **changes)


def test_pairs_are_the_answers_of_the_teacher():
    teacher = gc.Teacher(painter(), SPEC)
    found = gc.collect(teacher, PHOTOS, 16)
    batch, answers = found.batch([3, 17])
    exact = teacher(batch)
    assert (answers.float() / 127.5 - 1 - exact).abs().max() <= 1 / 127.5


def test_no_row_is_both_learned_from_and_held_out():
    found = gc.collect(gc.Teacher(painter(), SPEC), PHOTOS, 100)
    assert (len(found.train), len(found.held_out)) == (22, 2)
    images = found.batch(range(24))[0]["image"]
    assert len({image.numpy().tobytes() for image in images}) == 24


def test_a_function_is_a_teacher():
    inputs = {"z": gc.Input("normal", (4,))}

    def paint(z: Tensor) -> Tensor:
        return 255 * z.sigmoid().view(-1, 1, 2, 2)

    teacher = gc.Teacher(paint, inputs, output_range=(0, 255))
    batch, answers = gc.collect(teacher, count=6).batch([0])
    wanted = batch["z"].sigmoid().view(1, 1, 2, 2) * 2 - 1
    assert torch.allclose(answers / 127.5 - 1, wanted, atol=1 / 127)


def test_a_recording_on_disk_is_used_again(tmp_path: Path):
    asked = []

    def teacher_of(z: Tensor) -> Tensor:
        asked.append(len(z))
        return z

    teacher = gc.Teacher(teacher_of, {"z": gc.Input("normal", (4,))}, version="1")
    first = gc.collect(teacher, count=8, folder=tmp_path)
    before = sum(asked)
    again = gc.collect(teacher, count=8, folder=tmp_path)
    assert sum(asked) - before == 2  # only to see whether it answers images or scores
    assert torch.equal(first.batch([5])[1], again.batch([5])[1])


def test_teacher_that_lacks_data_says_what_to_give():
    with pytest.raises(gc.GancompressError, match="give data="):
        gc.collect(gc.Teacher(painter(), SPEC), count=4)


def test_search_takes_a_score_of_ones_own():
    found = gc.search(supernet(), norm_of_weights, trials=3, settings=quiet(better="higher"))
    assert found.best().subnet == supernet().space.largest


def test_search_scores_by_the_distance_to_the_pairs():
    settings = quiet(options=gc.SearchOptions(calibration_batches=0))
    found = gc.search(supernet(0), pairs=pairs(), trials=4, settings=settings)
    best = found.best()
    assert best.subnet == supernet(0).space.largest
    assert best.scores["l1"] < 0.01


def test_search_without_anything_to_score_by_says_so():
    with pytest.raises(gc.GancompressError, match="give score="):
        gc.search(supernet())


def test_a_share_means_the_same_to_the_search_and_to_its_front():
    whole = supernet().cost_model.cost(supernet().space.largest).macs
    found = gc.search(supernet(), norm_of_weights, trials=3, mac_budget="1/2", settings=quiet())
    assert all(c.costs["macs"] <= whole / 2 for c in found.front.candidates)
    # As a share of the dearest scored subnet, which costs half, a half would be a quarter.
    assert found.best(mac_budget="1/2").subnet == found.best().subnet
    with pytest.raises(gc.GancompressError, match="mac_budget"):
        found.best(mac_budget=whole / 1000)


def test_search_goes_on_where_it_stopped(tmp_path: Path):
    scored = []

    def score(module: nn.Module) -> float:
        scored.append(module)
        return float(norm_of_weights(module).detach())

    first = gc.search(supernet(), score, trials=3, folder=tmp_path, settings=quiet())
    before = len(scored)
    again = gc.search(supernet(), score, trials=3, folder=tmp_path, settings=quiet())
    assert len(scored) - before <= 1
    assert again.best().subnet == first.best().subnet


def test_chosen_subnet_has_statistics_of_its_own():
    found = gc.search(supernet(), pairs=pairs(), trials=2, settings=quiet())
    student = found.best().extract()
    assert not student.training
    inputs = pairs().batch(pairs().train)[0]["image"]
    mean = student.head(inputs).mean(dim=(0, 2, 3))
    assert torch.allclose(student.norm.running_mean, mean, atol=1e-5)


@pytest.mark.parametrize("factory", [Painter, painter()], ids=["callable", "module"])
def test_any_extracted_module_is_saved_and_loaded(factory: object, tmp_path: Path):
    student = supernet().extract([8])
    gc.save(student, tmp_path / "student.safetensors", inputs=SPEC)
    loaded = gc.load(tmp_path / "student.safetensors", factory)
    assert torch.equal(loaded(PHOTOS), student.eval()(PHOTOS))
    assert loaded.inputs == SPEC


def test_module_that_names_no_factory_needs_one_to_be_loaded(tmp_path: Path):
    gc.save(supernet().extract([8]), tmp_path / "student.safetensors")
    with pytest.raises(gc.GancompressError, match=r"holds a Painter.*factory="):
        gc.load(tmp_path / "student.safetensors")


def test_file_names_its_factory_where_it_is_told(tmp_path: Path):
    place = f"{__name__}:Painter"
    gc.save(supernet().extract([8]), tmp_path / "s.safetensors", factory=place)
    assert gc.load_student(tmp_path / "s.safetensors", factory=place).architecture.factory == place


def test_module_that_does_not_fit_the_factory_is_refused(tmp_path: Path):
    gc.save(supernet().extract([8]), tmp_path / "student.safetensors")
    with pytest.raises(gc.GancompressError, match="does not fit"):
        gc.load(tmp_path / "student.safetensors", lambda: nn.Conv2d(3, 3, 1))


def test_saved_student_is_a_teacher(tmp_path: Path):
    student = supernet().extract([8])
    gc.save(student, tmp_path / "s.safetensors", inputs=SPEC)
    loaded = gc.Teacher(gc.load(tmp_path / "s.safetensors", Painter))
    assert torch.equal(loaded({"image": PHOTOS}), student.eval()(PHOTOS).detach())


@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_student_is_exported_and_compared(suffix: str, tmp_path: Path):
    written = gc.export(supernet().extract([8]), tmp_path / f"s.{suffix}", inputs=SPEC)
    assert written.parity.max_rel < 1e-4
    assert gc.load_exported(written.path)({"image": PHOTOS}).shape == (24, 3, 8, 8)


def test_student_is_exported_in_8_bits(tmp_path: Path):
    batches = [{"image": PHOTOS[:12]}, {"image": PHOTOS[12:]}]
    student = supernet().extract([16]).eval()
    exact = gc.export(student, tmp_path / "s.onnx", inputs=SPEC)
    small = gc.export(student, tmp_path / "s8.onnx", inputs=SPEC, int8=batches)
    assert small.parity.samples == 12
    assert exact.parity.psnr > small.parity.psnr > 20


def test_export_of_another_ending_lists_what_there_is(tmp_path: Path):
    with pytest.raises(gc.GancompressError, match=r"\.pte, \.onnx, .*\.pt2"):
        gc.export(painter(), tmp_path / "student.tflite", inputs=SPEC)


def test_scores_are_taken_with_an_extractor_of_ones_own():
    options = gc.EvaluationOptions(samples=12, inputs=SPEC, fed=PHOTOS)

    def colours(images: Tensor) -> Tensor:
        return images.float().mean(dim=(2, 3))

    found = gc.evaluate(painter(), PHOTOS, extractor=colours, options=options)
    assert [score.metric for score in found] == ["fd_colours"]
    assert found[0].value > 0


def test_student_equal_to_its_teacher_has_no_distance_to_it():
    options = gc.EvaluationOptions(samples=12, fed=PHOTOS)
    teacher = gc.Teacher(painter(), SPEC, data=PHOTOS)
    student = gc.Teacher(painter(), SPEC, data=PHOTOS)
    found = gc.evaluate(student, teacher, ["psnr"], extractor=nn.Flatten(), options=options)
    assert found[0].value == float("inf")


def test_own_pairs_need_no_teacher():
    inputs = {"z": torch.randn(6, 4)}
    spec = {"z": gc.Input("normal", (4,))}
    own = gc.MemoryPairs(inputs, torch.zeros(6, 3, 8, 8), spec, held_out=2)
    assert (list(own.train), list(own.held_out)) == ([0, 1, 2, 3], [4, 5])
    with pytest.raises(gc.GancompressError, match="z 6, outputs 5"):
        gc.MemoryPairs(inputs, torch.zeros(5, 3, 8, 8), spec)


@pytest.mark.parametrize("batches", [None, [{"image": PHOTOS}]], ids=["weights", "outputs"])
def test_channels_are_sorted_and_the_function_stays(batches: list[gc.Batch] | None):
    found = supernet().eval()
    before, order = found(image=PHOTOS), found.module.tail.weight.detach().clone()
    gc.sort_channels(found, batches)
    assert torch.allclose(found(image=PHOTOS), before, atol=1e-5)
    assert not torch.equal(found.module.tail.weight, order)
