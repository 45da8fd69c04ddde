"""How far a mean weighted tau would move with other targets or other PTMs.

Everything here works on one block of arrays: truth (T, n) over T targets and n PTMs, scores (M, T, n) of M methods,
NaN where there is none.
"""

import numpy as np

from orbweaver.metrics.tau import weighted_taus


def nan_mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is not NaN; NaN, without a warning, where nothing is."""
    count = np.sum(~np.isnan(values), axis=axis)
    return np.where(count > 0, np.nansum(values, axis=axis) / np.maximum(count, 1), np.nan)


def draw(n_targets: int, n_ptms: int, n_resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Resamples of targets and PTMs, to be used for all methods alike so that their differences are paired.

    Each resample draws n of the n PTMs with replacement, one draw for all targets since the PTMs are the same
    everywhere, and T of the T targets with replacement. Source: the bootstrap for crossed factors, A. B. Owen,
    "The pigeonhole bootstrap", Annals of Applied Statistics 2007.

    Returns:
        ptms (B, n), the numbers of the PTMs drawn, and counts (B, T), how often each target is drawn.
    """
    generator = np.random.default_rng(seed)
    ptms = generator.integers(n_ptms, size=(n_resamples, n_ptms))
    return ptms, generator.multinomial(n_targets, np.full(n_targets, 1 / n_targets), size=n_resamples)


def resampled_taus(truth: np.ndarray, scores: np.ndarray, ptms: np.ndarray) -> np.ndarray:
    """Weighted taus (B, M, T) with the PTMs of each resample."""
    taus = np.empty((len(ptms), *scores.shape[:2]))
    # one (method, target) at a time: memory stays at B n^2
    for m, t in np.ndindex(scores.shape[:2]):
        taus[:, m, t] = weighted_taus(truth[t][ptms], scores[m, t][ptms])
    return taus


def resampled_means(taus: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean tau (B, M) of each method over the drawn targets that it answers; NaN where it answers none."""
    weights = np.where(np.isnan(taus), 0.0, counts[:, None, :])
    total = weights.sum(axis=2)
    return np.where(total > 0, np.nansum(weights * np.nan_to_num(taus), axis=2) / np.maximum(total, 1), np.nan)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper percentiles over the first axis of what is not NaN; NaN where nothing is."""
    low, high = np.full((2, *values.shape[1:]), np.nan)
    known = ~np.isnan(values).all(axis=0)
    tail = 50 * (1 - level)
    if known.any():
        low[known], high[known] = np.nanpercentile(values[:, known], [tail, 100 - tail], axis=0)
    return low, high


def differences(
    truth: np.ndarray, scores: np.ndarray, reference: int, taus: np.ndarray, ptms: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Mean tau of each method less that of method number `reference`, (B, M), where both sit the same exam.

    That is: over the targets that both answer, and on each target over the PTMs that the method scored.
    """
    same_exam = np.where(np.isnan(scores), np.nan, scores[reference])
    fewer = np.isnan(same_exam) & ~np.isnan(scores[reference])
    rival = np.repeat(taus[:, [reference], :], len(scores), axis=1)
    for m, t in np.argwhere(fewer.any(axis=2)):
        rival[:, m, t] = weighted_taus(truth[t][ptms], same_exam[m, t][ptms])
    return resampled_means(taus - rival, counts)


def leave_one_ptm_out(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Mean tau (n, M) of each method when PTM number i never existed."""
    n_ptms = truth.shape[1]
    without = np.where(np.eye(n_ptms, dtype=bool)[:, None, None, :], np.nan, truth[None, None])
    return nan_mean(weighted_taus(without, scores[None]), axis=2)
