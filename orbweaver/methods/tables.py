"""What tables of scores hold beside single methods: scores that need the whole zoo, and values of text encoders."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ._checked import ScoreError
from .catalogue import OF_ENCODERS, TARGET_BLIND
from .inputs import ScoreInputs
from .run import called

# Variants of other methods; they have no vote of their own in Borda counts.
FORMS = (
    "emms_published", "logme_labels", "transrate_labels", "transrate_selection", "transrate_rows", "gbc_spherical",
    "gbc_spherical_full", "knn_parc", "ped_sfda", "ped_logme",
)  # fmt: skip
# Scores that are relative to the zoo: the weights of their parts, each part rescaled to 0 (smallest) .. 1 (largest).
JOINED = {
    "ncti": {"ncti_seli": 1.0, "ncti_ncc": 1.0, "ncti_vc": 1.0},
    "etran": {"etran_lda": 0.85, "etran_energy": 0.15},
}
DIGITS = 12  # significant digits of a score that count: a difference beyond them is rounding
AGGREGATIONS = (*JOINED, "borda_trio", "borda_all")  # rows that `aggregated` makes of others
TRIO = ("h_score", "nce", "logme")  # what Model Spider's approximated ground truth aggregates (its method figure)


def borda(scores: dict[str, np.ndarray]) -> np.ndarray:
    """Mean rank of each PTM over the methods, higher is better.

    scores: method name -> (P,) scores of the same P PTMs. Each method ranks the PTMs that it could score, from 0
    (worst) to 1 (best), equal scores sharing their mean rank; those that agree to twelve digits are equal, since some
    methods give all PTMs one value where features outnumber samples. A NaN is left out of its PTM's mean: such a PTM
    is judged by the methods that could score it. A method that scored fewer than two PTMs has no say; a PTM
    that no method scored stays NaN. PTMs of equal mean rank are told apart by their mean z-score over the methods,
    which adds too little to overturn any difference of ranks.

    Raises ValueError when there is no method, or arrays are not all of shape (P,), or hold infinities.
    """
    if not scores:
        raise ValueError("Borda needs the scores of one method or more")
    table = np.array([_rounded(s) for s in scores.values()])
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


def _rounded(scores: np.ndarray) -> np.ndarray:
    scores = np.asarray(scores, dtype=np.float64)
    return np.array([float(f"{score:.{DIGITS}g}") for score in scores.flat]).reshape(scores.shape)


def joined(parts: dict[str, np.ndarray], weights: dict[str, float]) -> np.ndarray:
    """(P,): sum of the parts' weighted places in the zoo, w (v - min v) / (max v - min v), higher is better.

    parts: name -> (P,) of the same P PTMs, NaN where there is none; weights: of the parts, by name. A part with one
    value for all PTMs, to twelve digits as in `borda`, adds 0 (the published code divides by zero). A PTM without one
    of the parts gets NaN; the others are compared among themselves. Adding or removing a PTM can change every value,
    and the order of two others; with two PTMs each place is 0 or 1. NCTI's third part is stored as -vc, so `ncti` is
    the published mm(seli) + mm(ncc) - mm(vc), plus 1 for all PTMs alike where vc differs.
    """
    table = np.array([_rounded(parts[name]) for name in weights])
    table[:, np.isnan(table).any(axis=0)] = np.nan
    total = np.zeros(table.shape[1])
    for values, weight in zip(table, weights.values(), strict=True):
        low, high = (np.nan, np.nan) if np.isnan(values).all() else (np.nanmin(values), np.nanmax(values))
        total += weight * (values - low) / (high - low if high > low else 1)
    return total


def aggregated(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that need the whole zoo: the joins of `JOINED`, and Borda's rank aggregations.

    Borda of H-Score, NCE and LogME, and of all methods that look at the target. Each method has one vote: its variants
    (`FORMS`) do not vote, nor do the parts of a join. A row whose methods are not all in the table, or are fewer than
    two, is left out.

    table: ptm, method, score of one target. Returns ptm, method (one of `AGGREGATIONS`), score, reason.
    """
    scores = table.pivot(index="ptm", columns="method", values="score").reindex(table["ptm"].unique())
    known = {method: scores[method].to_numpy() for method in scores}
    rows = []

    def add(name: str, values: np.ndarray, reason: str) -> None:
        reasons = [reason if np.isnan(value) else "" for value in values]
        rows.append(pd.DataFrame({"ptm": scores.index, "method": name, "score": values, "reason": reasons}))

    votes = {method: values for method, values in known.items() if method not in (*TARGET_BLIND, *FORMS)}
    for name, weights in JOINED.items():
        if {*weights} <= {*known}:
            join = joined(known, weights)
            add(name, join, "a part has no score")
            votes = {method: values for method, values in votes.items() if method not in weights} | {name: join}
    for name, methods in (("borda_trio", TRIO), ("borda_all", votes)):
        if len(methods) > 1 and {*methods} <= {*known, *votes}:
            add(name, borda({method: (known | votes)[method] for method in methods}), "no method has a score")
    return pd.concat(rows, ignore_index=True) if rows else table.iloc[:0]


def of_encoders(methods: Iterable[str], encoders: Sequence[str], inputs: ScoreInputs) -> pd.DataFrame:
    """One row an encoder: its `weight` in EMMS, and LogME's and TransRate's score on its F-labels alone.

    encoders: the K names, in the order of the inputs' F-labels. One column for each method of OF_ENCODERS among
    `methods`; NaN where the method has no score (its own row gives the reason). No rows where no text was embedded.
    """
    given = inputs.class_embeddings is not None or inputs.label_embeddings is not None
    table = pd.DataFrame({"encoder": list(encoders) if given else []})
    for method in (method for method in methods if method in OF_ENCODERS and given):
        try:
            values = called(method, OF_ENCODERS[method], inputs)
        except ScoreError:
            values = np.nan
        table["weight" if method == "emms" else method] = values
    return table
