"""Other measures of a ranking: correlations of values, and what the user loses by following it.

In all of them truth and scores have shape (n,), one entry a PTM, higher is better; PTMs without truth are left out.
The correlations leave out PTMs without a score, and share the limits of `orbweaver.metrics.tau`: constant truth is NaN,
constant scores are 0. The measures of the first k keep such a PTM as one that the method never proposes: the
best PTM stays the best, whether or not the method could look at it. Among equal scores they take the PTM with the
lowest truth, so that the order in which PTMs are listed never helps a method with ties. All of them raise ValueError as
`orbweaver.metrics.tau.paired` does.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from orbweaver.metrics.tau import paired, undecided


def kendall_tau(truth: ArrayLike, scores: ArrayLike) -> float:
    """Kendall's tau-b in [-1, 1]: weighted tau with all weights equal. Source: `scipy.stats.kendalltau`."""
    truth, scores = paired(truth, scores)
    limit = undecided(truth, scores)
    return float(stats.kendalltau(truth, scores).statistic) if limit is None else limit


def pearson(truth: ArrayLike, scores: ArrayLike) -> float:
    """Pearson's correlation in [-1, 1] of the values themselves."""
    truth, scores = paired(truth, scores)
    return _correlation(truth, scores, np.ones_like(truth))


def weighted_pearson(truth: ArrayLike, scores: ArrayLike) -> float:
    """Pearson's correlation in [-1, 1] with weight 1/r_i, r_i = 1 for the truly best PTM, ties sharing their mean rank.

    Weights by true rank, not by the place in a list as in some published code, where the value depends on the
    order in which the PTMs happen to be listed.
    """
    truth, scores = paired(truth, scores)
    return _correlation(truth, scores, 1.0 / stats.rankdata(-truth))


def _correlation(truth: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    limit = undecided(truth, scores)
    if limit is not None:
        return limit
    # to unit range first: scores as large as parameter counts, or as small as 1e-200, neither overflow nor vanish
    truth, scores = ((v - v.min()) / np.ptp(v) for v in (truth, scores))
    truth, scores = (v - np.average(v, weights=weights) for v in (truth, scores))
    covariance = np.sum(weights * truth * scores)
    return float(np.clip(covariance / np.sqrt(np.sum(weights * truth**2) * np.sum(weights * scores**2)), -1.0, 1.0))


def rel_at_k(truth: ArrayLike, scores: ArrayLike, k: int) -> float:
    """What the best of the k best-scored PTMs reaches, as a share of the best: max_{top k} t / max t, 1 at best.

    For negative errors (all truth <= 0) the ratio is inverted, so that 1 is still the best and less is worse.
    NaN if nothing was scored, or if the truth has both signs.
    """
    chosen, best = _chosen(truth, scores, k)
    values = np.asarray(truth, dtype=float)
    if np.isnan(chosen) or np.nanmin(values) < 0 < best:
        return np.nan
    if chosen == best:
        return 1.0
    return float(chosen / best) if best > 0 else float(best / chosen)


def recall_at_k(truth: ArrayLike, scores: ArrayLike, k: int) -> float:
    """1 if the best-scored PTM is truly among the best k (ties with the k-th count), else 0; NaN if none was scored."""
    chosen, _ = _chosen(truth, scores, 1)
    values = np.asarray(truth, dtype=float)
    values = np.sort(values[~np.isnan(values)])[::-1]
    return np.nan if np.isnan(chosen) else float(chosen >= values[min(k, len(values)) - 1])


def regret_at_k(truth: ArrayLike, scores: ArrayLike, k: int) -> float:
    """What is lost by fine-tuning only the k best-scored PTMs: max t - max_{top k} t >= 0, in the unit of the truth."""
    chosen, best = _chosen(truth, scores, k)
    return float(best - chosen)


def _chosen(truth: ArrayLike, scores: ArrayLike, k: int) -> tuple[float, float]:
    """The highest truth among the k best-scored PTMs (NaN if none is scored), and the highest of all."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    known, known_scores = paired(truth, scores)
    truth = np.asarray(truth, dtype=float)
    if not len(known):
        return np.nan, np.nan
    top = np.lexsort((known, -known_scores))[:k]
    return float(known[top].max()), float(np.nanmax(truth))
