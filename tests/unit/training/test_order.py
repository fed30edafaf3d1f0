"""The order of samples."""

import numpy as np

from gancompress.training.order import batch_indices, step_generator


def test_every_epoch_sees_every_sample_once_although_batches_do_not_divide_it() -> None:
    seen = np.concatenate([batch_indices(step, 4, 10, seed=1) for step in range(5)])
    for epoch in (seen[:10], seen[10:]):
        assert sorted(epoch) == list(range(10))
    assert list(seen[:10]) != list(seen[10:])


def test_a_batch_larger_than_the_data_takes_several_epochs() -> None:
    assert sorted(batch_indices(0, 6, 3, seed=0)) == [0, 0, 1, 1, 2, 2]


def test_the_generator_of_a_step_is_its_own() -> None:
    draws = {
        float(step_generator(0, step, attempt).random()) for step in (0, 1) for attempt in (0, 1)
    }
    assert len(draws) == 4
    assert step_generator(0, 1).random() == step_generator(0, 1).random()
