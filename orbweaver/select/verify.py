"""The test of a ranking: the first places fine-tuned on the user's data, by the benchmark's own protocol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from orbweaver.core.errors import TargetError
from orbweaver.data.readers.own import DataError
from orbweaver.data.split import Split
from orbweaver.select.forward import Data
from orbweaver.select.settings import Settings
from orbweaver.tasks import task
from orbweaver.tasks.finetune import finetune
from orbweaver.tasks.stored import Stored

HELD_OUT = 0.25


def hold_out(split: Split, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Sorted rows to rank and fine-tune on, and rows that only the fine-tuned PTMs are measured on.

    Raises DataError when the data are too few to be split three ways (fit, choose the learning rate, measure).
    """
    of = task(split.task)
    try:
        train, test = map(np.sort, of.hold_out(split, HELD_OUT))
        of.hold_out(split.take(train), settings.finetune.validation_fraction)
    except TargetError as error:
        raise DataError(
            f"{error}; --verify needs 4 or more of each class, to fine-tune on some and measure on others"
        ) from None
    return train, test


def fine_tuned(ptms: Sequence[Stored], data: Data, test: np.ndarray) -> dict[str, float]:
    """Truth of each PTM on the held-out rows, by the benchmark's protocol: the mean of the runs that count.

    Kept run by run, like the benchmark's own.
    """
    to_fit, to_measure, how = data.split.take(data.rows), data.split.take(test), data.settings
    of, found = task(data.split.task), {}
    for ptm in tqdm(ptms, desc="fine-tuning", unit="PTM", disable=None, leave=False):
        runs = finetune(of, ptm, to_fit, to_measure, how.finetune, how.seed, how.threads, data.cache)
        found[ptm.card.name] = float(np.mean([run.test for run in runs if run.chosen]))
    return found


def sample_passes(settings: Settings, samples: int) -> int:
    """Forward and backward passes of single samples that fine-tuning one PTM takes."""
    how, fitted = settings.finetune, round(samples * (1 - settings.finetune.validation_fraction))
    runs = len(how.learning_rates) * len(how.weight_decays) + how.seeds - 1
    return runs * (how.steps * how.batch_size if how.steps else how.epochs * fitted)
