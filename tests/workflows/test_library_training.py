"""Training and compressing through the public API, with losses of one's own."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import gancompress as gc
from gancompress.run import RunDir
from tests.workflows.own_generator import PHOTOS, SPEC, Painter, painter, pairs, supernet


def far(student: Tensor, teacher: Tensor) -> Tensor:
    return (student - teacher).square().mean()


def moved(first: gc.Supernet, second: gc.Supernet) -> float:
    """The largest difference of two supernets' weights."""
    weights = zip(first.module.parameters(), second.module.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in weights)


def test_distillation_takes_a_loss_of_ones_own():
    events: list[dict[str, object]] = []
    settings = gc.DistillSettings(log=lambda event: events.append(dict(event)), log_every=1)
    found = gc.distill(supernet(), pairs(), {"l1": 1.0, far: 0.5}, steps=2, settings=settings)
    assert moved(found, supernet()) > 0
    assert any("far.largest" in event for event in events)


def test_supernet_that_began_elsewhere_comes_nearer_to_the_teacher():
    taught, target = supernet(), painter()(PHOTOS).detach()
    before = float(far(taught(image=PHOTOS).detach(), target))
    options = gc.DistillOptions(batch_size=8, learning_rate=1e-2, ema=0.5, validate_every=0)
    gc.distill(taught, pairs(), steps=40, options=options)
    assert float(far(taught.train()(image=PHOTOS).detach(), target)) < before / 2


def test_distillation_goes_on_where_it_stopped(tmp_path: Path):
    whole = gc.distill(supernet(), pairs(), steps=4)
    gc.distill(supernet(), pairs(), steps=2, folder=tmp_path)
    resumed = gc.distill(supernet(), pairs(), steps=4, folder=tmp_path)
    assert moved(whole, resumed) == 0


def test_adversarial_terms_take_a_discriminator():
    discriminator = Discriminator()
    before = discriminator.body.weight.detach().clone()
    settings = gc.DistillSettings(discriminator=discriminator)
    gc.distill(supernet(), pairs(), {"adversarial": 1.0}, steps=1, settings=settings)
    assert not torch.equal(discriminator.body.weight.cpu(), before)
    with pytest.raises(gc.GancompressError, match="discriminator"):
        gc.distill(supernet(), pairs(), {"adversarial": 1.0}, steps=1)


class Discriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 4, 3)

    def forward(self, image: Tensor) -> tuple[Tensor, list[Tensor]]:
        maps = self.body(image)
        return maps.mean((1, 2, 3)), [maps]


def test_feature_terms_look_inside_a_teacher():
    settings = gc.DistillSettings(teacher=painter())
    found = gc.distill(supernet(), pairs(), {"kernel_alignment": 1.0}, steps=1, settings=settings)
    assert moved(found, supernet()) > 0


def test_unknown_loss_is_named():
    with pytest.raises(gc.GancompressError, match="l3: unknown"):
        gc.distill(supernet(), pairs(), {"l3": 1.0}, steps=1)


TINY = gc.CompressOptions(count=16, steps=2, trials=3, divisor=4, minimum=4, formats=(".pt2",))


def test_compress_does_it_all_and_again_for_another_budget(tmp_path: Path):
    teacher = gc.Teacher(painter(), SPEC, data=PHOTOS)
    first = gc.compress(teacher, mac_budget="1/2", run=tmp_path, options=TINY)
    assert first.report["student"]["macs"] <= first.report["teacher"]["macs"] / 2
    loaded = gc.load(tmp_path / "student.safetensors", Painter)
    assert torch.equal(loaded(PHOTOS), first.student(PHOTOS))
    trained = (tmp_path / "supernet.safetensors").stat().st_mtime_ns
    second = gc.compress(teacher, mac_budget="1/4", run=tmp_path, options=TINY)
    assert second.report["student"]["macs"] <= first.report["teacher"]["macs"] / 4
    assert (tmp_path / "supernet.safetensors").stat().st_mtime_ns == trained
    assert len(second.front.front.candidates) >= len(first.front.front.candidates)


def test_compressing_again_gives_the_same_student(tmp_path: Path):
    teacher = gc.Teacher(painter(), SPEC, data=PHOTOS)
    first = gc.compress(teacher, mac_budget="1/2", run=tmp_path, options=TINY)
    again = gc.compress(teacher, mac_budget="1/2", run=tmp_path, options=TINY)
    assert first.report == again.report
    assert torch.equal(first.student(PHOTOS), again.student(PHOTOS))


def test_run_of_another_teacher_is_refused(tmp_path: Path):
    def compress(seed: int) -> None:
        teacher = gc.Teacher(painter(seed), SPEC, data=PHOTOS)
        gc.compress(teacher, mac_budget="1/2", run=tmp_path, options=TINY)

    compress(0)
    with pytest.raises(gc.GancompressError, match="another teacher"):
        compress(5)


def test_run_in_use_is_left_alone(tmp_path: Path):
    teacher = gc.Teacher(painter(), SPEC, data=PHOTOS)
    with RunDir(tmp_path).lock(), pytest.raises(gc.GancompressError, match="in use"):
        gc.compress(teacher, mac_budget="1/2", run=tmp_path, options=TINY)


def test_impossible_budget_is_told_before_anything_is_done(tmp_path: Path):
    teacher = gc.Teacher(painter(), SPEC, data=PHOTOS)
    with pytest.raises(gc.GancompressError, match="below the smallest subnet"):
        gc.compress(teacher, mac_budget="1/1000", run=tmp_path / "run", options=TINY)
    assert not (tmp_path / "run").exists()


def test_black_box_needs_a_student(tmp_path: Path):
    box = gc.Teacher(lambda image: image.tanh(), SPEC, data=PHOTOS, version="1")
    with pytest.raises(gc.GancompressError, match="give student="):
        gc.compress(box, run=tmp_path, options=TINY)
    made = gc.compress(box, mac_budget="1/2", run=tmp_path, student=painter(), options=TINY)
    assert made.student(PHOTOS).shape == PHOTOS.shape


def colours(images: Tensor) -> Tensor:
    return images.float().mean(dim=(2, 3))


def test_compress_scores_the_best_against_real_images(tmp_path: Path):
    teacher = gc.Teacher(painter(), SPEC, data=PHOTOS)
    options = replace(TINY, extractor=colours, settings=gc.DistillSettings(real=PHOTOS))
    made = gc.compress(teacher, mac_budget="1/2", run=tmp_path, options=options)
    assert list(made.front.front.stages) == ["paired", "frechet"]
    assert "fd_colours" in made.report["held_out"]


def test_compress_finetunes_the_chosen_subnet_and_goes_on(tmp_path: Path):
    teacher = gc.Teacher(painter(), SPEC, data=PHOTOS)
    tuning = gc.FinetuneOptions(steps=20, learning_rate=1e-2)
    options = replace(TINY, finetune=tuning, distill=gc.DistillOptions(batch_size=8, ema=0.5))
    first = gc.compress(teacher, mac_budget="1/2", run=tmp_path, options=options)
    assert first.report["unseen"]["finetuned"] < first.report["unseen"]["inherited"]
    again = gc.compress(teacher, mac_budget="1/2", run=tmp_path, options=options)
    assert torch.equal(again.student(PHOTOS), first.student(PHOTOS))


def test_finetuning_leaves_the_supernet_as_it_was():
    found, terms = supernet(), {"l1": gc.TermOptions()}
    options = gc.DistillOptions(batch_size=8, steps=2, terms=terms)
    tuned = gc.finetune(found, found.space.smallest, pairs(), options)
    assert moved(found, supernet()) == 0
    inherited = found.extract(found.space.smallest)
    assert not torch.equal(tuned.module.head.weight, inherited.head.weight)
