import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from orbweaver.metrics.tau import n_scored, weighted_tau, weighted_tau_symmetric, weighted_taus

FEW = st.integers(0, 4)  # few distinct values: many ties
SIZES = st.integers(2, 12)


@st.composite
def pairs(draw, elements=FEW, unique=False):
    n = draw(SIZES)
    truth = draw(st.permutations(range(n))) if unique else draw(arrays(float, n, elements=elements))
    return np.array(truth, dtype=float), draw(arrays(float, n, elements=elements))


def literal(truth, scores):
    """The formula of the module, pair by pair."""
    order = sorted(range(len(truth)), key=lambda i: (truth[i], scores[i]), reverse=True)
    place = {ptm: r for r, ptm in enumerate(order)}
    top = left = right = 0.0
    for i in range(len(truth)):
        for j in range(i):
            weight = 1 / (place[i] + 1) + 1 / (place[j] + 1)
            t, s = np.sign(truth[i] - truth[j]), np.sign(scores[i] - scores[j])
            top, left, right = top + weight * t * s, left + weight * abs(t), right + weight * abs(s)
    return top / np.sqrt(left * right)


@given(pairs())
def test_equals_scipy_and_the_formula(pair):
    truth, scores = pair
    if np.ptp(truth) == 0 or np.ptp(scores) == 0:
        return
    expected = stats.weightedtau(truth, scores, rank=None).statistic
    assert weighted_tau(truth, scores) == expected
    assert literal(truth, scores) == pytest.approx(expected, abs=1e-12)
    assert weighted_taus(truth, scores) == pytest.approx(expected, abs=1e-12)
    assert weighted_tau_symmetric(truth, scores) == stats.weightedtau(truth, scores).statistic


@given(pairs(elements=st.floats(-1e6, 1e6)))
def test_a_ranking_agrees_with_itself(pair):
    truth, _ = pair
    if np.ptp(truth) > 0:
        assert weighted_tau(truth, truth) == pytest.approx(1)
        assert weighted_tau_symmetric(truth, truth) == pytest.approx(1)
        assert weighted_taus(truth, truth) == pytest.approx(1)


@given(pairs(unique=True))
def test_the_opposite_scores_give_the_opposite_tau(pair):
    truth, scores = pair  # without ties in truth: else scores take part in the weights
    assert weighted_tau(truth, -scores) == pytest.approx(-weighted_tau(truth, scores))


@given(pairs())
def test_only_the_order_matters(pair):
    truth, scores = pair
    expected = weighted_tau(truth, scores)
    assert weighted_tau(np.exp(truth), scores**3 + 7 * scores) == pytest.approx(expected, nan_ok=True)


@given(pairs(), st.randoms())
def test_the_order_of_the_list_does_not_matter(pair, random):
    truth, scores = pair
    order = list(range(len(truth)))
    random.shuffle(order)
    expected = weighted_tau(truth, scores)
    assert weighted_tau(truth[order], scores[order]) == pytest.approx(expected, nan_ok=True)
    assert weighted_taus(truth[order], scores[order]) == pytest.approx(expected, nan_ok=True)


def test_weights_go_by_the_truth_and_by_nothing_else():
    truth, scores = [4.0, 3.0, 2.0, 1.0], [1.0, 3.0, 2.0, 4.0]
    assert weighted_tau(truth, scores) != weighted_tau([1.0, 2.0, 4.0, 3.0], [4.0, 3.0, 2.0, 1.0])
    assert weighted_tau([4, 3, 2, 1], [4, 3, 1, 2]) > weighted_tau([4, 3, 2, 1], [3, 4, 2, 1])


def test_a_ptm_without_truth_is_left_out():
    truth, scores = np.array([3, np.nan, 2, 1, 5]), np.array([1.0, 9, 2, 3, 4])
    known = ~np.isnan(truth)
    assert weighted_tau(truth, scores) == weighted_tau(truth[known], scores[known])
    assert n_scored(truth, scores) == 4


def test_a_ptm_without_score_is_left_out_and_counted():
    truth, scores = np.array([3.0, 4, 2, 1, 5]), np.array([1, np.nan, 2, 3, 4])
    known = ~np.isnan(scores)
    assert weighted_tau(truth, scores) == weighted_tau(truth[known], scores[known])
    assert weighted_tau_symmetric(truth, scores) == weighted_tau_symmetric(truth[known], scores[known])
    assert weighted_taus(truth, scores) == pytest.approx(weighted_tau(truth, scores))
    assert n_scored(truth, scores) == 4


@pytest.mark.parametrize("tau", [weighted_tau, weighted_tau_symmetric, lambda t, s: float(weighted_taus(t, s))])
def test_limits(tau):
    assert np.isnan(tau([1.0, np.nan], [1.0, 2.0]))  # one PTM is left
    assert np.isnan(tau([], []))
    assert np.isnan(tau([1.0, 1, 1], [1.0, 2, 3]))  # nothing to rank
    assert tau([1.0, 2, 3], [1.0, 1, 1]) == 0  # says nothing
    assert np.isnan(tau([1.0, 2, 3], [np.nan] * 3))


@pytest.mark.parametrize("tau", [weighted_tau, weighted_tau_symmetric])
def test_refuses_infinity_and_unequal_lengths(tau):
    with pytest.raises(ValueError, match="infinite"):
        tau([1.0, 2.0], [np.inf, 0.0])
    with pytest.raises(ValueError, match="infinite"):
        tau([-np.inf, 2.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="one length"):
        tau([1.0, 2.0], [1.0, 2.0, 3.0])


def test_inputs_are_not_changed_and_shapes_broadcast():
    generator = np.random.default_rng(0)
    truth, scores = generator.normal(size=(3, 1, 9)), generator.normal(size=(4, 9))
    before = truth.copy(), scores.copy()
    taus = weighted_taus(truth, scores)
    assert taus.shape == (3, 4)
    assert taus[2, 1] == pytest.approx(weighted_tau(truth[2, 0], scores[1]))
    assert np.array_equal(truth, before[0]) and np.array_equal(scores, before[1])
