import numpy as np
import pytest
from scipy import stats

from orbweaver.metrics import intervals
from orbweaver.metrics.ranks import average_ranks
from orbweaver.metrics.tau import weighted_tau


@pytest.fixture
def block():
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 6, size=(3, 8)).astype(float)  # ties
    truth[0, 2] = np.nan
    scores = generator.normal(size=(4, 3, 8))
    scores[1, 2, 5] = np.nan
    scores[2, 1] = np.nan
    return truth, scores


def test_bootstrap_equals_the_plain_loop(block):
    truth, scores = block
    ptms, counts = intervals.draw(3, 8, 20, seed=3)
    taus = intervals.resampled_taus(truth, scores, ptms)
    means = intervals.resampled_means(taus, counts)
    for b, draw in enumerate(ptms):
        for m in range(4):
            plain = [weighted_tau(truth[t][draw], scores[m, t][draw]) for t in range(3)]
            assert taus[b, m] == pytest.approx(plain, nan_ok=True)
            drawn = np.repeat(plain, counts[b])
            drawn = drawn[~np.isnan(drawn)]
            assert means[b, m] == pytest.approx(drawn.mean() if len(drawn) else np.nan, nan_ok=True)


def test_draws_depend_on_the_seed_alone():
    first, again, other = (intervals.draw(4, 9, 50, seed)[0] for seed in (7, 7, 8))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert (intervals.draw(4, 9, 50, 7)[1].sum(axis=1) == 4).all()


def test_differences_compare_on_one_exam(block):
    truth, scores = block
    ptms, counts = intervals.draw(3, 8, 20, seed=3)
    taus = intervals.resampled_taus(truth, scores, ptms)
    gaps = intervals.differences(truth, scores, 0, taus, ptms, counts)
    assert np.nanmax(np.abs(gaps[:, 0])) == 0
    without = np.where(np.isnan(scores[1]), np.nan, scores[0])
    expected = intervals.resampled_means(taus[:, [1]] - intervals.resampled_taus(truth, without[None], ptms), counts)
    assert gaps[:, 1] == pytest.approx(expected[:, 0], nan_ok=True)


def test_leave_one_out_equals_deleting(block):
    truth, scores = block
    means = intervals.leave_one_ptm_out(truth, scores)
    for i in range(8):
        kept = np.arange(8) != i
        plain = [weighted_tau(truth[t, kept], scores[0, t, kept]) for t in range(3)]
        assert means[i, 0] == pytest.approx(np.mean(plain))


def test_interval_of_nothing_is_nan():
    low, high = intervals.interval(np.array([[np.nan, 1.0], [np.nan, 3.0]]))
    assert np.isnan(low[0]) and np.isnan(high[0]) and 1 <= low[1] < high[1] <= 3


@pytest.mark.parametrize(("methods", "q"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_critical_difference_has_the_tabled_quantile(methods, q):
    values = np.random.default_rng(0).normal(size=(methods, 6))
    expected = q * np.sqrt(methods * (methods + 1) / 36)
    assert average_ranks(values).critical_difference == pytest.approx(expected, abs=1e-3)


def test_average_ranks():
    values = np.array([[0.9, 0.8, 0.7], [0.5, 0.8, 0.6], [0.1, 0.1, 0.2], [0.9, np.nan, 0.9]])
    ranks = average_ranks(values)
    assert ranks.average_rank == pytest.approx([(1 + 1.5 + 1) / 3, (2 + 1.5 + 2) / 3, 3, np.nan], nan_ok=True)
    assert ranks.p_value == pytest.approx(stats.friedmanchisquare(*values[:3]).pvalue)
    assert average_ranks(np.ones((3, 4))).p_value == 1
    assert np.isnan(average_ranks(values[:, :1]).critical_difference)
