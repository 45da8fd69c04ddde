"""Feature files: one forward pass of a PTM over one split, in HDF5."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from orbweaver.core.errors import FileError
from orbweaver.core.files import AGAIN
from orbweaver.core.formats import hdf5


@dataclass(frozen=True)
class Features:
    """One forward pass of a PTM over a dataset's training split.

    features (N, D) float32; probabilities (N, S) float32, of the source head, or None; targets (N, ...); task: of the
    dataset; made_from: what the file was made from: PTM, checkpoint, preprocessing, dataset.
    """

    features: np.ndarray
    probabilities: np.ndarray | None
    targets: np.ndarray
    task: str
    made_from: dict


@contextmanager
def writing_features(path: Path, rows: int, targets: np.ndarray, task: str, made_from: dict) -> Iterator[h5py.File]:
    """A feature file to fill batch by batch; it is complete, and gets its name, only if the block raises nothing."""
    with hdf5.writing(path) as file:
        file.attrs.update(rows=rows, task=task, made_from=json.dumps(made_from, sort_keys=True))
        hdf5.put(file, "targets", targets)
        yield file


def read_features(path: Path, made_from: dict | None = None) -> Features:
    """Reads a feature file; with `made_from`, refuses one that another checkpoint, dataset or preprocessing made.

    Raises FileError when the file is missing, truncated, foreign, incomplete, mismatched or holds NaN or infinity.
    """
    with hdf5.reading(path, "feature file", "features") as file:
        found = json.loads(file.attrs["made_from"])
        rows = int(file.attrs["rows"])
        features = file["features"][:]
        probabilities = file["probabilities"][:] if "probabilities" in file else None
        targets = file["targets"][:]
        task = str(file.attrs["task"])
    hdf5.check_origin(path, found, made_from)
    if not len(features) == len(targets) == rows or (probabilities is not None and len(probabilities) != rows):
        raise FileError(f"{path}: says {rows} rows but holds {len(features)} features, {len(targets)} targets; {AGAIN}")
    for what, array in (("features", features), ("probabilities", probabilities)):
        if array is not None and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise FileError(
                f"{path}: {bad} values of '{what}' are NaN or infinite; check the PTM and its preprocessing"
            )
    return Features(features, probabilities, targets, task, found)
