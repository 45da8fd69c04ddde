"""Average ranks of the methods over targets, and whether they differ at all.

Source: J. Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 2006.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Ranks:
    """average_rank (M,), 1 the best; the Friedman test's p-value; and Nemenyi's critical difference of two ranks."""

    average_rank: np.ndarray
    p_value: float
    critical_difference: float


def average_ranks(values: np.ndarray, level: float = 0.95) -> Ranks:
    """Ranks M methods on each of T targets, ties sharing their mean rank, and averages over the targets.

    Friedman's test asks whether all M have one and the same expected rank; where it cannot reject that, no pair
    should be compared. Two methods differ, at the level given, if their average ranks are further apart than

        CD = q / sqrt(2) * sqrt(M (M + 1) / (6 T)),   q the studentized range's quantile for M groups, infinite df.

    Args:
        values: (M, T), higher is better. A method with a NaN on some target is left out: its rank is NaN and the
            others are ranked without it.
    """
    complete = ~np.isnan(values).any(axis=1)
    average = np.full(len(values), np.nan)
    n_methods, n_targets = int(complete.sum()), values.shape[1]
    if n_methods < 2 or n_targets < 2:
        return Ranks(average, np.nan, np.nan)
    ranks = stats.rankdata(-values[complete], axis=0)
    average[complete] = ranks.mean(axis=1)
    everywhere_tied = np.all(ranks == ranks[0])
    p_value = 1.0 if everywhere_tied else _friedman(ranks)
    quantile = stats.studentized_range.ppf(level, n_methods, np.inf) / np.sqrt(2)
    return Ranks(average, p_value, float(quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * n_targets))))


def _friedman(ranks: np.ndarray) -> float:
    # scipy asks for three methods; the chi-square approximation is Friedman's own and rough for few targets
    return float(stats.friedmanchisquare(*ranks).pvalue) if len(ranks) > 2 else np.nan
