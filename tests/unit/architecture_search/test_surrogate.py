import numpy as np
import pytest

from gancompress.architecture_search.surrogate import Surrogate

from .synthetic import Quality, every_subnet, space_of


def test_known_scores_are_expected_again_with_a_small_variance():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((30, 3))
    scores = features.sum(axis=1) ** 2
    model = Surrogate(features, scores)
    assert model.mean(features) == pytest.approx(scores, abs=0.1 * scores.std())
    near, far = model.posterior(features).spread, model.posterior(features + 20).spread
    assert (near < 0.5 * far).all()


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


def test_conditioning_shrinks_the_variance_as_a_score_would():
    rng = np.random.default_rng(0)
    features = rng.standard_normal((30, 3))
    model = Surrogate(features[:20], np.sin(3 * features[:20]).prod(axis=1))
    posterior = model.posterior(features)
    before = posterior.spread
    for conditioned in (25, 27):
        posterior.condition(conditioned)
    assert (posterior.spread <= before + 1e-9).all()
    assert (posterior.spread[[25, 27]] < 0.2 * before[[25, 27]]).all()


def test_a_group_that_does_not_matter_is_told_from_one_that_does():
    features = np.random.default_rng(0).standard_normal((40, 2))
    model = Surrogate(features, np.sin(2 * features[:, 0]))
    line = np.linspace(-1.5, 1.5, 20)
    along, across = np.zeros((20, 2)), np.zeros((20, 2))
    along[:, 0], across[:, 1] = line, line
    assert np.ptp(model.mean(across)) < 0.1 * np.ptp(model.mean(along))
