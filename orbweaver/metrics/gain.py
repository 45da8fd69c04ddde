"""What a method adds to a ranking that never looks at the target.

The *prior* of a target is the general order: how high each PTM stands on the targets of other families. A method that
tells nothing about the truth beyond the prior is not worth its forward passes. Two measures of that:

- *Agreement beyond the prior*: the partial rank correlation of score and truth given the prior. Within a target the
  ranks of the truth and of the score are both regressed on the ranks of the prior, and the residuals are correlated:

      r = (r_ts - r_tp r_sp) / sqrt((1 - r_tp^2) (1 - r_sp^2)),      t truth, s score, p prior.

  Ranks are used since only the order of scores has a meaning: some are log likelihoods, some counts, some heavy-tailed,
  and a user follows their order alone. Source: M. G. Kendall, "Partial rank correlation", Biometrika 1942, with
  Spearman's coefficient in the place of tau.
- *Gain*: weighted tau of prior + w method less that of the prior alone, the prior and the method's ranks standardised
  within the target. The weight w >= 0 is learned on the targets of other families.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from orbweaver.metrics.intervals import DIGITS, nan_mean, times_drawn
from orbweaver.metrics.tau import weighted_taus

WEIGHTS = (0.0, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
NOTHING = 1e-9  # share of a variance: what is left below it is rounding


def general_order(truth: np.ndarray, families: Sequence[str], without: str | None = None) -> np.ndarray:
    """For each target the mean place of the PTMs on the targets of other families, in [0, 1]; 1 is the best.

    On each target the PTMs with truth are ranked, ties sharing their mean rank, and ranks are mapped to [0, 1], so that
    no target weighs more for its unit or spread, and no PTM that fails on one of them decides the order.

    Args:
        truth: (T, n), NaN where there is none. families: of each target.
        without: one family more to leave out everywhere.

    Returns:
        (T, n); NaN for a PTM that has truth on none of those targets.
    """
    ranks = np.full(truth.shape, np.nan)
    for row, values in zip(ranks, truth, strict=True):
        known = ~np.isnan(values)
        if known.sum() > 1:
            row[known] = (stats.rankdata(values[known]) - 1) / (known.sum() - 1)
    families = np.asarray(families)
    order = [nan_mean(ranks[(families != own) & (families != without)], axis=0) for own in families]
    return np.round(order, DIGITS)  # equal means stay equal, in whichever order they were summed


@dataclass(frozen=True)
class Mixtures:
    """prior: (T, n). scores: (M, T, n), prior + w method. weights: (M, T), the w that other families taught."""

    prior: np.ndarray
    scores: np.ndarray
    weights: np.ndarray


def mixtures(truth: np.ndarray, scores: np.ndarray, families: Sequence[str]) -> Mixtures:
    """Each method mixed with the prior, by a weight that is learned without the target's own family.

    For a target of family f, w is the one of WEIGHTS with the highest mean weighted tau on the targets u of other
    families, the smallest if several tie; there the prior leaves out both u's family and f. With fewer than three
    families, and for a method that answers no target of another family, there is no mixture (NaN).

    Args:
        truth: (T, n). scores: (M, T, n), NaN where there is none. families: of each target.
    """
    families = np.asarray(families)
    ranks = np.stack([_standardised(stats.rankdata(s, axis=1, nan_policy="omit")) for s in scores])
    prior = general_order(truth, families)
    weights = np.full(scores.shape[:2], np.nan)
    for family in np.unique(families):
        others = np.flatnonzero(families != family)
        without = general_order(truth, families, family)
        taus = np.full((len(others), len(scores), len(WEIGHTS)), np.nan)
        for row, u in zip(taus, others, strict=True):
            row[:] = _taus_of_weights(truth[u], without[u], ranks[:, u])
        mean = np.round(nan_mean(taus, axis=0), DIGITS)
        known = ~np.isnan(mean).any(axis=1)
        weights[np.ix_(known, families == family)] = np.array(WEIGHTS)[mean[known].argmax(axis=1)][:, None]
    mixed = np.stack([_mixed(prior, r, w[:, None]) for r, w in zip(ranks, weights, strict=True)])
    return Mixtures(prior, mixed, weights)


def _taus_of_weights(truth: np.ndarray, prior: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Weighted tau (M, W) of the mixtures of every method by every weight on one target."""
    mixed = np.stack([_mixed(prior[None], ranks, weight) for weight in WEIGHTS], axis=1)
    return weighted_taus(truth, mixed)


def _mixed(prior: np.ndarray, ranks: np.ndarray, weight: float | np.ndarray) -> np.ndarray:
    """Prior + weight * ranks, both standardised over the PTMs that have both."""
    both = np.where(np.isnan(ranks) | np.isnan(prior), np.nan, 1.0)
    return np.round(_standardised(prior * both) + weight * _standardised(ranks * both), DIGITS)


def _standardised(values: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 along the last axis; a constant is 0, NaN stays."""
    values = values - nan_mean(values, axis=-1)[..., None]
    spread = np.sqrt(nan_mean(values**2, axis=-1))[..., None]
    return values / np.where(spread > NOTHING, spread, 1.0)


def resampled_agreements(truth: np.ndarray, scores: np.ndarray, prior: np.ndarray, ptms: np.ndarray) -> np.ndarray:
    """Agreement beyond the prior (B, M, T), of the PTMs of each resample that have truth, score and prior.

    NaN where the prior leaves nothing of the truth to rank, 0 where it leaves nothing of the score. With a constant
    prior it is the plain rank correlation.

    Args:
        truth: (T, n) or (B, T, n). scores: (M, T, n). prior: (T, n). ptms: (B, n).
    """
    found = np.full((len(ptms), *scores.shape[:2]), np.nan)
    drawn = times_drawn(ptms)
    for t in range(scores.shape[1]):
        values = np.broadcast_to(truth[..., t, :], ptms.shape)
        exams, exam_of = np.unique(~np.isnan(scores[:, t]), axis=0, return_inverse=True)
        for number, exam in enumerate(exams):
            here = exam_of.ravel() == number
            there = drawn * (exam & ~np.isnan(prior[t]) & ~np.isnan(values))
            found[:, here, t] = _partial(values, np.where(exam, scores[here, t], 0.0), prior[t], there)
    return found


def _partial(truth: np.ndarray, scores: np.ndarray, prior: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(B, M) from truth (B, n), scores (M, n), prior (n,) and how often each PTM is drawn (B, n)."""
    # Twice a rank's distance from the mean rank: the number of drawn PTMs below it less the number above it.
    of_truth = np.einsum("bij,bj->bi", _above(truth), drawn)
    of_score = (drawn @ _above(scores).reshape(-1, len(prior)).T).reshape(len(drawn), *scores.shape)
    of_prior = drawn @ _above(prior).T
    tt, pp = (np.sum(drawn * v * v, axis=1)[:, None] for v in (of_truth, of_prior))
    tp = np.sum(drawn * of_truth * of_prior, axis=1)[:, None]
    weighted = drawn[:, None] * of_score
    ss, ts, sp = (np.sum(weighted * v, axis=2) for v in (of_score, of_truth[:, None], of_prior[:, None]))
    slope = np.where(pp > 0, 1.0 / np.maximum(pp, 1.0), 0.0)
    left, left_of_score = tt - tp**2 * slope, ss - sp**2 * slope
    with np.errstate(invalid="ignore", divide="ignore"):
        agreement = np.clip((ts - tp * sp * slope) / np.sqrt(left * left_of_score), -1.0, 1.0)
    agreement = np.where(left_of_score <= NOTHING * ss, 0.0, agreement)
    return np.round(np.where(left <= NOTHING * tt, np.nan, agreement), DIGITS)


def _above(values: np.ndarray) -> np.ndarray:
    """(..., n, n): 1 where PTM i is above PTM j, -1 where it is below."""
    values = np.nan_to_num(values)
    return np.sign(values[..., :, None] - values[..., None, :])
