"""The test of a ranking, and its use: the first places fine-tuned on the user's data, the best left as a checkpoint.

PTMs of a benchmark are fine-tuned by its own protocol, which their expected values are calibrated on. Public weights
get the recipe that their authors' libraries use for transfer: AdamW, small rates (for images as in timm's fine-tuning
configurations, for text encoders those of J. Devlin et al. 2019, section A.3, and one above), cosine with a tenth of
warm-up, and steps enough where the data are few (M. Mosbach et al. 2021: short runs, not small data, make fine-tuning
of encoders unstable).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from orbweaver.core.errors import TargetError
from orbweaver.core.files import write_text
from orbweaver.core.settings import FinetuneSettings
from orbweaver.data.readers.labels import DataError
from orbweaver.data.split import Split
from orbweaver.select.data import Data
from orbweaver.select.progress import steps
from orbweaver.select.told.advice import unit_of
from orbweaver.select.told.snippets import save
from orbweaver.select.zoo.named import PUBLIC
from orbweaver.tasks.stored import Stored

HELD_OUT, VALIDATION = 0.25, 0.2
RATES = {"images": [1e-4, 3e-4, 1e-3], "texts": [2e-5, 5e-5, 1e-4]}
DECAY = {"images": 0.05, "texts": 0.01}
EPOCHS, BATCH, FEWEST_STEPS = 5, 16, 100


class Tuned(NamedTuple):
    """What fine-tuning gave: `real` on the samples kept apart, and the learning rate that won without them."""

    real: float
    rate: float
    decay: float


def recipe(ptm: Stored, data: Data) -> FinetuneSettings:
    """How this PTM is fine-tuned on these data."""
    if not ptm.card.name.startswith(PUBLIC):
        return data.settings.finetune
    what = "images" if len(data.split.images) else "texts"
    fitted = max(1, round(len(data.rows) * (1 - VALIDATION)))
    epochs = max(EPOCHS, math.ceil(FEWEST_STEPS / math.ceil(fitted / BATCH)))
    return FinetuneSettings(
        epochs=epochs,
        batch_size=BATCH,
        learning_rates=RATES[what],
        weight_decay=DECAY[what],
        validation_fraction=VALIDATION,
        seeds=1,
    )


def hold_out(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Sorted rows to rank and fine-tune on, and rows that only the fine-tuned PTMs are measured on.

    Raises DataError when the data are too few to be split three ways (fit, choose the learning rate, measure).
    """
    from orbweaver.tasks import task

    of = task(split.task)
    try:
        train, test = map(np.sort, of.hold_out(split, HELD_OUT))
        of.hold_out(split.take(train), VALIDATION)
    except TargetError as error:
        raise DataError(
            f"{error}; --verify or --tune needs 4 or more of each class, to fine-tune on some and measure on others"
        ) from None
    return train, test


def fine_tuned(ptms: Sequence[Stored], data: Data, test: np.ndarray) -> dict[str, Tuned]:
    """What each PTM reaches on the held-out rows: the mean of the runs that count. Kept run by run."""
    from orbweaver.tasks import task
    from orbweaver.tasks.finetune import finetune

    to_fit, to_measure, how = data.split.take(data.rows), data.split.take(test), data.settings
    of, found = task(data.split.task), {}
    for ptm in steps(ptms, "fine-tuning", "PTMs"):
        runs = finetune(of, ptm, to_fit, to_measure, recipe(ptm, data), how.seed, how.threads, data.cache)
        chosen = [run for run in runs if run.chosen]
        real = float(np.mean([run.test for run in chosen]))
        found[ptm.card.name] = Tuned(real, chosen[0].learning_rate, chosen[0].weight_decay)
    return found


def leave(ptm: Stored, data: Data, test: np.ndarray, won: Tuned, folder: Path) -> float:
    """Trains the winner once more, on all that was not kept apart, and writes it to a folder with its card.

    Returns what it reaches on the held-out rows.
    """
    from orbweaver.core.device import repeatable
    from orbweaver.models.training import Fit
    from orbweaver.tasks import task

    of, how = task(data.split.task), recipe(ptm, data)
    train, measured = data.split.take(data.rows), data.split.take(test)
    repeatable(data.settings.seed, data.settings.threads)
    model, every = of.load(ptm.card, ptm.folder), np.arange(len(train))
    of.adapt(model, train, every)
    fitted = round(len(train) * (1 - how.validation_fraction))
    count = how.epochs if how.steps is None else math.ceil(how.steps * how.batch_size / fitted)
    fit = Fit(count, how.batch_size, won.rate, won.decay, data.settings.seed, how.optimizer, how.precision, how.augment)
    of.fit(model, train, every, fit, data.cache)
    real = of.measure(model, measured, np.arange(len(measured)), data.cache, how.precision).truth
    unit = unit_of(of.metric, train.targets)
    about = {
        "fine_tuned_from": ptm.card.name,
        "licence_of_that": ptm.card.licence,
        "task": data.split.task,
        "dataset": data.split.name,
        "classes": data.split.classes,
        "samples": len(train),
        "metric": unit.real,
        "measured": unit.of_truth(real),
        "measured_on": len(measured),
        "recipe": fit._asdict(),
    }
    read = save(model, ptm.card, train, folder)
    write_text(folder / "card.json", json.dumps(about, indent=2, ensure_ascii=False) + "\n")
    write_text(folder / "README.md", _readme(about, read))
    return real


def _readme(about: dict, snippet: str) -> str:
    how = about["recipe"]
    return f"""# {about["fine_tuned_from"]}, fine-tuned on {about["dataset"]}

{about["task"]}, {about["metric"]} {about["measured"]:.4g} on {about["measured_on"]} samples that training never saw.
Trained on {about["samples"]} samples: {how["epochs"]} epochs of {how["optimizer"]}, batches of {how["batch_size"]},
learning rate {how["learning_rate"]:g} (cosine, warm-up over a tenth), weight decay {how["weight_decay"]:g}.
Licence of the weights that it started from: {about["licence_of_that"]}.

```python
{snippet.strip()}
```
"""
