import numpy as np
import pytest

from gancompress.search.surrogate import Surrogate

from .synthetic import Quality, every_subnet, space_of


def test_scores_that_were_seen_are_expected_again_with_little_doubt():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((30, 3))
    scores = features.sum(axis=1) ** 2
    model = Surrogate(features, scores)
    assert model.mean(features) == pytest.approx(scores, abs=0.1 * scores.std())
    assert (model.spread(features) < 0.5 * model.spread(features + 20)).all()


def test_interactions_of_widths_are_learnt_from_a_few_scores():
    space = space_of(5, 6)
    widths = every_subnet(space)
    truth = Quality(space).of(widths)
    logs = np.log(widths)
    features = (logs - logs.mean(axis=0)) / logs.std(axis=0)
    seen = np.random.default_rng(0).permutation(len(widths))[:150]
    expected = Surrogate(features[seen], truth[seen]).mean(features)
    assert np.corrcoef(expected, truth)[0, 1] > 0.97


def test_equal_scores_are_no_obstacle():
    model = Surrogate(np.arange(6.0)[:, None], np.full(6, 2.0))
    assert model.mean(np.array([[2.5]])) == pytest.approx([2.0])
