"""What a score means in accuracy: calibrated on targets where scores and fine-tuned accuracies are both known.

An accuracy is whatever truth of the task lies between 0 and 1: of several labels, mean average precision. With t a
target of the benchmark of the same task, i a PTM, a_ti its fine-tuned accuracy, q_ti the leave-one-out accuracy of a
ridge probe on its frozen features (of several labels its R^2), s_ti the method's score, logit(a) = log(a / (1 - a)):

    logit(a_ti) = L_t + gain + slope * S_t * (s_ti - mean_i s_ti) / std_i(s_ti),
    L_t, S_t = mean and standard deviation of logit(q_ti) over the PTMs that were forwarded; S_t = 1 where these are
               neither all nor five

A target's level and spread come from the probe, which any target has; the method gives the order; gain (what
fine-tuning adds) and slope (>= 0) are fitted by least squares, each target weighing the same. The range is

    +- t(0.9; F - 1) * sqrt(mean_t mean_i r_ti^2),

an 80 % prediction interval, with r_ti the residuals on a target whose family the fit left out, t Student's quantile
with as many degrees of freedom as there are families but one: PTMs of one target share their error, targets of one
family are as good as seen, and neither is further evidence.

Of public PTMs gain and width come from targets on which one of them was fine-tuned (docs/public/tuned.csv), whose own
probe is then L_t; slope comes from a benchmark.

A regression's root mean squared error e has -log(e) in the place of logit(a); q_ti is then the probe's error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import expit, logit

from orbweaver.core.errors import FileError
from orbweaver.metrics.measures import regret_at_k
from orbweaver.select.order.order import LEVEL, combined

INSIDE = 0.8
FEWEST_TARGETS = 3  # of as many families
FEWEST_FOR_SPREAD = 5  # PTMs
Part = tuple[np.ndarray, np.ndarray]  # of one target, by PTM: logits of the truth above L_t, and what slope multiplies
CLIP = 0.005  # an accuracy of 0 or 1 has no finite logit


@dataclass(frozen=True)
class Calibration:
    """gain, slope, width: of the formula above. targets: T. inside: share of the benchmark's accuracies that fell into
    the range when their target's family was left out of everything. regret: by k, what fine-tuning only the first k
    would have lost in accuracy, mean over targets. found: by k, on how many targets the first k held the best PTM.
    families: F. error: are truths and levels errors, not fractions?
    """

    gain: float
    slope: float
    width: float
    targets: list[str]
    inside: float
    regret: dict[int, float]
    found: dict[int, int]
    families: int = 0
    error: bool = False


def benchmark(
    methods: Sequence[str],
    truth: pd.DataFrame,
    scores: pd.DataFrame,
    first: tuple[str, int] | None = None,
    families: Mapping[str, str] = MappingProxyType({}),
) -> pd.DataFrame:
    """dataset, family, ptm, truth, level and score (of the methods, combined) on the benchmark's targets of one task.

    truth: dataset, ptm, value. scores: dataset, ptm, method, score. families: of the targets; one without is alone.
    first: a method and k; levels are then known of
    its first k PTMs on each target alone, as they are where no others are forwarded.

    Raises FileError when the benchmark has no scores of one of the methods.
    """
    truth = truth.rename(columns={"value": "truth"})
    scores = scores.pivot(index=["dataset", "ptm"], columns="method", values="score")
    needed = (*methods, LEVEL, *(first[:1] if first else ()))
    if lacking := [method for method in needed if method not in scores]:
        raise FileError(f"the benchmark has no scores of '{lacking[0]}'; add it to 'methods' in params.yaml")
    parts = []
    for target, rows in truth.groupby("dataset", sort=False):
        of = scores.loc[target].reindex(rows["ptm"])
        level = of[LEVEL] if first is None else of[LEVEL].where(of[first[0]].rank(ascending=False) <= first[1])
        parts.append(rows.assign(score=combined(of, methods), level=level.to_numpy()))
    table = pd.concat(parts)[["dataset", "ptm", "truth", "level", "score"]]
    table.insert(1, "family", [families.get(target) or target for target in table["dataset"]])
    return table.dropna(subset=["truth", "score"]).reset_index(drop=True)


def terms(level: np.ndarray, score: np.ndarray, error: bool = False) -> tuple[float, np.ndarray]:
    """L_t and S_t * standardised score, of one target; a level that is not known is NaN."""
    known = ~np.isnan(level)
    logits = linked(level[known], error)
    spread = score.std()
    centred = (score - score.mean()) / spread if spread > 0 else np.zeros(len(score))
    known_spread = known.all() or known.sum() >= FEWEST_FOR_SPREAD
    return float(logits.mean()), (float(logits.std()) if known_spread else 1.0) * centred


def linked(value: np.ndarray, error: bool) -> np.ndarray:
    """logit of fractions, -log of errors: more is better."""
    return -np.log(np.maximum(value, np.finfo(float).tiny)) if error else logit(np.clip(value, CLIP, 1 - CLIP))


def unlinked(value: np.ndarray, error: bool) -> np.ndarray:
    """The fractions or errors that `linked` has these values for."""
    return np.exp(-value) if error else expit(value)


def calibrate(table: pd.DataFrame, error: bool = False) -> Calibration | None:
    """Fits gain, slope and width to a `benchmark` table; None where its families are under `FEWEST_TARGETS`.

    error: truths and levels are errors.
    """
    of_family: dict[str, list[Part]] = {}
    for (family, _), rows in table.groupby(["family", "dataset"], sort=False):
        level, deviation = terms(rows["level"].to_numpy(), rows["score"].to_numpy(), error)
        of_family.setdefault(family, []).append((linked(rows["truth"].to_numpy(), error) - level, deviation))
    families = list(of_family.values())
    if len(families) < FEWEST_TARGETS:
        return None
    gain, slope = _fit(families)
    inside = []
    for i, left_out in enumerate(families):
        others = families[:i] + families[i + 1 :]
        at, by = _fit(others)
        for above, deviation in left_out:
            inside += list(np.abs(above - at - by * deviation) <= _width(others))
    regret, found = {}, {}
    by_target = [rows for _, rows in table.groupby("dataset", sort=False)]
    for k in range(1, max(len(rows) for rows in by_target) + 1):
        lost = [regret_at_k(-rows["truth"] if error else rows["truth"], rows["score"], k) for rows in by_target]
        regret[k], found[k] = float(np.mean(lost)), int(np.sum(np.array(lost) == 0))
    targets = table["dataset"].unique().tolist()
    share = float(np.mean(inside))
    return Calibration(gain, slope, _width(families), targets, share, regret, found, len(families), error)


def _fit(families: list[list[Part]]) -> tuple[float, float]:
    parts = [part for family in families for part in family]
    # deviations sum to zero on each target, so gain and slope are fitted apart
    gain = float(np.mean([above.mean() for above, _ in parts]))
    both = np.mean([(above * deviation).mean() for above, deviation in parts])
    own = np.mean([(deviation**2).mean() for _, deviation in parts])
    return gain, max(0.0, float(both / own)) if own > 0 else 0.0


def _width(families: list[list[Part]]) -> float:
    squares = []
    for i, left_out in enumerate(families):
        gain, slope = _fit(families[:i] + families[i + 1 :])
        squares += [np.mean((above - gain - slope * deviation) ** 2) for above, deviation in left_out]
    return float(stats.t.ppf((1 + INSIDE) / 2, len(families) - 1) * np.sqrt(np.mean(squares)))


def ranges(calibration: Calibration, level: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, ...]:
    """Expected accuracy (or error) of each PTM, and the low and high end of its 80 % range; NaN without a score."""
    known = ~np.isnan(score)
    expected, low, high = np.full((3, len(score)), np.nan)
    if known.any() and not np.isnan(level).all():
        at, deviation = terms(level[known], score[known], calibration.error)
        middle = at + calibration.gain + calibration.slope * deviation
        expected[known] = unlinked(middle, calibration.error)
        ends = [unlinked(middle + side * calibration.width, calibration.error) for side in (-1, 1)]
        low[known], high[known] = np.minimum(*ends), np.maximum(*ends)
    return expected, low, high
