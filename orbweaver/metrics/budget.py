"""What a user loses who fine-tunes only the first k PTMs of a ranking, for every k at once and for many resamples."""

import numpy as np
from scipy.special import comb

from orbweaver.metrics.intervals import nan_mean, times_drawn


def mean_regrets(truth: np.ndarray, scores: np.ndarray, ptms: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean over the drawn targets of max t - max_{top k} t, for k = 1 .. n different PTMs fine-tuned.

    The rules of `orbweaver.metrics.measures.regret_at_k`: a PTM without a score is never proposed but may be the best;
    among equal scores the lowest truth comes first. With fewer than k PTMs to propose, all of them are fine-tuned.

    Args:
        truth: (T, n) or (B, T, n). scores: (M, T, n). ptms: (B, n), the PTMs of each resample. counts: (B, T), how
            often it has each target.

    Returns:
        (B, M, n), in the unit of the truth, over the targets that the method answers; NaN where it answers none.
    """
    there = times_drawn(ptms) > 0
    summed = np.zeros((len(ptms), len(scores), ptms.shape[1]))
    total = np.zeros((len(ptms), len(scores), 1))
    for t in range(scores.shape[1]):
        values = np.broadcast_to(truth[..., t, :], ptms.shape)
        known = there & ~np.isnan(values)
        values = np.where(known, values, -np.inf)
        best = values.max(axis=1, keepdims=True)
        for m in range(len(scores)):
            reached = _reached(values, known, scores[m, t])
            answered = np.isfinite(reached[:, -1:])
            weight = np.where(answered, counts[:, [t]], 0)
            summed[:, m] += weight * np.where(answered, best - np.where(answered, reached, 0.0), 0.0)
            total[:, m] += weight
    return np.where(total > 0, summed / np.maximum(total, 1), np.nan)


def _reached(values: np.ndarray, known: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The best truth among the first 1 .. n PTMs (B, n); -inf where nothing is proposed."""
    proposed = known & ~np.isnan(scores)
    last = np.where(proposed, -scores, np.inf)
    order = np.lexsort((values, last), axis=1)
    in_order = np.take_along_axis(np.where(proposed, values, -np.inf), order, axis=1)
    return np.maximum.accumulate(in_order, axis=1)


def random_regrets(truth: np.ndarray) -> np.ndarray:
    """Mean regret (n,) over targets (T, n) of fine-tuning k PTMs at random: the expectation over all sets of k.

    The best of a set is the i-th worst of n PTMs with probability C(i - 1, k - 1) / C(n, k). A target on which fewer
    than k PTMs have truth is left out at that k.
    """
    curves = np.full(truth.shape, np.nan)
    for curve, values in zip(curves, truth, strict=True):
        values = np.sort(values[~np.isnan(values)])
        n = len(values)
        for k in range(1, n + 1):
            curve[k - 1] = values[-1] - np.sum(values * comb(np.arange(n), k - 1)) / comb(n, k)
    return nan_mean(curves, axis=0)
