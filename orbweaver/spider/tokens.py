"""Tokens of a dataset: one row a class, the mean of its features."""

import numpy as np

from orbweaver.core.errors import TargetError


def class_means(features: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """(C, D) float32: row c is the mean of the features (N, D) whose code is c (papers' Eq. 5); codes run 0..C-1.

    Raises ValueError when a class has no sample.
    """
    counts = np.bincount(codes)
    if (counts == 0).any():
        raise ValueError(f"class {int(np.argmin(counts))} has no sample; number classes from 0 without gaps")
    order = np.argsort(codes, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    sums = np.add.reduceat(features[order].astype(np.float64), starts, axis=0)
    return (sums / counts[:, None]).astype(np.float32)


def pseudo_classes(targets: np.ndarray, bins: int) -> np.ndarray:
    """(N,) codes of equal-frequency bins of a continuous target (N,) or of the first column of (N, T).

    Equal values share a bin, so that there may be fewer bins than asked for. Codes run from 0 without gaps.
    """
    values = np.asarray(targets, dtype=np.float64).reshape(len(targets), -1)[:, 0]
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)[1]


def codes_of(targets: np.ndarray, bins: int) -> np.ndarray:
    """(N,) codes 0..C-1 of the classes that tokens stand for, by what the targets are.

    int (N,): the classes that occur. bool (N, C): the first class that applies, as EMMS has it for VOC; a sample to
    which none applies counts with the first of all. Floats (N,) or (N, T): `pseudo_classes` of so many bins.
    Raises TargetError for anything else, such as the (N, 0) of texts.
    """
    targets = np.asarray(targets)
    if targets.dtype == bool and targets.ndim == 2:
        return np.unique(targets.argmax(axis=1), return_inverse=True)[1]
    if np.issubdtype(targets.dtype, np.integer) and targets.ndim == 1:
        return np.unique(targets, return_inverse=True)[1]
    if np.issubdtype(targets.dtype, np.floating) and targets.size:
        return pseudo_classes(targets, bins)
    raise TargetError(
        f"Model Spider describes a dataset by its classes or values; it cannot by {targets.dtype} of shape "
        f"{targets.shape}; leave rankers out for PTMs of this task"
    )
