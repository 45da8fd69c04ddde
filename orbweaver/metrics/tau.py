"""Weighted Kendall tau: the agreement of a ranking with the truth, in which the top places weigh most.

For n PTMs with truth t and scores s, and r_i = 0 for the best PTM,

    tau = sum_{i<j} w_ij sgn(t_i - t_j) sgn(s_i - s_j)
          / sqrt(sum_{i<j} w_ij [t_i != t_j]  *  sum_{i<j} w_ij [s_i != s_j]),     w_ij = 1/(r_i+1) + 1/(r_j+1)

It lies in [-1, 1] and has no unit. Source: S. Vigna, "A weighted correlation index for rankings with ties", WWW 2015,
as `scipy.stats.weightedtau`.

What is done where scipy leaves a choice, or chooses otherwise than a benchmark should:

- A PTM without truth (NaN) is left out: nobody knows whether it was ranked well.
- A PTM with truth but without a score (NaN) is left out of tau too, since no number can be made up for it, but never
  silently: `n_scored` counts what is left, and every table prints that count when it falls short. (scipy would call a
  NaN the smallest score.)
- Constant truth, or fewer than two PTMs left: NaN, since there is nothing to rank.
- Constant scores: 0, since a tie of all PTMs is an answer, but one without information. (scipy gives 0/0; a NaN would
  drop the target from the method's mean and reward it for not answering.)
- Infinite values are refused: they come from a failed computation, not from a ranking.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats


def weighted_tau(truth: ArrayLike, scores: ArrayLike) -> float:
    """Weighted tau with weights by the true order: r_i is the place of PTM i by truth, scores breaking ties.

    Equals `scipy.stats.weightedtau(truth, scores, rank=None)`, the convention of Model Spider. It is not symmetric:
    swapping the arguments asks another question.

    Args:
        truth: shape (n,), what fine-tuning gave; higher is better.
        scores: shape (n,), what the method predicts; higher is better.

    Raises:
        ValueError: the shapes differ or are not (n,), or a value is infinite.
    """
    return _tau(truth, scores, rank=None)


def weighted_tau_symmetric(truth: ArrayLike, scores: ArrayLike) -> float:
    """Mean of weighted tau with weights by the true order and with weights by the predicted order.

    Equals scipy's default, the convention of LogME, SFDA and EMMS. Arguments and errors as in `weighted_tau`.
    """
    return _tau(truth, scores, rank=True)


def n_scored(truth: ArrayLike, scores: ArrayLike) -> int:
    """The number of PTMs that have both a truth and a score."""
    return len(paired(truth, scores)[0])


def paired(truth: ArrayLike, scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """The truth and the scores, float64, of the PTMs that have both.

    Raises:
        ValueError: the shapes differ or are not (n,), or a value is infinite.
    """
    truth, scores = np.asarray(truth, dtype=float), np.asarray(scores, dtype=float)
    if truth.ndim != 1 or truth.shape != scores.shape:
        raise ValueError(f"truth and scores must be two vectors of one length, got {truth.shape} and {scores.shape}")
    if np.isinf(truth).any() or np.isinf(scores).any():
        raise ValueError("truth and scores must not be infinite")
    both = ~(np.isnan(truth) | np.isnan(scores))
    return truth[both], scores[both]


def undecided(truth: np.ndarray, scores: np.ndarray) -> float | None:
    """What any correlation gives where its formula is 0/0: NaN without a truth to rank, 0 for constant scores."""
    if len(truth) < 2 or np.ptp(truth) == 0:
        return np.nan
    return 0.0 if np.ptp(scores) == 0 else None


def _tau(truth: ArrayLike, scores: ArrayLike, rank: bool | None) -> float:
    truth, scores = paired(truth, scores)
    limit = undecided(truth, scores)
    return float(stats.weightedtau(truth, scores, rank=rank).statistic) if limit is None else limit


def weighted_taus(truth: ArrayLike, scores: ArrayLike) -> np.ndarray:
    """`weighted_tau` along the last axis of many (truth, scores) at once, for the resamples of the bootstrap.

    Args:
        truth: shape (..., n), NaN where there is no truth.
        scores: shape (..., n), broadcast against truth; NaN where there is no score.

    Returns:
        shape (...), by the same rules as `weighted_tau`. Needs about 10 n^2 bytes a pair of vectors.
    """
    truth, scores = np.broadcast_arrays(np.asarray(truth, dtype=float), np.asarray(scores, dtype=float))
    valid = ~(np.isnan(truth) | np.isnan(scores))
    # what is left out sorts behind everything else, so that it takes no place from the others
    keys = np.where(valid, scores, -np.inf), np.where(valid, truth, -np.inf)
    place = np.argsort(np.lexsort(keys, axis=-1)[..., ::-1], axis=-1)
    weight = np.where(valid, 1.0 / (place + 1.0), 0.0)
    i, j = np.triu_indices(truth.shape[-1], 1)
    weight = np.where(valid[..., i] & valid[..., j], weight[..., i] + weight[..., j], 0.0)
    by_truth = np.sign(np.where(weight > 0, truth[..., i] - truth[..., j], 0.0))
    by_score = np.sign(np.where(weight > 0, scores[..., i] - scores[..., j], 0.0))
    agreement = np.sum(weight * by_truth * by_score, axis=-1)
    ordered, scored = (np.sum(weight * np.abs(sign), axis=-1) for sign in (by_truth, by_score))
    with np.errstate(invalid="ignore"):
        taus = np.clip(agreement / np.sqrt(ordered * scored), -1.0, 1.0)
    return np.where(ordered == 0, np.nan, np.where(scored == 0, 0.0, taus))


def tau_by_k(rankers: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """Mean weighted tau over targets of each ranker, seed and k.

    Args:
        rankers: columns dataset, ranker, seed, k, ptm, score.
        truth: one row a target, one column a PTM; rows of `rankers` on other targets are left out.

    Returns:
        columns ranker, seed, k, tau, in the order of `rankers`.
    """
    rows = rankers[rankers["dataset"].isin(truth.index)].assign(seed=lambda table: table["seed"].astype(str))
    by, taus = ["ranker", "seed", "k"], []
    for target, part in rows.groupby("dataset", sort=False):
        scores = part.pivot(index=by, columns="ptm", values="score")
        known = truth.loc[target].reindex(scores.columns).to_numpy()
        taus.append(pd.Series(weighted_taus(known, scores.to_numpy()), index=scores.index))
    order = pd.MultiIndex.from_frame(rows[by].drop_duplicates())
    means = pd.concat(taus).groupby(by).mean() if taus else pd.Series(index=order, dtype=float)
    return means.reindex(order).rename("tau").reset_index()
