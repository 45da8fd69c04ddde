"""Borda: one ranking out of several methods' scores."""

import numpy as np
from scipy.stats import rankdata

TRIO = ("h_score", "nce", "logme")  # what Model Spider's approximated ground truth aggregates (its method figure)


def borda(scores: dict[str, np.ndarray]) -> np.ndarray:
    """Mean rank of each PTM over the methods, higher is better.

    scores: method name -> (P,) scores of the same P PTMs. Each method ranks the PTMs that it could score, from 0
    (worst) to 1 (best), equal scores sharing their mean rank. A NaN is left out of its PTM's mean: such a PTM
    is judged by the methods that could score it. A method that scored fewer than two PTMs has no say; a PTM
    that no method scored stays NaN. PTMs of equal mean rank are told apart by their mean z-score over the methods,
    which adds too little to overturn any difference of ranks.

    Raises ValueError when there is no method, or arrays are not all of shape (P,), or hold infinities.
    """
    if not scores:
        raise ValueError("Borda needs the scores of one method or more")
    table = np.array([np.asarray(s, dtype=np.float64) for s in scores.values()])
    if table.ndim != 2 or np.isinf(table).any():
        raise ValueError("scores must be one-dimensional, equally long and not infinite")
    ranks, z = np.full_like(table, np.nan), np.full_like(table, np.nan)
    for row, values in enumerate(table):
        known = ~np.isnan(values)
        if known.sum() < 2:
            continue
        ranks[row, known] = (rankdata(values[known]) - 1) / (known.sum() - 1)
        spread = values[known].std()
        z[row, known] = (values[known] - values[known].mean()) / (spread if spread > 0 else 1)
    votes = (~np.isnan(ranks)).sum(axis=0)
    with np.errstate(invalid="ignore"):
        mean_rank = np.round(np.nansum(ranks, axis=0) / votes, 12)  # equal up to the order of summation is equal
        mean_z = np.nansum(z, axis=0) / votes
    levels = np.unique(mean_rank[votes > 0])
    smallest_gap = np.diff(levels).min() if len(levels) > 1 else 1.0
    return mean_rank + smallest_gap / 4 * mean_z / (1 + np.abs(mean_z))
