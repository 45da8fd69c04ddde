from itertools import combinations

import numpy as np
import pytest

from orbweaver.metrics.budget import mean_regrets, random_regrets
from orbweaver.metrics.measures import regret_at_k


@pytest.fixture
def block():
    generator = np.random.default_rng(6)
    truth, scores = generator.normal(size=(3, 7)), generator.integers(0, 4, (4, 3, 7)).astype(float)  # ties
    truth[1, 2], scores[1, 0, 4], scores[2, 1] = np.nan, np.nan, np.nan
    return truth, scores


def test_the_zoo_itself_gives_the_plain_regret(block):
    truth, scores = block
    found = mean_regrets(truth, scores, np.arange(7)[None], np.ones((1, 3), int))[0]
    for m, k in np.ndindex(4, 7):
        plain = [regret_at_k(truth[t], scores[m, t], k + 1) for t in range(3)]
        assert found[m, k] == pytest.approx(np.nanmean(plain))


def test_resamples_fine_tune_different_ptms(block):
    truth, scores = block
    generator = np.random.default_rng(7)
    ptms, counts = generator.integers(7, size=(12, 7)), generator.multinomial(3, [1 / 3] * 3, size=12)
    found = mean_regrets(truth, scores, ptms, counts)
    for b, m, k in np.ndindex(12, 4, 7):
        here = np.unique(ptms[b])
        plain = np.array([regret_at_k(truth[t, here], scores[m, t, here], k + 1) for t in range(3)])
        drawn = np.repeat(plain, counts[b])
        drawn = drawn[~np.isnan(drawn)]
        assert found[b, m, k] == pytest.approx(drawn.mean() if len(drawn) else np.nan, nan_ok=True)


def test_chance_is_the_mean_over_all_sets():
    truth = np.random.default_rng(8).normal(size=(2, 6))
    for k in range(1, 7):
        sets = [truth.max(axis=1) - truth[:, list(chosen)].max(axis=1) for chosen in combinations(range(6), k)]
        assert random_regrets(truth)[k - 1] == pytest.approx(np.mean(sets))
    assert random_regrets(truth)[-1] == pytest.approx(0)
