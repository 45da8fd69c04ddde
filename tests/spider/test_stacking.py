"""Stacking: weights of scores learned on other datasets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from orbweaver.metrics.tau import weighted_tau
from orbweaver.spider import stacking


def drawn(
    seed: int, t: int = 8, q: int = 3, m: int = 15, noise: float = 0.3
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Truth is 2 x the first score less the second, and noise; the third says nothing."""
    random = np.random.default_rng(seed)
    scores = random.normal(size=(t, 3, m))
    truth = 2 * scores[:, 0] - scores[:, 1] + noise * random.normal(size=(t, m))
    return scores, truth, [f"family {i // 2}" for i in range(t)]


def test_weights_are_scikit_learns_ridge_on_all_standardised_datasets():
    scores, truth, _ = drawn(0)
    z = lambda values: (values - values.mean(-1, keepdims=True)) / values.std(-1, keepdims=True)  # noqa: E731
    rows, wanted = z(scores).transpose(0, 2, 1).reshape(-1, 3), z(truth).ravel()
    oracle = Ridge(alpha=0.7 * 15, fit_intercept=False).fit(rows, wanted).coef_
    np.testing.assert_allclose(stacking.weights(scores, truth, 0.7), oracle, rtol=1e-10)


def test_what_matters_gets_the_weight_and_a_new_dataset_is_ranked():
    scores, truth, families = drawn(1)
    first, second, nothing = stacking.learned(scores, truth, families)
    assert first > -second > 5 * abs(nothing)
    new, wanted, _ = drawn(2, t=1)
    ranked = stacking.combined(new[0], np.array([first, second, nothing]))
    assert weighted_tau(wanted[0], ranked) > max(weighted_tau(wanted[0], row) for row in new[0])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000), st.floats(0.1, 50), st.floats(-100, 100))
def test_units_of_a_dataset_do_not_matter(seed, scale, shift):
    scores, truth, families = drawn(seed, t=4)
    other = scores.copy()
    other[1] = scale * other[1] + shift
    np.testing.assert_allclose(
        stacking.learned(other, truth, families), stacking.learned(scores, truth, families), rtol=1e-6, atol=1e-9
    )


def test_missing_scores_say_nothing_and_missing_truth_is_not_learned_from():
    scores, truth, families = drawn(4)
    lacking = scores.copy()
    lacking[:, :, 3] = np.nan
    ranked = stacking.combined(lacking[0], stacking.learned(lacking, truth, families))
    assert np.isnan(ranked[3]) and not np.isnan(np.delete(ranked, 3)).any()
    unknown, wild = truth.copy(), scores.copy()
    unknown[:, 5], wild[:, :, 5] = np.nan, 1e6
    kept = np.delete(np.arange(15), 5)
    np.testing.assert_allclose(
        stacking.weights(wild, unknown, 1.0), stacking.weights(scores[:, :, kept], truth[:, kept], 1.0), rtol=1e-9
    )


def test_a_score_without_spread_says_nothing():
    assert (stacking.standardised(np.full((2, 5), 0.7)) == 0).all()
    assert (stacking.standardised(np.full(4, np.nan)) == 0).all()


def test_the_penalty_is_chosen_on_families_that_are_left_out():
    """A score that is right in one family and wrong in the next is penalised; one that holds everywhere is not."""
    random = np.random.default_rng(5)
    truth = random.normal(size=(6, 30))
    signs = np.array([1, 1, -1, 1, -1, -1])[:, None]
    fickle = np.stack([truth * signs, random.normal(size=(6, 30))], 1)
    families = list("aabbcc")
    assert stacking.best_penalty(np.stack([truth, random.normal(size=(6, 30))], 1), truth, families) < 100
    assert abs(stacking.learned(fickle, truth, families)).max() < 0.5


@pytest.mark.parametrize("families", [["one"] * 4, []])
def test_with_nothing_to_choose_on_the_largest_penalty(families):
    scores, truth, _ = drawn(6, t=4)
    n = len(families)
    assert stacking.best_penalty(scores[:n], truth[:n], families) == max(stacking.PENALTIES)
    if not families:
        np.testing.assert_allclose(stacking.learned(scores[:0], truth[:0], []), np.full(3, 1 / 3))
