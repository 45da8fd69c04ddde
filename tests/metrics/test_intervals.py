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
    ptms, counts = intervals.draw("abc", 8, 20, seed=3)
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
    first, again, other = (intervals.draw("abcd", 9, 50, seed)[0] for seed in (7, 7, 8))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert (intervals.draw("abcd", 9, 50, 7)[1].sum(axis=1) == 4).all()


def test_families_are_drawn_whole_and_their_targets_within():
    ptms, counts = intervals.draw(["b", "a", "b", "b", "c"], 4, 4000, seed=0)
    of_family = {"a": counts[:, 1], "b": counts[:, [0, 2, 3]].sum(axis=1), "c": counts[:, 4]}
    assert (of_family["b"] % 3 == 0).all()
    assert (of_family["a"] + of_family["b"] // 3 + of_family["c"] == 3).all()  # families, with replacement
    assert of_family["b"].mean() == pytest.approx(3, abs=0.15) and ptms.shape == (4000, 4)
    once = counts[of_family["b"] == 3][:, [0, 2, 3]]
    assert once.max() == 3 and (once == 1).all(axis=1).mean() == pytest.approx(6 / 27, abs=0.03)  # 3! / 3^3


def test_one_measurement_more_has_the_error_it_is_told():
    truth = np.array([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]])
    drawn = intervals.draw_truth(truth, np.array([0.5, np.nan]), 4000, seed=1)
    assert (drawn[:, 1] == truth[1]).all()  # of unknown noise there is none
    assert np.isnan(drawn[:, 0, 2]).all()
    assert drawn[:, 0, :2].std(axis=0) == pytest.approx([0.5, 0.5], rel=0.05)
    assert drawn[:, 0, :2].mean(axis=0) == pytest.approx(truth[0, :2], abs=0.03)


def test_every_resample_has_its_own_truth(block):
    truth, scores = block
    ptms, _ = intervals.draw("abc", 8, 6, seed=3)
    drawn = intervals.draw_truth(truth, np.array([0.0, 1.0, 2.0]), 6, seed=4)
    taus = intervals.resampled_taus(drawn, scores, ptms)
    for b, m, t in np.ndindex(taus.shape):
        plain = weighted_tau(drawn[b, t][ptms[b]], scores[m, t][ptms[b]])
        assert taus[b, m, t] == pytest.approx(plain, nan_ok=True)


def test_noise_widens_an_interval_and_does_not_move_it():
    generator = np.random.default_rng(2)
    truth = generator.normal(size=(6, 12))
    scores = (truth + 0.7 * generator.normal(size=truth.shape))[None]
    ptms, counts = intervals.draw("abcdef", 12, 400, seed=0)
    widths, middles = [], []
    for error in (0.0, 1.0):
        drawn = intervals.draw_truth(truth, np.full(6, error), 400, seed=1)
        means = intervals.resampled_means(intervals.resampled_taus(drawn, scores, ptms), counts)
        measured = intervals.resampled_taus(truth, scores, np.arange(12)[None])[0].mean(axis=1)
        moved = intervals.recentred(means, measured)
        assert moved.mean() == pytest.approx(measured[0])
        low, high = intervals.interval(moved)
        widths.append(high - low)
        middles.append(means.mean())
    assert widths[1] > 1.1 * widths[0] and middles[1] < middles[0] - 0.1


def test_differences_compare_on_one_exam(block):
    truth, scores = block
    ptms, counts = intervals.draw("abc", 8, 20, seed=3)
    taus = intervals.resampled_taus(truth, scores, ptms)
    gaps = intervals.differences(truth, scores, ptms, counts)
    assert np.nanmax(np.abs(gaps[:, 0, 0])) == 0
    without = np.where(np.isnan(scores[1]), np.nan, scores[0])
    expected = intervals.resampled_means(taus[:, [1]] - intervals.resampled_taus(truth, without[None], ptms), counts)
    assert gaps[:, 1, 0] == pytest.approx(expected[:, 0], nan_ok=True)
    assert gaps == pytest.approx(-gaps.transpose(0, 2, 1), nan_ok=True)


def test_differences_where_neither_scored_all():
    generator = np.random.default_rng(4)
    truth, scores = generator.normal(size=(1, 9)), generator.normal(size=(2, 1, 9))
    scores[0, 0, :2], scores[1, 0, 1:4] = np.nan, np.nan
    gap = intervals.differences(truth, scores, np.arange(9)[None], np.ones((1, 1), int))[0]
    first, second = (weighted_tau(truth[0, 4:], scores[m, 0, 4:]) for m in (0, 1))
    assert gap[0, 1] == pytest.approx(first - second)


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
