"""Feature files: one forward pass of a PTM over one split."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from orbweaver.core.cache import Cache, kept
from orbweaver.core.device import repeatable
from orbweaver.core.errors import FileError
from orbweaver.core.formats import hdf5
from orbweaver.core.formats.features import writing_features
from orbweaver.data.split import Split
from orbweaver.models.card import Card
from orbweaver.tasks.base import Task
from orbweaver.tasks.stored import Stored


def made_from(card: Card, split: Split) -> dict:
    """What a feature file is made from, as its metadata say."""
    known = card.model_dump(mode="json", include={"checkpoint", "preprocessing", "tokens", "features"})
    return {"ptm": card.name, "dataset": split.digest} | {name: each for name, each in known.items() if each}


def exact(threads: int) -> None:
    """Sets this process up to compute features: repeatably, and on a GPU with all bits of float32.

    Without it a GPU's convolutions round their inputs to ten bits (TF32), which moves features by three thousandths.
    """
    repeatable(0, threads)
    torch.backends.cudnn.allow_tf32 = False


@kept("features", ".h5")
def extract(path: Path, cache: Cache, task: Task, ptm: Stored, split: Split, batch_size: int, threads: int) -> None:
    """Writes `features` (R, D), `probabilities` (R, S) where the PTM has a source head, and `targets` (R, ...).

    task: the PTM's own. R: the rows of the split. It needs memory for two batches.
    Raises FileError naming PTM and dataset when a feature is NaN or infinite, or an image cannot be read.
    """
    exact(threads)
    model = task.load(ptm.card, ptm.folder)
    write(path, ptm.card, split, task.rows(split), task.features(model, split, cache, batch_size), batch_size)


def write(
    path: Path, card: Card, split: Split, rows: np.ndarray, parts: Iterable[tuple[Tensor, Tensor | None]], chunk: int
) -> None:
    """Writes a PTM's feature file part by part. rows: (R,) samples; parts: features and probabilities, in order.

    chunk: rows that HDF5 stores together. Raises FileError naming PTM and dataset when a feature is NaN or infinite.
    """
    with writing_features(path, len(rows), split.targets[rows], split.task, made_from(card, split)) as out:
        row = 0
        for features, probabilities in parts:
            if not torch.isfinite(features).all():
                raise FileError(
                    f"{card.name} on dataset '{split.name}': features of rows {row} to {row + len(features)} are "
                    "NaN or infinite; its weights do not fit its architecture or preprocessing"
                )
            for name, values in (("features", features), ("probabilities", probabilities)):
                if values is None:  # weights without a head
                    continue
                if row == 0:
                    hdf5.put_empty(out, name, (len(rows), values.shape[1]), chunk)
                out[name][row : row + len(values)] = values.float().cpu().numpy()
            row += len(features)
