"""Weight schedules."""

import pytest

from gancompress.distillation.schedules import share_left


def test_constant_weight_never_changes() -> None:
    assert [share_left("constant", at, final=0.1) for at in (0.0, 0.5, 1.0)] == [1.0, 1.0, 1.0]


def test_linear_decay_is_halfway_at_half_time() -> None:
    assert [share_left("linear", at) for at in (0.0, 0.5, 1.0)] == [1.0, 0.5, 0.0]


def test_cosine_decay_starts_slowly_and_ends_slowly() -> None:
    values = [share_left("cosine", at) for at in (0.0, 0.25, 0.5, 1.0)]
    assert values == pytest.approx([1.0, 0.8535534, 0.5, 0.0])


@pytest.mark.parametrize("decay", ["linear", "cosine"])
def test_decay_ends_early_at_its_final_share(decay: str) -> None:
    assert share_left(decay, 0.4, until=0.4, final=0.2) == pytest.approx(0.2)  # type: ignore[arg-type]
    assert share_left(decay, 0.9, until=0.4, final=0.2) == pytest.approx(0.2)  # type: ignore[arg-type]
