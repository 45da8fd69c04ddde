"""The truth: a PTM fine-tuned end to end on a target, and its learning rate chosen without the test split."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.cache import Cache, kept
from orbweaver.core.device import repeatable
from orbweaver.core.errors import UserError
from orbweaver.core.files import write_text
from orbweaver.core.formats.tables import read_published
from orbweaver.core.keys import key_of
from orbweaver.core.settings import FinetuneSettings
from orbweaver.data.split import Split
from orbweaver.models.training import Fit
from orbweaver.tasks.base import Task
from orbweaver.tasks.stored import Stored


@dataclass(frozen=True)
class Run:
    """One training run; `validation` and `test` are the task's truth, `second` its other measure on the test split.

    chosen: does it count, having the learning rate and weight decay that did best on the validation part?
    """

    learning_rate: float
    weight_decay: float
    seed: int
    validation: float
    test: float
    second: float | None = None
    chosen: bool = False


@kept("finetune", ".json")
def _run(path: Path, cache: Cache, task: Task, ptm: Stored, train: Split, test: Split, fraction: float,
         how: Fit, steps: int | None, threads: int) -> None:  # fmt: skip
    """One run, end to end on the fitting part, measured on the validation part and the test split."""
    repeatable(how.seed, threads)
    fit, validation = task.hold_out(train, fraction)
    model = task.load(ptm.card, ptm.folder)
    task.adapt(model, train, fit)
    epochs = math.ceil(steps * how.batch_size / len(fit)) if steps else how.epochs
    task.fit(model, train, fit, how._replace(epochs=epochs), cache)
    on_validation = task.measure(model, train, validation, cache, how.precision)
    on_test = task.measure(model, test, np.arange(len(test)), cache, how.precision)
    run = Run(how.learning_rate, how.weight_decay, how.seed, on_validation.truth, on_test.truth, on_test.second)
    write_text(path, json.dumps(asdict(run)))


def finetune(
    task: Task, ptm: Stored, train: Split, test: Split, p: FinetuneSettings, seed: int, threads: int, cache: Cache,
    known: Sequence[Run] = (),
) -> list[Run]:  # fmt: skip
    """All runs of a PTM on a target: the grid with the first seed, then the best of the grid with the other seeds.

    Each run is kept and not repeated later. known: runs of this protocol from a table, which replace the grid; seeds
    that they lack are added. Raises TargetError where nothing can be learned.
    """

    def run(rate: float, decay: float, number: int) -> Run:
        how = Fit(p.epochs, p.batch_size, rate, decay, seed + number, p.optimizer, p.precision, p.augment)
        path = _run(cache, task, ptm, train, test, p.validation_fraction, how, p.steps, threads)
        return Run(**json.loads(path.read_text()))

    task.check(train)
    grid = [*known] or [run(rate, decay, 0) for rate, decay in product(p.learning_rates, p.weight_decays)]
    counted = [one for one in known if one.chosen] or [best_run(grid)]
    rate, decay, seeds = counted[0].learning_rate, counted[0].weight_decay, {one.seed for one in counted}
    added = [run(rate, decay, number) for number in range(p.seeds) if seed + number not in seeds]
    return [Run(**asdict(one) | {"chosen": one in counted or one in added}) for one in [*grid, *added]]


def best_run(runs: list[Run]) -> Run:
    """The run with the best validation truth; of equals, that with the smallest rate, then decay. Never sees `test`."""
    return min(runs, key=lambda run: (-run.validation, run.learning_rate, run.weight_decay))


def protocol(p: FinetuneSettings, train: int, test: int) -> str:
    """A short digest of what runs of one truth have in common: the settings but `seeds`, and the numbers of samples."""
    return key_of(p.model_dump(exclude={"seeds"}), train, test)[:8]


def truth_rows(runs: list[Run], target: str, task: Task, protocol: str) -> list[dict]:
    """Runs on one target as rows of scores/finetune/<ptm>.csv."""
    common = {"task": task.name, "protocol": protocol}
    return [{"dataset": target, **asdict(run), "chosen": int(run.chosen), **common} for run in runs]


# Factors from the units of published tables to that of the truth.
UNITS = {"accuracy_percent": 0.01, "bleu": 1.0, "negative_error": 1.0}


def published_runs(folder: Path) -> pd.DataFrame | None:
    """A table of runs, as `orbweaver.pipeline.publish` writes it; None where the folder has a paper's results."""
    path = folder / "truth.csv"
    table = read_published(path, ["dataset", "ptm"]) if path.exists() else pd.DataFrame()
    return table if "protocol" in table else None


def runs_of(table: pd.DataFrame, ptm: str, target: str, protocol: str) -> list[Run]:
    """The runs of a pair in a table of runs; none where it lacks the pair. Raises UserError for another protocol's."""
    rows = table[(table["dataset"] == target) & (table["ptm"] == ptm)]
    if not (rows["protocol"] == protocol).all():
        raise UserError(
            f"truth: the table's runs of PTM '{ptm}' on target '{target}' were made with other settings under "
            "'finetune', or on other numbers of images; set these back, or let 'truth: finetune' make all runs anew"
        )
    names = list(Run.__dataclass_fields__)
    records = rows[names].astype(object).where(rows[names].notna(), None).to_dict("records")
    return [Run(**record | {"chosen": bool(record["chosen"])}) for record in records]


def published_truth(folder: Path, ptm: str, target: str, task: str) -> list[dict]:
    """A paper's value instead of runs: nothing is known about it but the result.

    Raises UserError when the table has no value for the pair.
    """
    for path in sorted(folder.glob("truth*.csv")):
        table = read_published(path, ["dataset", "ptm"])
        rows = table[(table["dataset"].str.lower() == target) & (table["ptm"] == ptm)]
        for unit in UNITS.keys() & {*table.columns}:
            for value in rows[unit]:
                unknown = {"learning_rate": "", "weight_decay": "", "seed": "", "validation": ""}
                known = {"test": round(float(value) * UNITS[unit], 6), "second": "", "chosen": 1, "task": task}
                return [{"dataset": target, **unknown, **known, "protocol": folder.name}]
    raise UserError(
        f"truth: {folder} has no value of PTM '{ptm}' on target '{target}'; remove one of them, or "
        "have it measured with 'truth: finetune'"
    )
