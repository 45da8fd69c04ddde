"""A PTM's penultimate features and source probabilities, batch by batch into HDF5."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from stages import files
from stages.zoo.cards import Preprocessing
from stages.zoo.models import features_and_logits, normalise
from stages.zoo.pixels import batches


@torch.inference_mode()
def extract(
    model: nn.Module, config: Preprocessing, split: files.Images, path: Path, made_from: dict, batch_size: int
) -> None:
    """Writes `features` (N, D), `probabilities` (N, S) and `targets` (N,) of one split; memory of two batches.

    Raises FileError naming the dataset when a feature is NaN or infinite, or an image cannot be read.
    """
    place = next(model.parameters()).device
    with files.features_writer(path, len(split), made_from) as out:
        out.attrs["kind"] = split.kind
        out.create_dataset("targets", data=split.targets, fletcher32=True)
        row = 0
        for images in batches(split, config, batch_size):
            batch = torch.from_numpy(images).to(place, non_blocking=True)
            features, logits = features_and_logits(model, normalise(batch, config))
            if not torch.isfinite(features).all():
                raise files.FileError(
                    f"{made_from['ptm']} on dataset '{split.name}': features of images {row} to {row + len(images)} "
                    "are NaN or infinite; its weights do not fit its architecture or preprocessing"
                )
            for name, values in (("features", features), ("probabilities", logits.float().softmax(1))):
                if row == 0:
                    shape, chunk = (len(split), values.shape[1]), (min(batch_size, len(split)), values.shape[1])
                    out.create_dataset(name, shape, np.float32, chunks=chunk, fletcher32=True)
                out[name][row : row + len(images)] = values.float().cpu().numpy()
            row += len(images)
