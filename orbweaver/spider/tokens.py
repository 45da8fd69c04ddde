"""Tokens of a dataset: one row a class, the mean of its features."""

import numpy as np

from orbweaver.core.errors import TargetError


def class_means(features: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(C, D) float32: row c is the mean of the features (N, D) whose code is c (the paper's Eq. 5); codes run 0..C-1.

    Raises ValueError when a class has no sample.
    """
    counts = np.bincount(codes)
    if (counts == 0).any():
        raise ValueError(f"class {int(np.argmin(counts))} has no sample; number classes from 0 without gaps")
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(features[order].astype(np.float64), starts, axis=0)
    return (sums / counts[:, None]).astype(np.float32)


# The bins by which Model Spider's release makes classes of a regression, as far as its code and file names tell:
# UTKFace by age up to 5, 10, ..., 70 years and above; dSprites has 100, of which only the number is known.
PUBLISHED: dict[str, list[float] | int] = {"utkface": [5, 10, 15, 20, 30, 40, 50, 60, 70], "dsprites": 100}


def pseudo_classes(targets: np.ndarray, bins: int | list[float]) -> np.ndarray:
    """(N,) codes of equal-frequency bins of a continuous target (N,) or (N, T); or of bins that end at given values.

    Several columns are ordered by the first, equals by the next, and so on. Equal values share a bin, so that there
    may be fewer bins than asked for. Codes run from 0 without gaps.
    """
    rows = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)
    values = rows[:, 0]
    if isinstance(bins, list):
        return np.unique(np.searchsorted(bins, values, side="left"), return_inverse=True)[1]
    if rows.shape[1] > 1:
        values = np.unique(rows, axis=0, return_inverse=True)[1].reshape(-1).astype(np.float64)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)[1]


def codes_of(targets: np.ndarray, bins: int, dataset: str = "") -> np.ndarray:
    """(N,) codes 0..C-1 of the classes that tokens stand for, by what the targets are.

    int (N,): the classes that occur. bool (N, C): the first class that applies, as EMMS has it for VOC; a sample to
    which none applies counts as class 0. Floats (N,) or (N, T): `pseudo_classes`, by the bins that are published for
    the dataset of this name, else by as many as `bins` says.
    Raises TargetError for anything else, such as the (N, 0) of texts.
    """
    targets = np.asarray(targets)
    if targets.dtype == bool and targets.ndim == 2:
        return np.unique(targets.argmax(axis=1), return_inverse=True)[1]
    if np.issubdtype(targets.dtype, np.integer) and targets.ndim == 1:
        return np.unique(targets, return_inverse=True)[1]
    if np.issubdtype(targets.dtype, np.floating) and targets.size:
        return pseudo_classes(targets, PUBLISHED.get(dataset, bins))
    of = f" of '{dataset}'" if dataset else ""
    raise TargetError(
        f"Model Spider describes a dataset by its classes or values; the targets{of} are {targets.dtype} of shape "
        f"{targets.shape}; leave rankers out for PTMs of this task"
    )
