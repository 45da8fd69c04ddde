"""Evidence first: the scores of forwarded PTMs (the evidence) rank these and the others; the network may correct it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from orbweaver.core.settings import RankerSettings
from orbweaver.metrics.intervals import nan_mean
from orbweaver.spider import stacking
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.relatives import Relatives

PENALTY = 1.0  # ridge penalty on the weights; with so many episodes it hardly matters
GATES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)  # shares of the network to choose from
FOLDS = 3  # groups of families, each left out once to choose the gate
LEVEL = 10.0  # variance of an offset that all PTMs share and no ranking shows; large beside a standardised truth's 1
LEAST = 1e-6  # least variance that is a PTM's own


class Evidence(BaseModel):
    """A Gaussian model of the PTMs' truth on a dataset and of their scores, and the network's share in the ranking.

    Truth y and evidence e = sum_q w_q x_q, each standardised over the PTMs, have means that the prior P (M, 2) gives
    (nearness of the dataset to the PTMs' sources, and their mean places on the episodes), and covariances that depend
    on what two PTMs share:

        E y = P a,   E e = P b,   cov(y, e) = sum_j c_j K_j,   cov(e, e) = sum_j d_j K_j

    with K_j (M, M) 1 where two PTMs share the source (j = 1), share the architecture (2), or are the same (3), else 0.
    Once the PTMs F are forwarded, all M are ranked by

        E[y | e_F] = P a + cov(y, e_F) (cov(e_F, e_F) + LEVEL)^-1 (e_F - P_F b)

    weights: w (Q,). slopes: a and b (2, 2). shared: c and d (2, 3). gate: the network's share, 0 none and 1 all.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: list[float]
    slopes: list[list[float]]
    shared: list[list[float]]
    gate: float = 1.0

    def expected(self, scores: np.ndarray, forwarded: np.ndarray, prior: np.ndarray, alike: np.ndarray) -> np.ndarray:
        """(B, M) E[y | e_F], from scores (B, M, Q) of the PTMs forwarded (B, M), prior (B, M, 2) and K (3, M, M)."""
        mean, mean_of_evidence = (prior @ np.array(slopes) for slopes in self.slopes)
        of_truth, of_evidence = (np.tensordot(np.array(parts), alike, 1) for parts in self.shared)
        of_evidence = of_evidence + LEVEL
        told = said(np.where(forwarded[..., None], scores, np.nan), np.array(self.weights))
        out = mean.copy()
        for row, values in enumerate(told):
            there = np.flatnonzero(~np.isnan(values))
            if len(there):
                surprise = values[there] - mean_of_evidence[row, there]
                out[row] += of_truth[:, there] @ np.linalg.solve(of_evidence[np.ix_(there, there)], surprise)
        return out

    def corrected(self, expected: np.ndarray, network: np.ndarray) -> np.ndarray:
        """(B, M): (1 - gate) e + gate z, with e the expected truth and z the network's scores, standardised over PTMs.

        e is not standardised: it has the units of a standardised truth, so small expected differences count for little.
        Where e is the same for all PTMs, the network alone counts.
        """
        nothing = np.ptp(expected, axis=1, keepdims=True) < 1e-9
        share = np.where(nothing, 1.0, self.gate)
        return (1 - share) * expected + share * stacking.standardised(network)


def said(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, M): the weighted sum of scores (B, M, Q), each standardised over the PTMs; NaN where none has a value."""
    return stacking.combined(np.swapaxes(scores, 1, 2), weights)


@dataclass(frozen=True)
class First:
    """Evidence first, on T episodes of M PTMs: the model, its prior (T, M, 2), and what the PTMs have in common."""

    model: Evidence
    prior: np.ndarray
    relatives: Relatives


def prior_of(nearness: np.ndarray, constant: np.ndarray) -> np.ndarray:
    """(T, M, 2) from nearness (T, M) and mean places (T, M) or (M,): both standardised; 0 where one is not known."""
    both = nearness, np.broadcast_to(constant, nearness.shape)
    return np.stack([stacking.standardised(each) for each in both], axis=2)


def nearness_of(episodes: Episodes, encoder: str, relatives: Relatives) -> np.ndarray:
    """(T, M): see `Relatives.nearness`."""
    return np.stack([relatives.nearness(episodes.tokens_of(encoder, t)) for t in range(len(episodes.scores))])


def learned(
    episodes: Episodes, truth: np.ndarray, spec: RankerSettings, near: np.ndarray, alike: np.ndarray
) -> Evidence:
    """The model, fitted by moments to the episodes that a ranker learns from; its gate is 1.

    truth (T, M), NaN where unknown; near (T, M). The slopes of the mean places are fitted to mean places over episodes
    that have no family of sources in common with the episode itself.
    """
    learn = np.flatnonzero(((~np.isnan(truth)).sum(1) > 1) & ~episodes.validation)
    known = ~np.isnan(truth[learn])

    def judged(values: np.ndarray) -> np.ndarray:
        return np.where(known, values, np.nan)

    columns = [episodes.methods.index(method) for method in spec.evidence]
    scores = np.where(known[:, None], np.swapaxes(episodes.scores[learn][:, :, columns], 1, 2), np.nan)
    weights = stacking.weights(scores, truth[learn], PENALTY)
    values = np.stack([stacking.standardised(truth[learn]), np.nan_to_num(stacking.combined(scores, weights))])  # y, e
    prior = prior_of(judged(near[learn]), judged(places_elsewhere(truth, episodes)[learn]))[known]  # (known pairs, 2)
    slopes = np.linalg.lstsq(prior, values[:, known].T, rcond=None)[0].T
    rest = np.zeros_like(values)
    rest[:, known] = values[:, known] - slopes @ prior.T
    pairs = known.astype(float).T @ known
    shared = [_parts(rest[0].T @ rest[1], pairs, alike), _parts(rest[1].T @ rest[1], pairs, alike)]
    return Evidence(weights=weights.tolist(), slopes=slopes.tolist(), shared=shared)


def _parts(products: np.ndarray, pairs: np.ndarray, alike: np.ndarray) -> list[float]:
    """How much sharing the source, sharing the architecture, and being the same adds to the mean product of two PTMs.

    products (M, M): sums over episodes; pairs (M, M): the number of episodes in each sum.
    """
    source, architecture, same = alike.astype(bool)

    def mean(of: np.ndarray) -> float:
        return float(products[of].sum() / max(pairs[of].sum(), 1))

    strangers = mean(~source & ~architecture)
    by_source, by_architecture = (
        max(mean(one & ~other) - strangers, 0.0) for one, other in ((source, architecture), (architecture, source))
    )
    return [by_source, by_architecture, max(mean(same) - strangers - by_source - by_architecture, LEAST)]


def places_elsewhere(truth: np.ndarray, episodes: Episodes) -> np.ndarray:
    """(T, M): each PTM's mean place on the training episodes that share no family with episode t; NaN without any."""
    of_episodes, families = places(truth), families_of(episodes)
    out = np.full(truth.shape, np.nan)
    for has in np.unique(families, axis=0):
        rest = ~families[:, has].any(1) & ~episodes.validation
        out[(families == has).all(1)] = nan_mean(of_episodes[rest], axis=0)
    return out


def places(truth: np.ndarray) -> np.ndarray:
    """(T, M): places on each episode, 0 the worst and 1 the best of the PTMs that are known; NaN of the others."""
    ranks = pd.DataFrame(truth).rank(axis=1)
    return (ranks - 1).div(ranks.count(axis=1) - 1, axis=0).to_numpy()


def mean_places(truth: np.ndarray, episodes: Episodes) -> np.ndarray:
    """(M,): each PTM's mean place over the episodes that train; NaN of one that none of them knows."""
    return nan_mean(places(truth[~episodes.validation]), axis=0)


def families_of(episodes: Episodes) -> np.ndarray:
    """(T, F) bool: of which families, in the order of their names, episode t has classes."""
    names = sorted(set(episodes.families))
    return np.stack([episodes.has_source[:, np.equal(episodes.families, name)].any(1) for name in names], axis=1)


def folds(episodes: Episodes) -> list[np.ndarray]:
    """(T,) bool for each third of the families: which episodes have classes of it. Empty for fewer than FOLDS."""
    of = families_of(episodes)
    return [of[:, number::FOLDS].any(1) for number in range(FOLDS)] if of.shape[1] >= FOLDS else []
