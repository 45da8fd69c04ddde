import numpy as np
import pytest
from scipy import stats

from orbweaver.metrics.gain import WEIGHTS, general_order, mixtures, resampled_agreements
from orbweaver.metrics.tau import weighted_tau

FAMILIES = ["a", "a", "b", "c", "c", "d"]


@pytest.fixture
def zoo():
    """Truth that is half a general order; a method that knows the rest, and one that knows nothing."""
    generator = np.random.default_rng(11)
    order, rest = generator.normal(size=14), generator.normal(size=(6, 14))
    return order + rest, np.stack([rest, generator.normal(size=(6, 14))])


def residuals(values: np.ndarray, prior: np.ndarray) -> np.ndarray:
    design = np.column_stack([np.ones(len(prior)), prior])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def by_hand(truth: np.ndarray, scores: np.ndarray, prior: np.ndarray) -> float:
    ranks = [stats.rankdata(values) for values in (truth, scores, prior)]
    return np.corrcoef(residuals(ranks[0], ranks[2]), residuals(ranks[1], ranks[2]))[0, 1]


def test_agreement_is_that_of_residuals_of_ranks(zoo):
    truth, scores = zoo
    scores = np.round(scores, 0)  # ties
    scores[1, 2, 5] = np.nan
    prior = general_order(truth, FAMILIES)
    ptms = np.random.default_rng(12).integers(14, size=(5, 14))
    found = resampled_agreements(truth, scores, prior, ptms)
    for b, m, t in np.ndindex(found.shape):
        drawn = ptms[b][~np.isnan(scores[m, t][ptms[b]])]
        expected = by_hand(truth[t][drawn], scores[m, t][drawn], prior[t][drawn])
        assert found[b, m, t] == pytest.approx(expected, abs=1e-9)


def test_agreement_follows_the_order_of_scores_alone(zoo):
    truth, scores = zoo
    prior, everyone = general_order(truth, FAMILIES), np.arange(14)[None]
    plain = resampled_agreements(truth, scores, prior, everyone)
    assert resampled_agreements(np.exp(truth), 1e6 * scores**3, prior, everyone) == pytest.approx(plain)
    assert resampled_agreements(truth, -scores, prior, everyone) == pytest.approx(-plain)


def test_agreement_at_its_limits(zoo):
    truth, scores = zoo
    prior, everyone = general_order(truth, FAMILIES), np.arange(14)[None]
    assert (resampled_agreements(truth, prior[None], prior, everyone) == 0).all()  # says nothing beyond the prior
    assert (resampled_agreements(truth, np.ones((1, 6, 14)), prior, everyone) == 0).all()
    assert np.isnan(resampled_agreements(prior, scores, prior, everyone)).all()  # nothing is left to rank
    flat = resampled_agreements(truth, scores, np.ones((6, 14)), everyone)[0, 0, 0]
    assert flat == pytest.approx(stats.spearmanr(truth[0], scores[0, 0]).statistic)
    assert np.isnan(resampled_agreements(truth, scores, np.full((6, 14), np.nan), everyone)).all()


def test_the_general_order_knows_nothing_of_the_family(zoo):
    truth, _ = zoo
    before = general_order(truth, FAMILIES)
    changed = truth.copy()
    changed[:2] = np.random.default_rng(13).normal(size=(2, 14))
    assert (general_order(changed, FAMILIES)[:2] == before[:2]).all()
    assert (general_order(changed, FAMILIES)[2:] != before[2:]).any(axis=1).all()
    places = [(stats.rankdata(truth[t]) - 1) / 13 for t in (2, 5)]
    assert general_order(truth, FAMILIES, without="c")[0] == pytest.approx(np.mean(places, axis=0))
    assert np.isnan(general_order(truth, ["a"] * 6)).all()


def test_weights_and_mixtures_know_nothing_of_the_targets_family(zoo):
    truth, scores = zoo
    before = mixtures(truth, scores, FAMILIES)
    changed = truth.copy()
    changed[3:5] = np.random.default_rng(14).normal(size=(2, 14))
    after = mixtures(changed, scores, FAMILIES)
    assert (after.weights[:, 3:5] == before.weights[:, 3:5]).all()
    assert (after.scores[:, 3:5] == before.scores[:, 3:5]).all()


def test_a_weight_is_the_best_on_the_other_families(zoo):
    truth, scores = zoo
    found = mixtures(truth, scores, FAMILIES)
    for m, family in ((0, "a"), (1, "c"), (0, "d")):
        means = []
        for weight in WEIGHTS:
            taus = []
            for u in (u for u in range(6) if FAMILIES[u] != family):
                others = [v for v in range(6) if FAMILIES[v] not in (family, FAMILIES[u])]
                prior = np.mean([stats.rankdata(truth[v]) for v in others], axis=0)
                mixed = stats.zscore(prior) + weight * stats.zscore(stats.rankdata(scores[m, u]))
                taus.append(weighted_tau(truth[u], mixed))
            means.append(np.mean(taus))
        assert found.weights[m, FAMILIES.index(family)] == WEIGHTS[int(np.argmax(means))]


def test_who_knows_the_rest_gains_and_who_knows_nothing_does_not(zoo):
    truth, scores = zoo
    found = mixtures(truth, scores, FAMILIES)

    def gain(m: int) -> float:
        pairs = zip(truth, found.scores[m], found.prior, strict=True)
        return np.mean([weighted_tau(t, mixed) - weighted_tau(t, prior) for t, mixed, prior in pairs])

    assert gain(0) > 0.2 and gain(1) < 0.1
    assert (found.weights[0] >= 0.5).all() and found.weights[1].mean() < 0.3


def test_two_families_teach_no_weight(zoo):
    truth, scores = zoo
    found = mixtures(truth, scores, ["a", "a", "a", "b", "b", "b"])
    assert np.isnan(found.weights).all() and np.isnan(found.scores).all() and not np.isnan(found.prior).any()


def test_a_missing_score_stays_missing(zoo):
    truth, scores = zoo
    scores[0, 3, 7], scores[1, :5] = np.nan, np.nan
    found = mixtures(truth, scores, FAMILIES)
    assert np.isnan(found.scores[0]).sum() == 1 and np.isnan(found.scores[0, 3, 7])
    assert np.isnan(found.weights[1, 5])  # it answers no target of another family
