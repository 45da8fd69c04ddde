"""Stacking: one weight per score, learned where the truth is known, and the same for every dataset and PTM.

A new PTM needs no training: its scores are enough. Stacking is the control of Model Spider, whose network may look at
more. Source: D. H. Wolpert, "Stacked generalization", Neural Networks 1992, with ridge regression.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orbweaver.metrics.tau import weighted_tau

PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)  # in units of one dataset's sum of squares a PTM


def standardised(values: np.ndarray) -> np.ndarray:
    """(..., M) less the mean, over the standard deviation, of the PTMs with a value; 0 without a value or a spread.

    A method's scores are so compared within a dataset only: their scale differs from one dataset to the next.
    """
    known = ~np.isnan(values)
    count = np.maximum(known.sum(-1, keepdims=True), 1)
    filled = np.where(known, values, 0.0)
    centred = np.where(known, values - filled.sum(-1, keepdims=True) / count, 0.0)
    spread = np.sqrt((centred**2).sum(-1, keepdims=True) / count)
    return np.where(spread > 1e-9, centred / np.maximum(spread, 1e-9), 0.0)


def weights(scores: np.ndarray, truth: np.ndarray, penalty: float) -> np.ndarray:
    """(Q,) ridge weights w of  sum_t 1/M_t sum_m (z_tm - sum_q w_q x_tqm)^2 + penalty |w|^2.

    scores (T, Q, M), truth (T, M); NaN where there is none. x and z are both standardised within each dataset t over
    its M_t PTMs of known truth, so that datasets count alike. Without a dataset, all weights are equal.
    """
    known = ~np.isnan(truth)
    z = standardised(truth)
    x = standardised(np.where(known[:, None, :], scores, np.nan))
    share = known / np.maximum(known.sum(1, keepdims=True), 1)
    gram = np.einsum("tm,tqm,trm->qr", share, x, x)
    if not len(truth):
        return np.full(scores.shape[1], 1.0 / max(scores.shape[1], 1))
    return np.linalg.solve(gram + penalty * np.eye(len(gram)), np.einsum("tm,tqm,tm->q", share, x, z))


def combined(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(..., M) from scores (..., Q, M): their weighted sum, each standardised; NaN where no method has a value."""
    total = np.einsum("...qm,q->...m", standardised(scores), weights)
    return np.where(np.isnan(scores).all(-2), np.nan, total)


def best_penalty(scores: np.ndarray, truth: np.ndarray, families: Sequence[str]) -> float:
    """The penalty with the highest mean weighted tau on datasets of left-out families, each family left out once.

    families: of the T datasets. With one family there is nothing to choose on: then the largest penalty.
    """
    groups = np.asarray(families)
    if len(set(families)) < 2:
        return PENALTIES[-1]
    means = []
    for penalty in PENALTIES:
        taus = []
        for family in dict.fromkeys(families):
            out = groups == family
            learned = weights(scores[~out], truth[~out], penalty)
            taus += [_tau(t, s) for t, s in zip(truth[out], combined(scores[out], learned), strict=True)]
        means.append(np.nanmean(taus) if not np.isnan(taus).all() else -1.0)
    return PENALTIES[int(np.argmax(np.round(means, 9)))]


def _tau(truth: np.ndarray, scores: np.ndarray) -> float:
    known = ~np.isnan(truth)
    return weighted_tau(truth[known], scores[known]) if known.sum() > 1 else np.nan


def learned(scores: np.ndarray, truth: np.ndarray, families: Sequence[str]) -> np.ndarray:
    """(Q,) weights from T datasets, with the penalty that left-out families choose."""
    return weights(scores, truth, best_penalty(scores, truth, families))
