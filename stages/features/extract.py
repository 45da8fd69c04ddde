"""A PTM's penultimate features and source probabilities, batch by batch into HDF5."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from stages import compute, files
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
    fitting = compute.Fitting("features", type(model).__name__, made_from["checkpoint"], config.input_size)

    def forward(parts: tuple[torch.Tensor, ...]) -> list[tuple[torch.Tensor, torch.Tensor | None]]:
        return [features_and_logits(model, normalise(part.to(place, non_blocking=True), config)) for part in parts]

    with files.features_writer(path, len(split), made_from) as out:
        out.attrs["kind"] = split.kind
        files.put(out, "targets", split.targets)
        row = 0
        for images in batches(split, config, batch_size):
            for features, logits in fitting.run(forward, torch.from_numpy(images)):
                if not torch.isfinite(features).all():
                    raise files.FileError(
                        f"{made_from['ptm']} on dataset '{split.name}': features of images {row} to "
                        f"{row + len(features)} are NaN or infinite; its weights do not fit its architecture or "
                        "preprocessing"
                    )
                probabilities = None if logits is None else logits.float().softmax(1)
                for name, values in (("features", features), ("probabilities", probabilities)):
                    if values is None:  # weights without a head
                        continue
                    if row == 0:
                        files.put_empty(out, name, (len(split), values.shape[1]), batch_size)
                    out[name][row : row + len(values)] = values.float().cpu().numpy()
                row += len(features)
