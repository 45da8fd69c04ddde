import numpy as np
import pytest

from orbweaver.metrics.variance import split_variance


def anova_share(truth: np.ndarray) -> float:
    """The general effect's share by the two-way analysis of variance, as it stands in textbooks."""
    n_targets, n_ptms = truth.shape
    z = (truth - truth.mean(axis=1, keepdims=True)) / truth.std(axis=1, keepdims=True)
    g = z.mean(axis=0)
    ms_p = n_targets * np.sum(g**2) / (n_ptms - 1)
    ms_r = np.sum((z - g) ** 2) / ((n_targets - 1) * (n_ptms - 1))
    sigma2_g = (ms_p - ms_r) / n_targets
    return sigma2_g / (sigma2_g + ms_r)


@pytest.mark.parametrize("seed", range(5))
def test_the_mean_over_targets_is_the_analysis_of_variance(seed):
    generator = np.random.default_rng(seed)
    truth = generator.normal(size=(7, 11)) + generator.normal(size=11)
    truth *= generator.uniform(0.1, 10, (7, 1))
    split = split_variance(truth, np.full(7, 0.1))
    assert split["general"].mean() == pytest.approx(anova_share(truth))


def test_known_shares_come_back():
    """Many PTMs and targets with variances 0.5 general, 0.3 interaction and 0.2 noise."""
    generator = np.random.default_rng(0)
    truth = np.sqrt(0.5) * generator.normal(size=4000) + np.sqrt(0.3) * generator.normal(size=(12, 4000))
    truth += np.sqrt(0.2) * generator.normal(size=truth.shape)
    scale = generator.uniform(0.01, 5, 12)
    split = split_variance(truth * scale[:, None], np.sqrt(0.2) * scale)
    assert split["general"] == pytest.approx(np.full(12, 0.5), abs=0.04)
    assert split["interaction"] == pytest.approx(np.full(12, 0.3), abs=0.05)
    assert split["noise"] == pytest.approx(np.full(12, 0.2), abs=0.02)


def test_nothing_but_noise_is_no_interaction_on_average():
    generator = np.random.default_rng(1)
    shares = [split_variance(generator.normal(size=(6, 8)), np.ones(6)) for _ in range(400)]
    # the noise's share is a ratio, whose mean is above 1 by 2 / (M - 3)
    assert np.mean([s["general"] for s in shares]) == pytest.approx(0, abs=0.02)
    assert np.median([s["interaction"].mean() for s in shares]) < 0


def test_unknown_noise_leaves_the_interaction_unknown():
    truth = np.random.default_rng(2).normal(size=(3, 6))
    split = split_variance(truth, np.array([0.1, np.nan, 0.2]))
    assert np.isnan(split["noise"]).tolist() == [False, True, False] == np.isnan(split["interaction"]).tolist()
    assert not np.isnan(split["general"]).any()


def test_a_ptm_without_some_truth_is_left_out():
    truth = np.random.default_rng(3).normal(size=(4, 6))
    with_hole = np.column_stack([truth, [np.nan, 9, 9, 9]])
    for share, values in split_variance(with_hole, np.full(4, 0.1)).items():
        assert values == pytest.approx(split_variance(truth, np.full(4, 0.1))[share])


def test_what_cannot_be_split_is_nan():
    assert np.isnan(split_variance(np.ones((1, 5)), np.zeros(1))["general"]).all()
    assert np.isnan(split_variance(np.random.default_rng(4).normal(size=(3, 2)), np.zeros(3))["general"]).all()
    constant = np.vstack([np.ones(5), np.random.default_rng(5).normal(size=(2, 5))])
    assert np.isnan(split_variance(constant, np.zeros(3))["general"]).tolist() == [True, False, False]
