"""What a person would say of a ranking: who leads, who is level, who can be forgotten, what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orbweaver.core.names import first_few
from orbweaver.metrics.tau import weighted_tau
from orbweaver.select.order.expected import Calibration
from orbweaver.select.order.order import ahead
from orbweaver.select.progress import minutes

BEHIND = 0.05  # a PTM that is ahead of the leader on fewer of the half-samples is told apart from it
CLOSE = 0.01  # of the unit: one point of accuracy; for values 1 % of the best error
FEWEST_FOR_TAU = 5


@dataclass(frozen=True)
class Unit:
    """How what is reached is told. name: of what the probe reaches. points: are differences points of a hundred?
    error: is lower better (a root mean squared error, in the target's own unit)? real: of what fine-tuning reaches."""

    name: str
    points: bool
    error: bool = False
    real: str = ""

    @property
    def comparable(self) -> bool:
        """Are the probe and fine-tuning told in the same unit?"""
        return self.real in ("", self.name)

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which anything lies: a share of right answers, an error; R² may be far below 0."""
        return (-np.inf if self.name == "R²" else 0.0), (1.0 if self.points else np.inf)

    def of_truth(self, truth: float) -> float:
        """What fine-tuning gave, in its unit: the truth of a regression is minus its error."""
        return -truth if self.error else truth

    def difference(self, value: float) -> str:
        return f"{100 * value:.1f} points" if self.points else f"{value:.3g}"

    def rounded(self, expected: float) -> str:
        """An expected value; an error may be of any size."""
        return f"{expected:.4g}" if self.error else f"{expected:.2f}"

    def close(self, best: float) -> float:
        return CLOSE if self.points else CLOSE * abs(best)


def unit_of(metric: str, targets: np.ndarray) -> Unit:
    """The unit of what a linear probe reaches: accuracy for classes; for several labels the variance that is explained;
    for one value its root mean squared error."""
    if targets.ndim == 1 and np.issubdtype(targets.dtype, np.integer):
        return Unit(metric, True, real=metric)
    if targets.ndim == 1:
        return Unit("RMSE", False, error=True, real="RMSE")
    return Unit("R²", True, real=metric)


def in_unit(level: np.ndarray, targets: np.ndarray, unit: Unit) -> np.ndarray:
    """What the probe reaches in its unit: R² of one value becomes an error, std(y) sqrt(1 - R²)."""
    return targets.std() * np.sqrt(np.maximum(0.0, 1 - level)) if unit.error else level


def no_better(probe: pd.Series, targets: np.ndarray, unit: Unit) -> str:
    """A warning where no PTM's probe is better than the same answer for every sample, "" where one is.

    probe: in the unit. targets: of the samples, as `Split` has them.
    """
    if probe.isna().all():
        return ""
    if unit.error:
        best, same, answer = -probe.min(), -targets.std(), "the mean"
    elif targets.ndim == 1:
        best, same, answer = probe.max(), np.bincount(targets).max() / len(targets), "the largest class"
    else:
        best, same, answer = probe.max(), 0.0, "each label's share"
    if best > same:
        return ""
    return f"no probe beats always answering {answer} ({unit.name} {abs(same):.3g}): the order of the PTMs says little"


def level_with(on_halves: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The leader, first of `names`, and those that half-samples cannot tell from it."""
    if names[0] not in on_halves:
        return list(names[:1])
    share = ahead(on_halves, names[0])
    return [name for name in names if name == names[0] or share.get(name, 0.0) >= BEHIND]


def advice(
    table: pd.DataFrame,
    on_halves: pd.DataFrame,
    level_halves: pd.DataFrame,
    unit: Unit,
    what: str,
    calibration: Calibration | None,
    seconds: dict[str, float],
    command: Sequence[str],
    name_them: bool = False,
) -> list[str]:
    """Sentences about a ranking that was not fine-tuned yet.

    table: ptm, score, probe (in the unit), expected, low, high, parameters, dropped; best first. on_halves:
    (half-sample, PTM) scores, level_halves: of the probe in the unit. seconds: of fine-tuning a PTM, where known.
    command: the ranking's own; name_them: it does not say which PTMs, so the advised ones are named.
    """
    names = table.dropna(subset=["score"])["ptm"].tolist()
    if len(names) == 1:
        said = [f"There is one PTM, {names[0]}; nothing was ranked.{_reaches(table, names[0], unit, what)}"]
        return [*said, *_should_give(table, names[0], unit), _next(names, seconds, command, name_them)]
    tied = level_with(on_halves, names)
    said = [_leader(table, level_halves, unit, what, names, tied), *_should_give(table, names[0], unit)]
    if len(tied) > 1:
        whole = "the two" if len(names) == 2 else f"all {len(names)}"
        of = f"{whole} PTMs" if len(tied) == len(names) else f"{len(tied)} of {len(names)} PTMs"
        sizes = table.set_index("ptm")["parameters"].reindex(tied)
        said.append(
            f"These {what} cannot tell {of} apart: {first_few(tied)}. The smallest of them is {sizes.idxmin()}."
        )
    forgotten = [name for name in names if name not in tied]
    advised = list(tied)
    if calibration is not None and calibration.regret:
        advised = names[: max(len(tied), min(len(names), _enough(calibration)))]
        forgotten = [name for name in forgotten if name not in advised]
    elif len(tied) == 1:
        advised, forgotten = names[:2], [name for name in forgotten if name != names[1]]
    if forgotten:
        dropped = int(table.set_index("ptm")["dropped"].reindex(forgotten).sum())
        early = f"; {dropped} of them {'was' if dropped == 1 else 'were'} dropped early" if dropped else ""
        said.append(f"Forget {first_few(forgotten)}: clearly behind on the same {what}{early}.")
    if cheap := _cheapest(table, unit):
        said.append(cheap)
    if calibration is not None and len(advised) in calibration.regret:
        k = len(advised)
        said.append(
            f"On the benchmark the first {k} held the best PTM on {calibration.found[k]} of {len(calibration.targets)} "
            f"targets, and stopping there lost {100 * calibration.regret[k]:.1f} points on average."
        )
    return [*said, _next(advised, seconds, command, name_them)]


def _enough(calibration: Calibration) -> int:
    """How many of the first lose no more than a point on the benchmark."""
    return next((k for k, lost in calibration.regret.items() if lost <= CLOSE), len(calibration.regret))


def _reaches(table: pd.DataFrame, name: str, unit: Unit, what: str) -> str:
    value = table.set_index("ptm")["probe"].get(name, np.nan)
    if np.isnan(value):
        return ""
    verb = "errs by" if unit.error else "reaches"
    return f" A linear model on its features {verb} {value:.3g} ({unit.name}) on these {what}."


def _should_give(table: pd.DataFrame, name: str, unit: Unit) -> list[str]:
    """A sentence on what fine-tuning a PTM should give, where anything is expected."""
    row = table.set_index("ptm").loc[name]
    if np.isnan(row["expected"]):
        return []
    about, low, high = (unit.rounded(row[column]) for column in ("expected", "low", "high"))
    verb = "err by" if unit.error else "reach"
    return [f"Fine-tuned, {name} should {verb} about {about} ({unit.real}); the 80 % range is {low} to {high}."]


def _leader(table: pd.DataFrame, halves: pd.DataFrame, unit: Unit, what: str, names: list[str], tied: list[str]) -> str:
    first = names[0]
    said = f"{first} {'leads' if len(tied) == 1 else 'comes first'}.{_reaches(table, first, unit, what)}"
    rival = next((name for name in names[1:] if name not in tied), None) if len(tied) > 1 else names[1]
    if rival is None or not {first, rival} <= {*halves}:
        return said
    values = table.set_index("ptm")["probe"]
    sign = -1 if unit.error else 1
    gap = sign * (values[first] - values[rival])
    low, high = np.nanquantile(sign * (halves[first] - halves[rival]), [0.05, 0.95])
    if not gap > 0:
        return said
    who = "the next" if len(tied) == 1 else "the first that can be told from it"
    return (
        f"{said} That is {unit.difference(gap)} {'less' if unit.error else 'more'} than {who}, {rival} "
        f"({unit.difference(low)} to {unit.difference(high)} on nine in ten half-samples)."
    )


def _cheapest(table: pd.DataFrame, unit: Unit) -> str:
    known = table[table["probe"].notna() & ~table["dropped"].astype(bool)]
    if len(known) < 2:
        return ""
    sign = -1 if unit.error else 1
    best = known.loc[(sign * known["probe"]).idxmax()]
    near = known[sign * (best["probe"] - known["probe"]) <= unit.close(best["probe"])]
    cheap = near.loc[near["parameters"].idxmin()]
    if cheap["parameters"] >= best["parameters"]:
        return ""
    within = "one point" if unit.points else "1 %"
    lost = sign * (best["probe"] - cheap["probe"])
    return (
        f"Cheapest within {within} of the best: {cheap['ptm']}, {cheap['parameters'] / 1e6:.1f} M parameters instead "
        f"of {best['parameters'] / 1e6:.1f} M, for {unit.difference(lost)}."
    )


def _next(advised: list[str], seconds: dict[str, float], command: Sequence[str], name_them: bool) -> str:
    k = len(advised)
    which = " and ".join(advised) if k < 3 else f"the first {k}"
    known = [seconds[name] for name in advised if name in seconds]
    # what was not timed is taken to cost as much as those that were
    time = f", about {minutes(sum(known) / len(known) * k)} here" if known else ""
    best = " and keep the best" if k > 1 else ""
    return f"Next: fine-tune {which}{best}{time}: {next_command(command, advised, name_them)}"


def next_command(command: Sequence[str], advised: Sequence[str], name_them: bool) -> str:
    """The command that fine-tunes the advised PTMs, to be copied into a shell."""
    named = [word for name in advised for word in ("--ptm", name)] if name_them else []
    return shlex.join([*command, *named, "--tune", str(len(advised))])


def verdict(table: pd.DataFrame, held_out: str, rates: dict[str, float], unit: Unit) -> list[str]:
    """Sentences about a ranking whose first places were fine-tuned: predicted against real.

    table: ptm, score, probe, expected, low, high, real (in its unit). held_out: what they were measured on.
    """
    table = table.dropna(subset=["real"])
    sign = -1 if unit.error else 1
    top = sign * (sign * table["real"]).max()
    best = table.loc[table["real"] == top, "ptm"].tolist()
    said = [
        f"Fine-tuned and measured on {held_out} kept apart, {' and '.join(best)} {'is' if len(best) == 1 else 'are'} "
        f"best: {unit.real} {_told(top, unit)}, with learning rate {rates[best[0]]:g}."
    ]
    if len(table) > 1 and best[0] != table["ptm"].iloc[0]:
        first = table.iloc[0]
        lost, what = abs(top - first["real"]), "more" if unit.error else "less"
        said.append(
            f"The ranking had {first['ptm']} first ({_told(first['real'], unit)}), {unit.difference(lost)} {what}."
        )
    elif len(table) > 1:
        said.append("The ranking had it first.")
    if table["expected"].notna().all():
        inside = int(((table["low"] <= table["real"]) & (table["real"] <= table["high"])).sum())
        said.append(f"{inside} of {len(table)} lie in the range that was expected of them.")
    if len(table) >= FEWEST_FOR_TAU:
        tau = weighted_tau(sign * table["real"], table["score"])
        said.append(f"Weighted tau of the score and what fine-tuning gave, over these {len(table)}: {tau:.2f}.")
    if not unit.comparable:
        said.append(
            f"The probe's {unit.name} and fine-tuning's {unit.real} are different measures: their orders can be "
            "compared, not their values."
        )
    return said


def _told(value: float, unit: Unit) -> str:
    """What fine-tuning gave; an error may be of any size."""
    return f"{value:.4g}" if unit.error else f"{value:.3f}"
