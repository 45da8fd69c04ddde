"""How far a mean weighted tau would move with other targets, other PTMs and another measurement of the truth.

Everything here works on one block of arrays: truth (T, n) over T targets and n PTMs, or (B, T, n) where every resample
has its own, scores (M, T, n) of M methods, NaN where there is none.
"""

from collections.abc import Sequence

import numpy as np

from orbweaver.metrics.tau import weighted_taus

DIGITS = 12  # of a tau: equal ones stay equal, in whichever order a matrix product sums


def nan_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean without the NaN values; NaN, without a warning, where all are NaN."""
    count = np.sum(~np.isnan(values), axis=axis)
    return np.where(count > 0, np.nansum(values, axis=axis) / np.maximum(count, 1), np.nan)


def draw(families: Sequence[str], n_ptms: int, n_resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Resamples of targets and PTMs, to be used for all methods alike so that their differences are paired.

    Each resample draws F of the F families with replacement, since targets of one family are not independent evidence;
    for each family drawn, as many targets as it has, from these and with replacement; and n of the n PTMs with
    replacement, one draw for all targets since the PTMs are the same everywhere. Where every target is a family of its
    own, that is the plain bootstrap of targets. Sources: A. B. Owen, "The pigeonhole bootstrap", Annals of Applied
    Statistics 2007 (crossed factors); A. C. Davison and D. V. Hinkley, "Bootstrap Methods and their Application", 1997,
    section 3.8 (clusters).

    Args:
        families: of each of the T targets.

    Returns:
        ptms (B, n), the numbers of the PTMs drawn, and counts (B, T), how often each target is drawn.
    """
    generator = np.random.default_rng(seed)
    ptms = generator.integers(n_ptms, size=(n_resamples, n_ptms))
    family = np.unique(list(families), return_inverse=True)[1]
    sizes = np.bincount(family)
    drawn = generator.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=n_resamples)
    counts = np.empty((n_resamples, len(family)), dtype=int)
    for number, size in enumerate(sizes):
        counts[:, family == number] = generator.multinomial(drawn[:, number] * size, np.full(size, 1 / size))
    return ptms, counts


def draw_truth(truth: np.ndarray, error: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    """Another measurement of the truth (B, T, n) for each resample: truth + N(0, error^2).

    The noise is Gaussian with the known standard error. Fine-tuning seeds are not drawn with replacement instead: with
    a handful of s seeds that shows only (s - 1) / s of the variance (half with two), gives few possible values and so
    ties, and cannot use the noise as pooled over PTMs.

    Args:
        truth: (T, n). error: (T,), the standard error of one PTM's value on each target; NaN, unknown, adds nothing.
    """
    noise = np.random.default_rng(seed).standard_normal((n_resamples, *truth.shape))
    return truth + np.nan_to_num(error)[:, None] * noise


def resampled_taus(truth: np.ndarray, scores: np.ndarray, ptms: np.ndarray) -> np.ndarray:
    """Weighted taus (B, M, T) with the PTMs of each resample, and with its own truth where that is given (B, T, n)."""
    by_target = [_taus(truth[..., t, :], scores[:, t], ptms) for t in range(scores.shape[1])]
    return np.stack(by_target, axis=-1)


def resampled_means(taus: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean tau (B, M) of each method over the drawn targets that it answers; NaN where it answers none."""
    weights = np.where(np.isnan(taus), 0.0, counts[:, None, :])
    total = weights.sum(axis=2)
    return np.where(total > 0, np.nansum(weights * np.nan_to_num(taus), axis=2) / np.maximum(total, 1), np.nan)


def differences(truth: np.ndarray, scores: np.ndarray, ptms: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean tau of method i less that of method j, (B, M, M) at [b, i, j], compared on the same targets and PTMs.

    That is: over the targets that both answer, and on each target over the PTMs that both scored.
    """
    n_methods = len(scores)
    summed, total = np.zeros((2, len(ptms), n_methods, n_methods))
    for t in range(scores.shape[1]):
        exams, exam_of = np.unique(~np.isnan(scores[:, t]), axis=0, return_inverse=True)
        of_exam = [_taus(truth[..., t, :], np.where(exam, scores[:, t], np.nan), ptms) for exam in exams]
        taus = np.stack(of_exam, axis=-1)[:, :, exam_of.ravel()]  # of i on the PTMs that j scored
        gap = taus - taus.transpose(0, 2, 1)
        weight = np.where(np.isnan(gap), 0.0, counts[:, t, None, None])
        summed += weight * np.nan_to_num(gap)
        total += weight
    return np.where(total > 0, summed / np.maximum(total, 1), np.nan)


def recentred(resampled: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Resamples (B, ...) moved so that their mean is what was measured (...).

    A resampled truth holds the noise of measuring twice, once as measured and once as drawn. That pulls every tau
    towards 0 and every regret up, in all resamples alike. An interval should show the spread without this shift.
    """
    return resampled - nan_mean(resampled, axis=0) + measured


def interval(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper percentiles over the first axis, without the NaN values; NaN where all are NaN."""
    low, high = np.full((2, *values.shape[1:]), np.nan)
    known = ~np.isnan(values).all(axis=0)
    tail = 50 * (1 - level)
    if known.any():
        low[known], high[known] = np.nanpercentile(values[:, known], [tail, 100 - tail], axis=0)
    return low, high


def leave_one_ptm_out(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Mean tau (n, M) of each method without PTM number i. truth: (T, n)."""
    n_ptms = truth.shape[1]
    without = np.where(np.eye(n_ptms, dtype=bool)[:, None, :], np.nan, truth)
    return nan_mean(resampled_taus(without, scores, np.tile(np.arange(n_ptms), (n_ptms, 1))), axis=2)


def times_drawn(ptms: np.ndarray) -> np.ndarray:
    """How often each PTM is among those of each resample, (B, n), from their numbers (B, n)."""
    n_ptms = ptms.shape[1]
    rows = n_ptms * np.arange(len(ptms))[:, None]
    return np.bincount((rows + ptms).ravel(), minlength=ptms.size).reshape(ptms.shape)


def _taus(truth: np.ndarray, scores: np.ndarray, ptms: np.ndarray) -> np.ndarray:
    """Weighted taus (B, M) on one target: truth (n,) or (B, n), scores (M, n), ptms (B, n)."""
    truth = np.broadcast_to(truth, ptms.shape)
    drawn = np.where(np.isnan(truth), 0, times_drawn(ptms))
    taus = np.empty((len(ptms), len(scores)))
    exams, exam_of = np.unique(~np.isnan(scores), axis=0, return_inverse=True)
    for number, exam in enumerate(exams):
        here = exam_of.ravel() == number
        taus[:, here] = _exam_taus(truth, drawn * exam, np.where(exam, scores[here], 0.0), ptms)
    return taus


def _exam_taus(truth: np.ndarray, drawn: np.ndarray, scores: np.ndarray, ptms: np.ndarray) -> np.ndarray:
    """`weighted_taus` of M methods that scored the same PTMs, as two matrix products.

    A PTM that is drawn c times is c PTMs that tie in truth and score and stand side by side: with h the sum of 1/(r+1)
    over their places, the pairs of PTM i with PTM j weigh c_j h_i + c_i h_j together. Places depend on the truth alone,
    unless two PTMs tie in it; such resamples are computed one method at a time.
    """
    n_ptms = truth.shape[1]
    there = drawn > 0
    truth = np.where(there, truth, np.min(truth, axis=1, initial=0.0, where=there, keepdims=True) - 1.0)
    order = np.argsort(-truth, axis=1, kind="stable")
    copies = np.take_along_axis(drawn, order, axis=1)
    end = np.cumsum(copies, axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, n_ptms + 1))])
    shares = np.empty(truth.shape)
    np.put_along_axis(shares, order, harmonic[end] - harmonic[end - copies], axis=1)

    i, j = np.triu_indices(n_ptms, 1)
    weight = drawn[:, j] * shares[:, i] + drawn[:, i] * shares[:, j]
    by_truth = weight * np.sign(truth[:, i] - truth[:, j])
    by_score = np.sign(scores[:, i] - scores[:, j])
    ordered, scored = np.sum(np.abs(by_truth), axis=1, keepdims=True), weight @ np.abs(by_score).T
    with np.errstate(invalid="ignore", divide="ignore"):
        taus = np.clip(by_truth @ by_score.T / np.sqrt(ordered * scored), -1.0, 1.0)
    taus = np.where(ordered == 0, np.nan, np.where(scored == 0, 0.0, taus))

    tied = np.any((np.diff(np.take_along_axis(truth, order, axis=1), axis=1) == 0) & (copies[:, 1:] > 0), axis=1)
    if tied.any():
        left = np.take_along_axis(np.where(there, truth, np.nan), ptms, axis=1)[tied]
        for m, own in enumerate(scores):
            taus[tied, m] = weighted_taus(left, own[ptms[tied]])
    return np.round(taus, DIGITS)
