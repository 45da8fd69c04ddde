"""Features of PTMs of tasks with words: one row for each of a split's `rows`, by the task's own rule."""

from __future__ import annotations

from pathlib import Path

import torch

from stages import files
from stages.zoo.cards import Card
from stages.zoo.models import normalise
from stages.zoo.pixels import look
from stages.zoo.tasks import TASKS, ptms
from stages.zoo.tasks.words import Words


@torch.inference_mode()
def extract(
    model: torch.nn.Module, words: Words, card: Card, split: files.Images, path: Path, made_from: dict, batch_size: int
) -> None:
    """Writes `features` (R, D), `probabilities` (R, S) where there is a source head, and `targets` (R, ...).

    Raises FileError naming the dataset when a feature is NaN or infinite, or an image cannot be read.
    """
    place = next(model.parameters()).device
    pictures = ptms.pictures(split, card.preprocessing)
    batchable = TASKS[card.task].rows(split, words)
    with files.features_writer(path, len(split.rows), made_from) as out:
        out.attrs["kind"] = split.kind
        files.put(out, "targets", split.targets[split.rows])
        for row in range(0, len(split.rows), batch_size):
            some = slice(row, row + batch_size)
            pixels = normalise(look(pictures, split.rows[some]).to(place), card.preprocessing)
            features, probabilities = model.features(pixels, {n: t[some].to(place) for n, t in batchable.items()})
            if not torch.isfinite(features).all():
                raise files.FileError(
                    f"{card.name} on dataset '{split.name}': features of rows from {row} on are NaN or "
                    "infinite; its weights do not fit its architecture or preprocessing"
                )
            for name, values in (("features", features), ("probabilities", probabilities)):
                if values is None:
                    continue
                if row == 0:
                    files.put_empty(out, name, (len(split.rows), values.shape[1]), batch_size)
                out[name][some] = values.float().cpu().numpy()
