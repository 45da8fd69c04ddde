"""Evidence first: what the scores say, corrected by a share of the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orbweaver.spider import learning
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.evidence import GATES, Evidence, folds, learned_weights, said
from tests.spider.test_spider import SPEC, SPIDER, some_episodes


def z(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


@given(st.integers(0, 1000), st.floats(0, 1))
def test_of_all_forwarded_it_is_the_mixture_of_two_standardised_rankings(seed: int, gate: float) -> None:
    random = np.random.default_rng(seed)
    network, scores, weights = random.normal(size=(1, 6)), random.normal(size=(1, 6, 2)), random.uniform(0.1, 1, 2)
    found = Evidence(weights, gate).corrected(network, scores, np.ones((1, 6), bool))[0]
    of_scores = weights[0] * z(scores[0, :, 0]) + weights[1] * z(scores[0, :, 1])
    assert found == pytest.approx((1 - gate) * z(of_scores) + gate * z(network[0]))


def test_nobody_that_was_not_forwarded_is_moved() -> None:
    random = np.random.default_rng(0)
    network, scores = random.normal(size=(3, 6)), random.normal(size=(3, 6, 2))
    forwarded = np.arange(6) < np.array([0, 1, 3])[:, None]
    found = Evidence(np.ones(2), 0.0).corrected(network, scores, forwarded)
    alone = Evidence(np.ones(2), 1.0).corrected(network, scores, forwarded)
    assert found[~forwarded] == pytest.approx(alone[~forwarded])
    # Who was forwarded changes places among themselves.
    assert found[2, :3].mean() == pytest.approx(alone[2, :3].mean())
    assert found[1] == pytest.approx(alone[1])  # there is nobody to compare a single one with
    assert np.argsort(found[2, :3]).tolist() == np.argsort(said(scores[2:, :3], np.ones(2))[0]).tolist()


def test_a_score_without_a_value_says_nothing() -> None:
    scores = np.array([[[1.0, np.nan], [2.0, np.nan], [4.0, np.nan]]])
    found = Evidence(np.array([1.0, 5.0]), 0.0).corrected(np.zeros((1, 3)), scores, np.ones((1, 3), bool))
    assert found[0] == pytest.approx(z(np.array([1.0, 2.0, 4.0])))


def of_families(evidence_tells: bool, count: int = 60) -> Episodes:
    """Episodes of three families; who is best is told by the encoder's class means, and by the evidence or not."""
    found, random = some_episodes(count), np.random.default_rng(1)
    truth = found.scores[:, :, 0]
    told = truth if evidence_tells else random.normal(size=truth.shape)
    scores = np.stack([truth, told, random.normal(size=truth.shape)], axis=2)
    has_source = np.arange(count)[:, None] % 3 == np.arange(3)
    return replace(found, scores=scores, sources=["r", "s", "t"], families=["u", "v", "w"], has_source=has_source)


def test_weights_are_those_of_what_was_right_on_episodes_that_train() -> None:
    found = of_families(evidence_tells=True)
    truth = found.scores[:, :, 0].copy()
    truth[found.validation] *= -1
    right, useless = learned_weights(found, truth, SPEC)
    assert right > 0.5 and abs(useless) < 0.1


def test_families_are_left_out_a_third_at_a_time() -> None:
    found = of_families(evidence_tells=True)
    assert (np.sum(folds(found), axis=0) == 1).all() and len(folds(found)) == 3
    assert folds(some_episodes()) == []


@pytest.mark.parametrize("evidence_tells", [True, False])
def test_the_network_has_the_share_that_left_out_families_give_it(evidence_tells: bool) -> None:
    found = of_families(evidence_tells)
    blind = found.scores[:, :, 0].copy()
    long = SPIDER.model_copy(update={"epochs": 20})
    gate = learning._gate(found, blind, SPEC.model_copy(update={"first": "evidence"}), long, 0, 1)
    assert gate in GATES
    assert gate == 0 if evidence_tells else gate >= 0.5
