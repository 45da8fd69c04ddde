"""The calibration of scores to accuracies for a user's data, where it can be trusted.

A benchmark's PTMs have the calibration of their benchmark. Public PTMs have that of facts/tuned.json, by task, which
`orbweaver.select.measured.tuned` made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orbweaver.core.errors import FileError
from orbweaver.data.split import about_split
from orbweaver.select import facts
from orbweaver.select.data import Data
from orbweaver.select.order import expected
from orbweaver.select.order.order import SPIDER
from orbweaver.select.zoo.named import PUBLIC
from orbweaver.tasks import TASKS, ZOO

if TYPE_CHECKING:
    from orbweaver.spider.checkpoint import Spider

OF_PUBLIC = facts.HERE / "tuned.json"
TRUSTED = 0.6  # share of left-out families' accuracies that fell into ranges of 80 %: below, none is shown


def calibrated(
    data: Data, methods: list[str], ranker: Spider | None, ptms: Iterable[str], metric: str
) -> tuple[expected.Calibration | None, str]:
    """The calibration, and what is to be said of it; None, and why, where values would be made up."""
    found, where = _calibration(data, methods, ranker, [*ptms])
    if found is None:
        return None, f"no expected {metric}: {where}"
    if found.inside < TRUSTED:
        return None, (
            f"no expected {metric}: of targets whose family the calibration left out, {found.inside:.0%} fell "
            f"into ranges that should hold {expected.INSIDE:.0%}"
        )
    return found, (
        f"expected: {metric} after fine-tuning, with its 80 % range, calibrated on {where}; of targets whose family "
        f"was left out of the calibration, {found.inside:.0%} of the values fell into the range"
    )


def of_public(task: str) -> tuple[expected.Calibration, int] | None:
    """The calibration of public PTMs, and on how many samples of each target they were ranked; None without one."""
    known = json.loads(OF_PUBLIC.read_text(encoding="utf-8")).get(task)
    if known is None:
        return None
    samples = known.pop("samples")
    return expected.Calibration(**known, regret={}, found={}, error=not TASKS[task].fraction), samples


def _calibration(
    data: Data, methods: list[str], ranker: Spider | None, ptms: list[str]
) -> tuple[expected.Calibration | None, str]:
    """The calibration, and what it was made on; None, and why there is none."""
    name, benchmark, settings = data.split.task, data.benchmark, data.settings
    few = f"the benchmark has {name} targets of under {expected.FEWEST_TARGETS} families to calibrate on"
    public = [ptm for ptm in ptms if ptm.startswith(PUBLIC)]
    if public and len(public) == len(ptms):
        if (known := of_public(name)) is None:
            return None, f"no public PTM was fine-tuned on {name} targets to calibrate on"
        (found, samples), what = known, "images" if len(data.split.images) else "texts"
        on = f"{len(found.targets)} targets of {samples} {what}, on each of which one public PTM was fine-tuned"
        return found, on
    if public:
        return None, "public PTMs and those of a benchmark are calibrated apart; rank either alone to see it"
    if not TASKS[name].fraction:
        return None, f"only tasks that are measured between 0 and 1 are calibrated, and this is a {name} target"
    if benchmark is None:
        return None, "there is no benchmark to calibrate on (--benchmark)"
    if not settings.ptms_of(ZOO[name]):
        return None, few
    from orbweaver.report import results

    try:
        truth = results.truth(benchmark, settings, ZOO[name]).query("task == @name")
        if truth.empty:
            return None, few
        scores = results.scores(benchmark, settings, ZOO[name])
        first = (f"{SPIDER}_k0", ranker.card.k) if ranker else None
        stored = {target: benchmark.split("targets", target, "train") for target in truth["dataset"].unique()}
        families = {target: about_split(path)["family"] if path.exists() else "" for target, path in stored.items()}
        found = expected.calibrate(expected.benchmark(methods, truth, scores, first, families))
        return found, f"{len(found.targets)} targets of the benchmark" if found else few
    except FileError as error:
        return None, str(error)
