"""Evidence first: what forwarded PTMs say of themselves and of their relatives, corrected by a share of the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from orbweaver.spider import learning
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.evidence import GATES, Evidence, folds, learned, places, places_elsewhere, prior_of, said
from orbweaver.spider.inference import forwarded_first
from orbweaver.spider.relatives import Relatives
from tests.spider.test_spider import SPEC, SPIDER, some_episodes

SOURCES = ["x", "x", "y", "y", "z", "z"]
ARCHITECTURES = ["one.tag", "two", "one", "two", "one", "two.other"]
KIN = Relatives(SOURCES, ARCHITECTURES, {})
MODEL = Evidence(weights=[0.7, 0.3], slopes=[[0.4, 0.2], [0.3, 0.1]], shared=[[0.5, 0.1, 0.2], [0.6, 0.1, 0.3]])


def z(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def of_some(seed: int, forwarded: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores, prior = random.normal(size=(len(forwarded), 6, 2)), random.normal(size=(len(forwarded), 6, 2))
    return MODEL.expected(scores, forwarded, prior, KIN.alike), scores, prior


@given(st.integers(0, 1000), st.integers(1, 6))
def test_it_is_the_mean_of_a_gaussian_given_what_was_seen(seed: int, k: int) -> None:
    forwarded = np.random.default_rng(seed).permutation(6)[None] < k
    found, scores, prior = of_some(seed, forwarded)
    there = np.flatnonzero(forwarded[0])
    seen = scores[0, there]
    spread = np.where(np.ptp(seen, axis=0) > 0, seen.std(0), 1)
    e = ((seen - seen.mean(0)) / spread) @ MODEL.weights
    # The joint covariance of (y, e of those seen), entry by entry, and its inverse, the precision: the mean of y given
    # e is read off the precision's blocks.
    joint, mean = (
        np.zeros((6 + k, 6 + k)),
        np.concatenate([prior[0] @ MODEL.slopes[0], prior[0, there] @ MODEL.slopes[1]]),
    )
    of = [*range(6), *there]
    for i, m in enumerate(of):
        for j, n in enumerate(of):
            shares = np.array([SOURCES[m] == SOURCES[n], m % 2 == n % 2, m == n], float)
            if i >= 6 and j >= 6:
                joint[i, j] = shares @ MODEL.shared[1] + 10.0
            elif i < 6 and j < 6:
                joint[i, j] = 2 * shares.sum() + 10.0 * (m == n)  # of y itself; it does not matter
            else:
                joint[i, j] = shares @ MODEL.shared[0]
    precision = np.linalg.inv(joint)
    expected = mean[:6] - np.linalg.solve(precision[:6, :6], precision[:6, 6:] @ (e - mean[6:]))
    assert found[0] == pytest.approx(expected, rel=1e-6, abs=1e-8)


def test_without_a_forwarded_ptm_the_prior_alone_ranks() -> None:
    found, _, prior = of_some(0, np.zeros((2, 6), bool))
    assert found == pytest.approx(prior @ MODEL.slopes[0])


def test_a_ptm_rises_with_its_relatives() -> None:
    scores = np.zeros((1, 6, 2))
    scores[0, [0, 2, 4]] = [[3.0, 3.0], [0.0, 0.0], [0.0, 0.0]]
    forwarded = np.array([[True, False, True, False, True, False]])
    found = MODEL.expected(scores, forwarded, np.zeros((1, 6, 2)), KIN.alike)[0]
    assert found[0] > found[1] > found[3] == pytest.approx(found[5])


def test_a_score_without_a_value_says_nothing() -> None:
    scores = np.array([[[1.0, np.nan], [2.0, np.nan], [4.0, np.nan]]])
    assert said(scores, np.array([1.0, 5.0]))[0] == pytest.approx(z(np.array([1.0, 2.0, 4.0])))


@given(st.integers(0, 1000), st.sampled_from(GATES))
def test_the_network_has_its_share(seed: int, gate: float) -> None:
    random = np.random.default_rng(seed)
    expected, network = random.normal(size=(2, 6)), random.normal(size=(2, 6))
    found = MODEL.model_copy(update={"gate": gate}).corrected(expected, network)
    assert found[0] == pytest.approx((1 - gate) * expected[0] + gate * z(network[0]))


def test_where_nothing_is_expected_the_network_ranks() -> None:
    network = np.random.default_rng(0).normal(size=(1, 6))
    found = MODEL.model_copy(update={"gate": 0.0}).corrected(np.full((1, 6), 0.3), network)
    assert found[0] == pytest.approx(z(network[0]))


@settings(deadline=None)  # the first call imports
@given(st.integers(0, 1000), st.integers(1, 5))
def test_nearness_is_the_cheapest_way_to_move_the_classes(seed: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    here, there = random.normal(size=(2, classes, 3)).astype(np.float32)
    found = Relatives(["x", "unknown"], ["a", "a"], {"x": there}).nearness(here)
    costs = cdist(here, there)
    assert found[0] == pytest.approx(-costs[linear_sum_assignment(costs)].mean(), rel=1e-5)
    assert np.isnan(found[1])


def test_nearness_of_sets_of_two_sizes() -> None:
    kin = Relatives(["x", "y"], ["a", "a"], {"x": np.array([[0.0, 0.0]]), "y": np.array([[3.0, 4.0], [0.0, 0.0]])})
    assert kin.nearness(np.array([[0.0, 0.0], [6.0, 8.0]])).tolist() == pytest.approx([-5.0, -2.5])


@given(st.integers(0, 1000))
def test_the_best_of_each_source_is_forwarded_first(seed: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(1, 6))
    after = np.random.default_rng(seed + 1).normal(size=(1, 6))
    asked = []

    def seen(there: np.ndarray) -> np.ndarray:
        asked.append(there)
        return after

    order = forwarded_first(scores, 6, KIN, seen)[0].tolist()
    assert sorted(order) == list(range(6))
    first, rest = order[:3], order[3:]
    assert np.flatnonzero(asked[0][0]).tolist() == sorted(first) and len(asked) == 1
    assert {SOURCES[m] for m in first} == {"x", "y", "z"}
    assert all(scores[0, m] == max(scores[0, n] for n in range(6) if SOURCES[n] == SOURCES[m]) for m in first)
    assert scores[0, first].tolist() == sorted(scores[0, first], reverse=True)
    assert after[0, rest].tolist() == sorted(after[0, rest], reverse=True)
    assert forwarded_first(scores, 2, KIN, seen)[0].tolist() == first[:2] and len(asked) == 1
    assert forwarded_first(scores, 2, None, seen)[0].tolist() == np.argsort(-scores[0])[:2].tolist()


def of_families(evidence_tells: bool, count: int = 60) -> Episodes:
    """Episodes of three families; who is best is told by the encoder's class means, and by the evidence or not."""
    found, random = some_episodes(count), np.random.default_rng(1)
    truth = found.scores[:, :, 0]
    told = truth if evidence_tells else random.normal(size=truth.shape)
    scores = np.stack([truth, told, random.normal(size=truth.shape)], axis=2)
    has_source = np.arange(count)[:, None] % 3 == np.arange(3)
    return replace(found, scores=scores, sources=["r", "s", "t"], families=["u", "v", "w"], has_source=has_source)


def strangers(found: Episodes) -> tuple[np.ndarray, Relatives]:
    """PTMs that have nothing in common, of sources that are not here."""
    count = len(found.ptms)
    kin = Relatives([f"source {m}" for m in range(count)], [f"architecture {m}" for m in range(count)], {})
    return np.full(found.scores.shape[:2], np.nan), kin


def test_weights_are_those_of_what_was_right_on_episodes_that_train() -> None:
    found = of_families(evidence_tells=True)
    truth = found.scores[:, :, 0].copy()
    truth[found.validation] *= -1
    near, kin = strangers(found)
    right, useless = learned(found, truth, SPEC, near, kin.alike).weights
    assert right > 0.5 and abs(useless) < 0.1


def drawn_from_the_model(count: int = 4000) -> tuple[Episodes, np.ndarray, np.ndarray, Relatives]:
    """Episodes of 24 PTMs of 8 sources and 3 architectures, whose truth and one score the model itself makes."""
    random = np.random.default_rng(0)
    sources, architectures = np.arange(24) // 3, np.arange(24) % 3
    kin = Relatives([str(s) for s in sources], [str(a) for a in architectures], {})
    near = random.normal(size=(count, 24))
    of_source, of_architecture = random.normal(size=(count, 8)), random.normal(size=(count, 3))
    truth = 0.6 * near + np.sqrt(0.4) * of_source[:, sources] + np.sqrt(0.1) * of_architecture[:, architectures]
    truth += np.sqrt(0.14) * random.normal(size=truth.shape)
    told = truth + 0.3 * random.normal(size=truth.shape)
    base = replace(some_episodes(8), ptms=[str(m) for m in range(24)])
    found = replace(
        base, scores=np.stack([truth, told, random.normal(size=truth.shape)], axis=2),
        validation=np.zeros(count, bool), sources=["r"], families=["u"], has_source=np.ones((count, 1), bool),
    )  # fmt: skip
    return found, truth, near, kin


def test_the_model_is_found_again_from_what_it_made() -> None:
    found, truth, near, kin = drawn_from_the_model()
    model = learned(found, truth, SPEC, near, kin.alike)
    assert model.slopes[0][0] == pytest.approx(0.6, abs=0.03)
    assert model.slopes[0][1] == pytest.approx(0, abs=0.02)  # nothing is known of other families
    by_source, by_architecture, own = model.shared[0]
    assert by_source == pytest.approx(0.4, abs=0.06) and by_architecture == pytest.approx(0.1, abs=0.04)
    assert own == pytest.approx(0.14, abs=0.06)
    assert model.shared[1][2] > 0.01


def test_places_elsewhere_know_nothing_of_the_family() -> None:
    found = of_families(evidence_tells=True)
    truth = found.scores[:, :, 0]
    changed = truth.copy()
    changed[found.has_source[:, 0]] *= -1  # of family u
    before, after = (places_elsewhere(of, found) for of in (truth, changed))
    u = found.has_source[:, 0]
    assert after[u] == pytest.approx(before[u]) and not np.allclose(after[~u], before[~u])
    rest = ~u & ~found.validation
    assert before[u][0] == pytest.approx(places(truth[rest]).mean(0))


def test_what_is_not_known_has_no_say_in_the_prior() -> None:
    near = np.array([[1.0, 2.0, np.nan, 3.0]])
    prior = prior_of(near, np.full(4, np.nan))
    assert prior[0, 2].tolist() == [0, 0] and (prior[0, :, 1] == 0).all()
    assert prior[0, [0, 1, 3], 0] == pytest.approx(z(np.array([1.0, 2.0, 3.0])))


def test_families_are_left_out_a_third_at_a_time() -> None:
    found = of_families(evidence_tells=True)
    assert (np.sum(folds(found), axis=0) == 1).all() and len(folds(found)) == 3
    assert folds(some_episodes()) == []


@pytest.mark.parametrize("evidence_tells", [True, False])
def test_the_network_has_the_share_that_left_out_families_give_it(evidence_tells: bool) -> None:
    found = of_families(evidence_tells)
    blind = found.scores[:, :, 0].copy()
    long = SPIDER.model_copy(update={"epochs": 20})
    gate = learning._gate(found, blind, SPEC.model_copy(update={"first": "evidence"}), long, 0, 1, *strangers(found))
    assert gate in GATES
    assert (gate == 0) == evidence_tells
