import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from orbweaver.metrics import measures

TRUTH = [0.9, 0.8, 0.7, 0.6]
VALUES = st.integers(0, 5)


@given(st.integers(3, 10).flatmap(lambda n: st.tuples(*[arrays(float, n, elements=VALUES)] * 2)))
def test_correlations_equal_the_libraries(pair):
    truth, scores = pair
    if np.ptp(truth) == 0 or np.ptp(scores) == 0:
        return
    assert measures.kendall_tau(truth, scores) == pytest.approx(stats.kendalltau(truth, scores).statistic)
    assert measures.pearson(truth, scores) == pytest.approx(stats.pearsonr(truth, scores).statistic)
    weights = 1 / stats.rankdata(-truth)
    covariance = np.cov(truth, scores, aweights=weights)
    expected = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert measures.weighted_pearson(truth, scores) == pytest.approx(expected)


@pytest.mark.parametrize("measure", [measures.kendall_tau, measures.pearson, measures.weighted_pearson])
def test_limits_of_correlations(measure):
    assert measure(TRUTH, [1, 1, 1, 1]) == 0
    assert np.isnan(measure([1, 1, 1], [1, 2, 3]))
    assert measure([*TRUTH, np.nan], [4, 3, 2, 1, 9]) == measure(TRUTH, [4, 3, 2, 1])
    assert measure(TRUTH, [4e-200, 3e-200, 2e-200, 1e-200]) == pytest.approx(1)
    assert measure(TRUTH, [4e200, 3e200, 2e200, 1e200]) == pytest.approx(1)


def test_choice_of_the_first_k():
    scores = [1, 4, 3, 2]  # proposes the second, the third, the fourth, the best
    assert measures.rel_at_k(TRUTH, scores, 1) == pytest.approx(0.8 / 0.9)
    assert measures.regret_at_k(TRUTH, scores, 1) == pytest.approx(0.1)
    assert measures.regret_at_k(TRUTH, scores, 4) == 0
    assert measures.rel_at_k(TRUTH, scores, 9) == 1
    assert measures.recall_at_k(TRUTH, scores, 1) == 0
    assert measures.recall_at_k(TRUTH, scores, 2) == 1


def test_equal_scores_are_read_against_the_method():
    assert measures.regret_at_k(TRUTH, [0, 0, 0, 0], 1) == pytest.approx(0.3)
    assert measures.regret_at_k(TRUTH, [1, 1, 0, 0], 1) == pytest.approx(0.1)


def test_a_ptm_that_is_not_scored_stays_the_best():
    scores = [np.nan, 3, 2, 1]
    assert measures.regret_at_k(TRUTH, scores, 1) == pytest.approx(0.1)
    assert measures.recall_at_k(TRUTH, scores, 1) == 0
    assert np.isnan(measures.regret_at_k(TRUTH, [np.nan] * 4, 1))
    assert np.isnan(measures.recall_at_k(TRUTH, [np.nan] * 4, 1))


def test_rel_of_negative_errors():
    assert measures.rel_at_k([-1.0, -2.0], [0, 1], 1) == 0.5
    assert measures.rel_at_k([-1.0, -2.0], [1, 0], 1) == 1
    assert measures.rel_at_k([0.0, -2.0], [1, 0], 1) == 1
    assert np.isnan(measures.rel_at_k([1.0, -2.0], [1, 0], 1))


def test_k_must_be_positive():
    with pytest.raises(ValueError, match="k must be"):
        measures.rel_at_k(TRUTH, TRUTH, 0)
