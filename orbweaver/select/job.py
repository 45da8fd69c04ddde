"""One ranking while it is made: PTMs forwarded and scored, and what is said of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orbweaver.core.errors import TargetError, UserError
from orbweaver.data.readers.labels import DataError
from orbweaver.select import cost
from orbweaver.select.data import Data
from orbweaver.select.order import expected, order, race
from orbweaver.select.order.calibrated import calibrated
from orbweaver.select.progress import counted, say, steps
from orbweaver.select.progress import minutes as in_words
from orbweaver.select.told import advice
from orbweaver.select.told.result import interval
from orbweaver.tasks import TASKS
from orbweaver.tasks.stored import Stored

if TYPE_CHECKING:
    from orbweaver.spider.checkpoint import Spider

Clock = Callable[[], float] | None
# What docs/standard/default.csv says of regressions.
AT_CHANCE = (
    "for values, no order of PTMs of about one size was shown to be better than chance (four targets of `standard`): "
    "fine-tune several of them (--verify)"
)
FEWEST_VALUES = 4  # samples of a regression: its half-samples need two
TIMED = 3  # of the first PTMs, fine-tuning is timed


class Job:
    """One ranking while it is made: what is known, and what will be said of it."""

    def __init__(
        self, data: Data, test: np.ndarray, ptms: list[Stored], prior: pd.Series, left_out: dict[str, str],
        warned: list[str], notes: list[str], what: str,
    ) -> None:  # fmt: skip
        self.data, self.test, self.ptms, self.prior, self.left_out = data, test, ptms, prior, left_out
        self.warnings, self.notes, self.what = warned, notes, what
        self.of = {ptm.card.name: ptm for ptm in ptms}
        self.advice: list[str] = []
        self.methods: list[str] = []
        self.command: list[str] = []
        self.name_them = False
        self.metric = ""
        self.calibration: expected.Calibration | None = None
        self.unit = advice.unit_of("accuracy", data.split.targets)

    def ranked(self, methods: list[str] | None, time_left: Clock) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        """The table, scores on half-samples, and on the same what the probe reaches in its unit."""
        ranker = self._first_stage(methods)
        if ranker is None:
            places, halves, level_halves = self._raced(time_left)
        else:
            from orbweaver.select.order import spider

            self._check()
            places, halves, level_halves = spider.ordered(self.ptms, self.data, ranker)
        targets = self.data.split.targets[self.data.rows]
        self.unit = advice.unit_of(self.metric, targets)
        levels = {name: advice.in_unit(level_halves[name].to_numpy(), targets, self.unit) for name in level_halves}
        level_halves = pd.DataFrame(levels)
        middle, low, high = self._expected(places, ranker)
        probe = advice.in_unit(places["level"].to_numpy(float), targets, self.unit)
        shifts = [
            np.clip(interval(value, level_halves.get(name)), *self.unit.bounds)
            for name, value in zip(places["ptm"], probe, strict=True)
        ]
        shares = order.winners(halves) if len(halves) else pd.Series(dtype=float)
        table = pd.DataFrame(
            {
                "rank": np.where(places["score"].notna(), np.arange(1, len(places) + 1.0), np.nan),
                "ptm": places["ptm"],
                "score": places["score"],
                "probe": probe,
                "probe_low": [a for a, _ in shifts],
                "probe_high": [b for _, b in shifts],
                "expected": middle,
                "low": low,
                "high": high,
                "first": shares.reindex(places["ptm"]).fillna(0.0).to_numpy(),
                "prior": self.prior[places["ptm"]].to_numpy(),
                "parameters": [self.of[name].card.n_parameters for name in places["ptm"]],
                "gmacs": np.array([self.of[name].card.gmacs for name in places["ptm"]], float),
                "forward": [cost.known_forward(self.of[name], self.data) for name in places["ptm"]],
                "samples": [len(self.data.seen(looks)) for looks in places["looks"]],
                "dropped": (places["looks"] < places["looks"].max()).to_numpy(),
                "forwards": places["forwards"],
                "seconds": places["seconds"],
                "reason": places["reason"],
                "level": places["level"],
            }
        )
        if chance := advice.no_better(table["probe"], targets, self.unit):
            self.warnings.append(chance)
        return table, halves, level_halves

    # --- stages

    def _check(self) -> None:
        """Raises TargetError where there is nothing to rank on; what was scored before was checked before."""
        from orbweaver.tasks import task

        of, many = task(self.data.split.task), len(self.data.rows)
        if not self.data.split.classes and many < FEWEST_VALUES:
            raise TargetError(
                f"target '{self.data.split.name}': {counted(many, 'sample')} of a regression cannot be ranked on; give "
                f"{FEWEST_VALUES} or more (--budget is the most that are looked at)"
            )
        of.check(self.data.split)
        if not self.data.split.classes:
            with np.errstate(over="ignore"):
                spread = self.data.split.targets.std(axis=0)
            if not np.isfinite(spread).all() or not (spread > 0).any():
                raise TargetError(f"target '{self.data.split.name}': its values are too large or too small; scale them")
        self.metric = of.metric

    def _first_stage(self, methods: list[str] | None) -> Spider | None:
        """Sets the methods to rank by; gives the spider if it is to rank."""
        inside = all(TASKS[ptm.card.task].inner for ptm in self.ptms)
        self.methods = methods or ([*order.DEFAULT] if inside else [order.LEVEL])
        if order.SPIDER not in self.methods:
            return None
        if len(self.methods) > 1:
            raise UserError("'spider' forwards few PTMs, so its scores cannot be aggregated with others; give it alone")
        from orbweaver.select.order import spider

        return spider.load(self.ptms, self.data)

    def _raced(self, time_left: Clock) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        data, methods, whole = self.data, self.methods, len(self.data.parts)
        spent: dict[str, dict[str, float]] = {name: {"forwards": 0, "seconds": 0.0} for name in self.of}
        first = 1 if len(self.ptms) > race.KEEP else whole
        many = order.HALVES if first == whole else race.HALVES_OF_A_LOOK
        early = order.before_the_last(methods)
        at = methods if first == whole else early
        new = [ptm for ptm in self.ptms if not order.is_scored(ptm, data, at, first, many)]
        if new:
            self._check()
            self._tell_time(new)

        def scored(name: str, looks: int, count: int) -> order.Scored:
            begin, ptm, asked = time.perf_counter(), self.of[name], methods if looks == whole else early
            if not order.is_scored(ptm, data, asked, looks, count):
                from orbweaver.select.order.forward import missing

                spent[name]["forwards"] += missing(ptm, data, looks, asked)
            found = order.scored(ptm, data, asked, looks, count)
            spent[name]["seconds"] += time.perf_counter() - begin
            self.metric = found.metric
            return found

        ran = race.race(
            list(self.of), whole, scored, methods, race.KEEP, time_left=time_left, last_halves=order.HALVES, early=early
        )
        self.left_out |= ran.left_out
        last = {name: one for name, one in ran.scored.items() if ran.looks[name] == max(ran.looks.values())}
        self.methods = methods = race.shared(last, methods)  # there was no time for what looks inside, or there was
        if ran.stopped:
            self.notes.append(
                "the time of --budget was over before every PTM had seen all samples; run the same command to go on"
            )
        self.notes += [f"{name} was left out: {why}" for name, why in self.left_out.items()]
        places = ran.places(methods)
        if places["score"].isna().all():
            why = next(one.reasons[m] for one in last.values() for m in methods if one.reasons[m])
            raise DataError(f"'{data.split.name}' cannot be ranked by {', '.join(methods)}: {why}")
        of = [ran.scored[name] for name in places["ptm"]]
        places["level"] = [one.scores[order.LEVEL] for one in of]
        places["reason"] = ["; ".join(filter(None, map(one.reasons.get, methods))) for one in of]
        for column in ("forwards", "seconds"):
            places[column] = [spent[name][column] for name in places["ptm"]]
        return places, order.standing_on_halves(last, methods), order.standing_on_halves(last, [order.LEVEL])

    def _tell_time(self, new: list[Stored]) -> None:
        """Before anything long: how long it takes at most."""
        from orbweaver.select.order.forward import missing

        samples, usable = {}, []
        for ptm in steps(new, "timing a batch of each PTM", "PTMs"):
            try:
                samples[ptm.card.name] = missing(ptm, self.data, methods=self.methods)
                cost.speed(ptm, self.data)
                usable.append(ptm)
            except (UserError, RuntimeError, ValueError):
                continue  # the race leaves it out and says why
        if not any(samples.values()):
            return
        seconds = sum(cost.forwarding_seconds(usable, self.data, samples).values())
        early = "; those that fall behind see fewer" if len(self.ptms) > race.KEEP and len(self.data.parts) > 1 else ""
        say(
            f"forwarding {len(self.data.split)} {self.what} through {counted(len(usable), 'PTM')} on "
            f"{cost.device_in_words()}: {in_words(seconds)} at most, estimated{early}"
        )

    # --- what is said

    def _expected(self, places: pd.DataFrame, ranker: Spider | None) -> tuple[np.ndarray, ...]:
        """Expected values and their ranges, NaN where they cannot be trusted; the notes say which."""
        self.calibration, note = calibrated(self.data, self.methods, ranker, self.of, self.unit.real)
        self.notes.append(note)
        if self.unit.error:
            self.notes.append(AT_CHANCE)
        if self.calibration is None:
            return (np.full(len(places), np.nan),) * 3
        level, score = places["level"].to_numpy(float), places["score"].to_numpy(float)
        if self.calibration.error:
            level = advice.in_unit(level, self.data.split.targets[self.data.rows], self.unit)
        return expected.ranges(self.calibration, level, score)

    def advise(self, table: pd.DataFrame, halves: pd.DataFrame, level_halves: pd.DataFrame) -> None:
        """Advice on a ranking alone, with what fine-tuning would take."""
        from orbweaver.select.tune import HELD_OUT, recipe

        seconds = {}
        for name in table.dropna(subset=["score"])["ptm"][:TIMED]:
            ptm = self.of[name]
            try:
                whole = cost.fine_tuning_seconds(ptm, self.data, recipe(ptm, self.data), 0)
            except (UserError, RuntimeError, ValueError):
                continue  # it forwards and does not train here; the advice stands without minutes
            seconds[name] = whole * (1 - HELD_OUT)
        self.advice = advice.advice(table, halves, level_halves, self.unit, self.what, self.calibration, seconds,
                                    self.command, self.name_them)  # fmt: skip

    def tuned(self, table: pd.DataFrame, top: int, folder: Path | None) -> Path | None:
        """Fine-tunes the first, adds `real` and `rate` to the table, leaves the best in the folder if one is given."""
        from orbweaver.select import tune

        first = [self.of[name] for name in table.dropna(subset=["score"])["ptm"][:top]]
        data, test = self.data, self.test
        each = [cost.fine_tuning_seconds(ptm, data, tune.recipe(ptm, data), len(test)) for ptm in first]
        say(
            f"fine-tuning {counted(len(first), 'PTM')} on {cost.device_in_words()}: about {in_words(sum(each))}; runs "
            "that were finished before are not repeated"
        )
        found = tune.fine_tuned(first, data, test)
        rates = {name: one.rate for name, one in found.items()}
        table["real"] = table["ptm"].map({name: self.unit.of_truth(one.real) for name, one in found.items()})
        table["rate"] = table["ptm"].map(rates)
        held_out = f"{len(test)} {self.what}"
        self.advice = advice.verdict(table, held_out, rates, self.unit)
        best = max(found, key=lambda name: found[name].real)
        if folder is None:
            line = advice.next_command(self.command, [one.card.name for one in first], self.name_them)
            self.advice.append(f"Next: leave it as a checkpoint: {line}")
            return None
        real = tune.leave(self.of[best], data, test, found[best], folder)
        self.advice.append(
            f"{best}, trained once more on all {len(data.rows)} {self.what} that were not kept apart ({self.unit.real} "
            f"{self.unit.of_truth(real):.4g}), is in {folder}; README.md there has the lines that load it."
        )
        return folder
