"""Evidence first: what scores say of the forwarded PTMs counts, and the network may correct it by a share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orbweaver.core.settings import RankerSettings
from orbweaver.spider import stacking
from orbweaver.spider.episode_file import Episodes

PENALTY = 1.0  # of the weights; episodes are so many that it hardly matters
GATES = (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
FOLDS = 3  # of families, each left out once, that the gate is chosen on


@dataclass(frozen=True)
class Evidence:
    """weights (Q,): of the scores, learned on episodes. gate: the network's share, 0 none and 1 all."""

    weights: np.ndarray
    gate: float

    def corrected(self, network: np.ndarray, scores: np.ndarray, forwarded: np.ndarray) -> np.ndarray:
        """(B, M) from what the network says (B, M) and the scores (B, M, Q) of the PTMs that were forwarded (B, M).

        With z the network's scores, standardised over all PTMs, e the weighted evidence, standardised over those that
        were forwarded, g the gate, and <z> the mean of z over these:

            s_m = <z> + (1 - g) e_m + g (z_m - <z>)    of a PTM that was forwarded, else s_m = z_m
        """
        z = stacking.standardised(network)
        e = stacking.standardised(said(np.where(forwarded[..., None], scores, np.nan), self.weights))
        count = np.maximum(forwarded.sum(1, keepdims=True), 1)
        mean = (z * forwarded).sum(1, keepdims=True) / count
        return np.where(forwarded, mean + (1 - self.gate) * e + self.gate * (z - mean), z)


def said(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(B, M): the weighted sum of scores (B, M, Q), each standardised over the PTMs; NaN where none has a value."""
    return stacking.combined(np.swapaxes(scores, 1, 2), weights)


def learned_weights(episodes: Episodes, truth: np.ndarray, spec: RankerSettings) -> np.ndarray:
    """(Q,) of the ranker's evidence: stacking on the episodes that it learns from. truth (T, M), NaN where unknown."""
    learn = ((~np.isnan(truth)).sum(1) > 1) & ~episodes.validation
    columns = [episodes.methods.index(method) for method in spec.evidence]
    return stacking.weights(np.swapaxes(episodes.scores[learn][:, :, columns], 1, 2), truth[learn], PENALTY)


def folds(episodes: Episodes) -> list[np.ndarray]:
    """(T,) bool each: which episodes have classes of a third of the families. None where there are fewer families."""
    families: Sequence[str] = sorted(set(episodes.families))
    if len(families) < FOLDS:
        return []
    thirds = [families[number::FOLDS] for number in range(FOLDS)]
    return [episodes.has_source[:, [family in third for family in episodes.families]].any(1) for third in thirds]
