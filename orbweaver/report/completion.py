"""What the records of other targets say of a target on which a few PTMs were fine-tuned: low-rank completion.

On each target the PTMs stand in order, y_i = 0 for the worst to 1 for the best (`places`). Over the other T - 1 targets
PTM i has the mean place m_i, and the deviations from it, a matrix of targets and PTMs, are U S V^T. A target is

    y = m + F u + noise,     F = V_r S_r / sqrt(T - 2),     u ~ N(0, I_r),     noise ~ N(0, ridge I)

that is probabilistic PCA (Tipping and Bishop, "Probabilistic principal component analysis", JRSS B 1999). The i-th
worst of K known PTMs is given the place i / (K + 1), which it has on average when the K are drawn at random: so neither
the unit nor the spread of the truth on the target has to be known. The expectation of u given them,

    u = (F_K^T F_K + ridge I)^-1 F_K^T (y_K - m_K),

is ridge regression on the factors of the known PTMs, and m + F u ranks the others. r = 0 is the mean place elsewhere.
Rank and ridge are those of the least squared error on the other targets, each left out in its turn together with the
examined one, which has no part in the choice.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.stats import rankdata

from orbweaver.metrics.intervals import nan_mean

RANKS, RIDGES = (1, 2, 3, 5), (0.01, 0.03, 0.1, 0.3)
GRID = ((0, 1.0), *product(RANKS, RIDGES))  # rank, ridge
INNER_DRAWS = 4


def places(truth: np.ndarray) -> np.ndarray:
    """Each row's values (T, n) by their order, ties sharing their mean: 0 the worst, 1 the best; NaN stays NaN."""
    known = np.sum(~np.isnan(truth), axis=1, keepdims=True)
    return (rankdata(truth, axis=1, nan_policy="omit") - 1) / np.maximum(known - 1, 1)


def factors(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean place m (n,) of every PTM over the targets, and F (n, min(T, n)) by falling singular value.

    Args:
        records: places (T, n), NaN where a PTM was not fine-tuned; it deviates by 0 there. m is NaN without a record.
    """
    mean = nan_mean(records, axis=0)
    _, s, v = np.linalg.svd(np.nan_to_num(records - mean), full_matrices=False)
    return mean, (v * s[:, None]).T / np.sqrt(max(len(records) - 1, 1))


def complete(
    mean: np.ndarray, f: np.ndarray, known: np.ndarray, truth: np.ndarray, rank: int, ridge: float
) -> np.ndarray:
    """Predicted places (n,) of all PTMs on a target.

    Args:
        mean, f: m and F of the other targets. rank, ridge: r and the variance of the noise.
        known: numbers (K,) of the PTMs that were fine-tuned on the target. truth: what they reached (K,).
    """
    if rank == 0 or len(known) == 0:
        return mean
    return mean + _moved(f[:, :rank], known, _surprise(mean, known, truth), (ridge,))[0]


def _surprise(mean: np.ndarray, known: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """y_K - m_K (K,)."""
    return rankdata(truth) / (len(truth) + 1) - mean[known]


def _moved(f: np.ndarray, known: np.ndarray, surprise: np.ndarray, ridges: tuple[float, ...]) -> np.ndarray:
    """F u (ridges, n) for each ridge."""
    seen = f[known]
    noise = np.multiply.outer(ridges, np.eye(seen.shape[1]))
    u = np.linalg.solve(seen.T @ seen + noise, (seen.T @ surprise)[:, None])
    return u[..., 0] @ f.T


@dataclass(frozen=True)
class Completed:
    """Scores (draws, T, n) of completion and of the mean place elsewhere; NaN for the known PTMs, which are not tested.

    chosen: rank and ridge on each target.
    """

    scores: np.ndarray
    prior: np.ndarray
    chosen: list[tuple[int, float]]


def leave_one_out(truth: np.ndarray, k: int, draws: int, seed: int) -> Completed:
    """Completes each target from the others and from k PTMs, which are drawn anew `draws` times.

    Args:
        truth: (T, n) with T >= 3, NaN where a PTM was not fine-tuned; higher is better.

    Raises:
        ValueError: fewer than three targets, or a target with no more than k PTMs.
    """
    if len(truth) < 3:
        raise ValueError(f"completion needs three targets, got {len(truth)}")
    generator = np.random.default_rng([seed, k])
    ordered = places(truth)
    scores = np.full((draws, *truth.shape), np.nan)
    prior, chosen = scores.copy(), []
    for target in range(len(truth)):
        rank, ridge = _choose(truth, ordered, target, k, generator)
        chosen.append((rank, ridge))
        mean, f = factors(np.delete(ordered, target, axis=0))
        for number in range(draws):
            known, others = _drawn(truth[target], mean, k, generator)
            found = complete(mean, f, known, truth[target, known], rank, ridge)
            scores[number, target, others], prior[number, target, others] = found[others], mean[others]
    # equal means of ranks stay equal, in whichever order they were summed
    return Completed(scores.round(12), prior.round(12), chosen)


def _drawn(
    truth: np.ndarray, mean: np.ndarray, k: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    there = np.flatnonzero(~np.isnan(truth) & ~np.isnan(mean))
    if len(there) <= k:
        raise ValueError(f"{k} known PTMs leave none to rank: a target has {len(there)}")
    known = generator.choice(there, k, replace=False)
    return known, there[~np.isin(there, known, kind="table")]


def _choose(
    truth: np.ndarray, ordered: np.ndarray, target: int, k: int, generator: np.random.Generator
) -> tuple[int, float]:
    """Rank and ridge that do best on the other targets; of equals the first of GRID. Never sees `target`."""
    errors = np.zeros(len(GRID))
    for inner in range(len(truth)):
        if inner == target:
            continue
        mean, f = factors(np.delete(ordered, [target, inner], axis=0))
        for _ in range(INNER_DRAWS):
            known, others = _drawn(truth[inner], mean, k, generator)
            surprise = _surprise(mean, known, truth[inner, known])
            moved = [np.zeros((1, len(mean))), *(_moved(f[:, :rank], known, surprise, RIDGES) for rank in RANKS)]
            errors += np.mean(((mean + np.concatenate(moved))[:, others] - ordered[inner, others]) ** 2, axis=1)
    return GRID[int(np.argmin(errors.round(9)))]
