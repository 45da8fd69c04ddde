"""The truth: a PTM fine-tuned end to end on a target, and its learning rate chosen without the test split."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path

import numpy as np

from orbweaver.core.cache import Cache, kept
from orbweaver.core.device import repeatable
from orbweaver.core.errors import UserError
from orbweaver.core.files import write_text
from orbweaver.core.formats.tables import read_published
from orbweaver.core.settings import FinetuneSettings
from orbweaver.data.split import Split
from orbweaver.models.training import Fit
from orbweaver.tasks.base import Task
from orbweaver.tasks.stored import Stored


@dataclass(frozen=True)
class Run:
    """One training run; `validation` and `test` are the task's truth, `second` its other measure on the test split.

    chosen: is it one of those that count, of the learning rate and weight decay that did best on the validation part?
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
    task: Task, ptm: Stored, train: Split, test: Split, p: FinetuneSettings, seed: int, threads: int, cache: Cache
) -> list[Run]:
    """All runs of a PTM on a target: the grid with the first seed, then the best of it with the others.

    Each run is kept; those that were done before are not repeated. Raises TargetError where nothing can be learned.
    """

    def run(rate: float, decay: float, number: int) -> Run:
        how = Fit(p.epochs, p.batch_size, rate, decay, seed + number, p.optimizer, p.precision, p.augment)
        path = _run(cache, task, ptm, train, test, p.validation_fraction, how, p.steps, threads)
        return Run(**json.loads(path.read_text()))

    task.check(train)
    grid = [run(rate, decay, 0) for rate, decay in product(p.learning_rates, p.weight_decays)]
    best = best_run(grid)
    again = [run(best.learning_rate, best.weight_decay, number) for number in range(1, p.seeds)]
    return [Run(**asdict(one) | {"chosen": one is best or one in again}) for one in [*grid, *again]]


def best_run(runs: list[Run]) -> Run:
    """The run with the best validation truth; of equals that of the smallest rate, then decay. Never sees `test`."""
    return min(runs, key=lambda run: (-run.validation, run.learning_rate, run.weight_decay))


def truth_rows(runs: list[Run], target: str, task: Task) -> list[dict]:
    """Runs on one target as rows of scores/finetune/<ptm>.csv."""
    return [{"dataset": target, **asdict(run), "chosen": int(run.chosen), "task": task.name} for run in runs]


UNITS = {"accuracy_percent": 0.01, "bleu": 1.0, "negative_error": 1.0}  # of published tables, in the truth's unit


def published_truth(folder: Path, ptm: str, target: str, task: str) -> list[dict]:
    """A published table's value instead of runs of ours: nothing about it is known but the result.

    A table of runs, as scores/finetune/<ptm>.csv has them, gives those of the pair. Raises UserError when the table has
    no value for the pair.
    """
    for path in sorted(folder.glob("truth*.csv")):
        table = read_published(path, ["dataset", "ptm"])
        rows = table[(table["dataset"].str.lower() == target) & (table["ptm"] == ptm)]
        if "seed" in table and len(rows):
            return rows.drop(columns="ptm").assign(task=task).to_dict("records")
        for unit in UNITS.keys() & {*table.columns}:
            for value in rows[unit]:
                unknown = {"learning_rate": "", "weight_decay": "", "seed": "", "validation": ""}
                known = {"test": round(float(value) * UNITS[unit], 6), "second": "", "chosen": 1, "task": task}
                return [{"dataset": target, **unknown, **known}]
    raise UserError(
        f"truth: {folder} has no value of PTM '{ptm}' on target '{target}'; drop one of them, or let "
        "'truth: finetune' find out"
    )
