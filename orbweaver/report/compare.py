"""Methods side by side: what they add to the prior, which is better, what following them costs, and where."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orbweaver.methods import looks_inside
from orbweaver.metrics.budget import mean_regrets
from orbweaver.metrics.gain import Mixtures, resampled_agreements
from orbweaver.metrics.intervals import (
    differences,
    draw,
    draw_truth,
    interval,
    nan_mean,
    recentred,
    resampled_taus,
)
from orbweaver.report.priors import family_out, with_family

BUDGETS = (1, 3, 5)  # PTMs that are fine-tuned
TOP = 10
BINS = {  # groups of targets by a column of the truth: upper ends, and how the groups are called
    "classes": ((2, 5, 10, 20, np.inf), ("2", "3 to 5", "6 to 10", "11 to 20", "over 20")),
    "train": ((100, 200, 400, np.inf), ("up to 100", "101 to 200", "201 to 400", "over 400")),
}


@dataclass(frozen=True)
class Exam:
    """The headline targets of a zoo as arrays, and the resamples that every interval is made from.

    truth (T, n) and scores (M, T, n) as measured; drawn (B, T, n), ptms (B, n), counts (B, T) as
    `orbweaver.metrics.intervals` draws them.
    """

    methods: list[str]
    truth: np.ndarray
    scores: np.ndarray
    drawn: np.ndarray
    ptms: np.ndarray
    counts: np.ndarray

    @property
    def as_measured(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """truth, ptms and counts of the one sample that is the zoo itself."""
        n_targets, n_ptms = self.truth.shape
        return self.truth, np.arange(n_ptms)[None], np.ones((1, n_targets), int)

    @property
    def resampled(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.drawn, self.ptms, self.counts


@dataclass(frozen=True)
class Sampled:
    """A value as measured (...), and in the resamples (B, ...)."""

    value: np.ndarray
    samples: np.ndarray

    @property
    def recentred(self) -> "Sampled":
        return Sampled(self.value, recentred(self.samples, self.value))


def exam_of(
    truth: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    families: Mapping[str, str],
    errors: Mapping[str, float],
    seed: int,
    n_resamples: int,
) -> Exam:
    """truth: the headline targets, one row each; tables: of each method. families, errors: by target."""
    targets, values = list(truth.index), truth.to_numpy(float)
    scores = np.stack([table.loc[targets].to_numpy(float) for table in tables.values()])
    ptms, counts = draw([families[target] for target in targets], values.shape[1], n_resamples, seed)
    drawn = draw_truth(values, np.array([errors[target] for target in targets]), n_resamples, seed + 1)
    return Exam(list(tables), values, scores, drawn, ptms, counts)


def lead(exam: Exam, scores: np.ndarray) -> Sampled:
    """Mean tau of every row of scores (M, T, n) less that of every other, on the same targets and PTMs: (M, M)."""

    def of(truth: np.ndarray, ptms: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return differences(truth, scores, ptms, counts)

    return Sampled(of(*exam.as_measured)[0], of(*exam.resampled)).recentred


def regrets(exam: Exam, unit: float) -> Sampled:
    """Mean regret of every method for every number of PTMs fine-tuned (M, n), times unit.

    The resamples are not recentred: noise raises all regrets alike, which cancels in a difference of two, and most
    differences of two good methods are exactly 0 and have to stay 0.
    """

    def of(truth: np.ndarray, ptms: np.ndarray, counts: np.ndarray) -> np.ndarray:
        return unit * mean_regrets(truth, exam.scores, ptms, counts)

    return Sampled(of(*exam.as_measured)[0], of(*exam.resampled))


def regret_table(regret: Sampled, methods: list[str]) -> pd.DataFrame:
    """Columns method, k, regret, low, high."""
    low, high = (np.clip(end, 0, None) for end in interval(regret.recentred.samples))
    rows = [
        (method, k + 1, regret.value[m, k], low[m, k], high[m, k])
        for m, method in enumerate(methods)
        for k in range(regret.value.shape[1])
    ]
    return pd.DataFrame(rows, columns=["method", "k", "regret", "low", "high"])


def gains(exam: Exam, mixed: Mixtures, rows: list[int]) -> pd.DataFrame:
    """What each method adds to the prior; see `orbweaver.metrics.gain`.

    Args:
        mixed: of all targets of the zoo; rows: which of these are the exam's.

    Returns:
        index method; prior, with_prior: mean tau of the prior and of prior + w method, on the PTMs that the method
        scored; weight: mean w; gain, its interval gain_low, gain_high; agreement with what the prior leaves of the
        truth, agreement_low, agreement_high.
    """
    both = np.concatenate([mixed.scores[:, rows], mixed.prior[None, rows]])
    taus = nan_mean(resampled_taus(exam.truth, both[:-1], exam.as_measured[1])[0], axis=1)
    gap = lead(exam, both)
    gain = Sampled(gap.value[:-1, -1], gap.samples[:, :-1, -1])
    agreement = _agreement(exam, mixed.prior[rows])
    table = {"prior": taus - gain.value, "with_prior": taus, "weight": nan_mean(mixed.weights[:, rows], axis=1)}
    for name, sampled in (("gain", gain), ("agreement", agreement)):
        low, high = (np.clip(end, -1, 1) for end in interval(sampled.samples))
        table |= {name: sampled.value, f"{name}_low": low, f"{name}_high": high}
    return pd.DataFrame(table, index=pd.Index(exam.methods, name="method"))


def _agreement(exam: Exam, prior: np.ndarray) -> Sampled:
    def of(truth: np.ndarray, ptms: np.ndarray, counts: np.ndarray) -> np.ndarray:
        found = resampled_agreements(truth, exam.scores, prior, ptms)
        weight = np.where(np.isnan(found), 0, counts[:, None])
        total = weight.sum(axis=2)
        return np.where(total > 0, np.sum(weight * np.nan_to_num(found), axis=2) / np.maximum(total, 1), np.nan)

    return Sampled(of(*exam.as_measured)[0], of(*exam.resampled)).recentred


def pairs(gap: Sampled, regret: Sampled, tau: pd.DataFrame, passes: pd.Series, methods: list[str]) -> pd.DataFrame:
    """Every pair of methods, in the order of tau: which is better, with what probability, and at what cost.

    Returns:
        columns method, other; difference of their mean tau, its interval low, high; probability: share of the resamples
        in which method is ahead, a tie counting half; for each k of BUDGETS regret_<k>, the method's mean regret less
        the other's, its interval regret_<k>_low, regret_<k>_high; forward_passes, other_forward_passes a target.
    """
    place = {method: number for number, method in enumerate(methods)}
    ranked = [place[method] for method in tau.index]
    first, second = (np.array(ranked)[index] for index in np.triu_indices(len(ranked), 1))
    names = np.array(methods, dtype=object)
    low, high = interval(gap.samples[:, first, second])
    ahead = gap.samples[:, first, second]
    wins = np.where(np.isnan(ahead), np.nan, 0.5 * (1 + np.sign(ahead)))
    table = {"method": names[first], "other": names[second]}
    table |= {"difference": gap.value[first, second], "low": low, "high": high, "probability": nan_mean(wins, axis=0)}
    for k in BUDGETS:
        at = min(k, regret.value.shape[1]) - 1
        low, high = interval(regret.samples[:, first, at] - regret.samples[:, second, at])
        table |= {f"regret_{k}": regret.value[first, at] - regret.value[second, at]}
        table |= {f"regret_{k}_low": low, f"regret_{k}_high": high}
    table |= {"forward_passes": passes.loc[names[first]].to_numpy()}
    table |= {"other_forward_passes": passes.loc[names[second]].to_numpy()}
    return pd.DataFrame(table)


def forward_passes(
    measures: pd.DataFrame, images: Mapping[str, float], blind: set[str], forwards: Mapping[str, int]
) -> pd.Series:
    """Images times PTMs that a method forwards on a target, on average; NaN where the number of images is unknown.

    Args:
        measures: rows of the targets to average over; columns method, dataset, n_scored.
        images: of each target's training split. blind: methods that forward nothing. forwards: PTMs that a method
            forwards, where that is not all that it scores.

    An image counts twice where a method looks inside the PTM: one more pass fits its batch normalisation.
    """
    n_ptms = [
        0 if method in blind else forwards.get(with_family(method), scored) * (2 if looks_inside(method) else 1)
        for method, scored in zip(measures["method"], measures["n_scored"], strict=True)
    ]
    passes = measures["dataset"].map(images) * n_ptms
    return passes.groupby(measures["method"], sort=False).mean()


def where(tau: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Mean tau of every method by groups of targets: columns method, by, group, n_targets (that it answers), tau.

    Args:
        tau: one row a method, one column a target. targets: index target; columns task, family and those of BINS that
            are known. A target whose value is unknown, as the classes of a regression, is in no group of that column.
    """
    rows = []
    for by in [column for column in ("family", "classes", "train", "task") if column in targets]:
        for group, members in _groups(targets[by], by).items():
            values = tau[members].to_numpy(float)
            counts, means = np.sum(~np.isnan(values), axis=1), nan_mean(values, axis=1)
            rows += [(m, by, group, n, mean) for m, n, mean in zip(tau.index, counts, means, strict=True)]
    return pd.DataFrame(rows, columns=["method", "by", "group", "n_targets", "tau"])


def _groups(values: pd.Series, by: str) -> dict[str, list[str]]:
    if by not in BINS:
        return {str(group): list(part.index) for group, part in values.groupby(values, sort=False)}
    ends, names = BINS[by]
    place = np.searchsorted(ends, values.dropna().to_numpy(float))
    members = {name: list(values.dropna().index[place == number]) for number, name in enumerate(names)}
    return {name: targets for name, targets in members.items() if targets}


def honest(methods: list[str]) -> list[str]:
    """The methods without those that learned from the target's own family, where a row that did not is listed too."""
    return [method for method in methods if family_out(method) not in methods]


def leaders(tau: pd.DataFrame) -> list[str]:
    """The TOP methods by mean, of `honest` ones, best first."""
    means = tau["mean"].loc[honest(list(tau.index))].dropna()
    return list(means.sort_values(ascending=False, kind="stable").index[:TOP])


def width_in_words(tau: pd.DataFrame, pairs: pd.DataFrame) -> str:
    """How sure an order of the leaders is, in a sentence; nothing where there is no pair of them."""
    names = leaders(tau)
    width = typical_width(pairs, names)
    if not np.isfinite(width):
        return ""
    return f"The interval of a difference between two of the first {len(names)} is {width:.2f} wide (median)."


def typical_width(pairs: pd.DataFrame, methods: list[str]) -> float:
    """Median width of the interval of a difference between two of these methods; NaN if there is no pair."""
    rows = pairs[pairs["method"].isin(methods) & pairs["other"].isin(methods)]
    return float((rows["high"] - rows["low"]).median()) if len(rows) else np.nan
