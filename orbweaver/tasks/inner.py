"""Files of features from inside a PTM, on datasets that it may be fine-tuned on; see `orbweaver.models.inner`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from orbweaver.core.cache import Cache, kept
from orbweaver.core.device import device
from orbweaver.data.split import Split
from orbweaver.models import networks
from orbweaver.models.inner import fit_normalisation, inner_features, stages
from orbweaver.models.pixels import images, look
from orbweaver.tasks import TASKS
from orbweaver.tasks.extract import exact, write
from orbweaver.tasks.stored import Stored

AT_ONCE = 64  # images a batch, at most
FITTED_TO = 512  # images that batch normalisation is fitted to, at most


def inner_file(features: Path) -> Path:
    """For a feature file, the path of that with features from inside the same PTM, on the same dataset."""
    return features.parent / "inner" / features.name


def has_inner(ptm: Stored) -> bool:
    """Is it an image classifier whose stages are known?"""
    if not TASKS[ptm.card.task].inner:
        return False
    with torch.device("meta"):  # only its parts are needed, not its weights
        network = networks.build(ptm.card.architecture, 1, ptm.card.preprocessing.input_size[1], ptm.card.config)
    return len(stages(network)) > 1


@kept("features", ".h5")
def extract_inner(path: Path, cache: Cache, ptm: Stored, split: Split, threads: int) -> None:
    """Writes `features` (N, D) and `targets`: two forward passes of a classifier, the first for batch statistics.

    The first sees samples in random order, since those of a class often lie together.
    Raises FileError naming PTM and dataset when a feature is NaN or infinite, or an image cannot be read.
    """
    exact(threads)
    network, config = networks.load(ptm.card, ptm.folder).to(device()), ptm.card.preprocessing
    whole = images(split, config, cache)

    def taken(rows: np.ndarray) -> torch.Tensor:
        return networks.normalise(look(whole, rows).to(device(), non_blocking=True), config)

    def parts(rows: np.ndarray) -> list[np.ndarray]:
        return np.array_split(rows, -(-len(rows) // AT_ONCE))

    some = np.random.default_rng(0).permutation(len(split))[:FITTED_TO]
    fit_normalisation(network, (taken(rows) for rows in parts(some)))
    every = np.arange(len(split))
    found = ((inner_features(network, taken(rows)), None) for rows in parts(every))
    write(path, ptm.card, split, every, found, AT_ONCE)
