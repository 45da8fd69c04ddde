"""The checks of arrays that all methods share."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


class ScoreError(ValueError):
    """The arrays are valid, but this method is not defined for them; the message says why, in a sentence."""


@dataclass(frozen=True, eq=False)
class Classes:
    """Labels as consecutive codes: gaps between class ids vanish, so only classes with samples count.

    `checked_labels` makes them. Every function that takes labels takes `Classes` too, and does not check them again.
    """

    names: np.ndarray  # (C,) the class ids as given, rising
    codes: np.ndarray  # (N,) 0..C-1
    counts: np.ndarray  # (C,) samples of each class, all positive
    order: np.ndarray  # (N,) sample indices, class after class
    ends: np.ndarray  # (C,) where each class ends in `order`

    def __len__(self) -> int:
        return len(self.counts)

    def members(self) -> list[np.ndarray]:
        """The sample indices of each class."""
        return np.split(self.order, self.ends[:-1])

    def sums(self, rows: np.ndarray, where: slice = slice(None), weights: np.ndarray | None = None) -> np.ndarray:
        """(C, D): sums by class of rows (n, D), those of the samples `where`, each times its weight.

        weights: (N,), of all samples; without them all count alike.
        """
        codes = self.codes[where]
        each = np.ones(len(codes)) if weights is None else weights[where]
        return sparse.csr_array((each, codes, np.arange(len(codes) + 1)), (len(codes), len(self))).T @ rows

    def alike(self, other: "Classes") -> bool:
        """Whether `other` divides the same samples into the same classes, whatever their codes."""
        return len(np.unique(other.codes * len(self) + self.codes)) == len(self) == len(other)


class Probabilities:
    """Softmax (N, S) of a source head, each row checked to be a distribution (to the precision of float16)."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = checked_matrix(array, "probabilities")
        if self.array.min() < 0:
            raise ValueError("probabilities must not be negative")
        worst = np.abs(self.array.sum(axis=1, dtype=np.float64) - 1).max()
        if worst > 1e-2:
            raise ValueError(f"probabilities must sum to 1 in each row; a row is off by {worst:.3g}")

    @classmethod
    def of(cls, array: "np.ndarray | Probabilities") -> "Probabilities":
        """Checked probabilities; those that are checked already are returned as they are."""
        return array if isinstance(array, cls) else cls(array)


def checked_matrix(array: np.ndarray, name: str = "features") -> np.ndarray:
    """The array itself, checked to be a real matrix with at least two rows and no NaN or infinity; else ValueError.

    It keeps its dtype: no method may need a float64 copy of the whole array (see `_matrix.row_blocks`).
    """
    array = np.asarray(array)
    if array.ndim != 2 or array.shape[0] < 2 or array.shape[1] < 1:
        raise ValueError(f"{name} must be a matrix of two samples or more, one per row, not of shape {array.shape}")
    if array.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers, not {array.dtype}")
    # The sum is not finite if any value is not; only then are these counted. (A sum of finite values may overflow.)
    with np.errstate(over="ignore", invalid="ignore"):
        sound = np.isfinite(array.sum(dtype=np.float64))
    if not sound and (wrong := sum(int((~np.isfinite(row)).sum()) for row in array)):
        raise ValueError(f"{name} hold {wrong} values that are NaN or infinite, of {array.size}")
    return array


def checked_labels(labels: np.ndarray | Classes, samples: int, name: str = "labels") -> Classes:
    """Labels (N,) as `Classes`.

    Raises ValueError unless they are `samples` integers from 0 up, ScoreError when they name a single class.
    """
    if isinstance(labels, Classes) and len(labels.codes) == samples:
        return labels
    labels = np.asarray(labels.codes if isinstance(labels, Classes) else labels)
    if labels.shape != (samples,):
        raise ValueError(f"{name} must have shape ({samples},) to fit the samples, not {labels.shape}")
    if labels.dtype.kind not in "iub":
        raise ValueError(f"{name} must be integers, not {labels.dtype}")
    if labels.min() < 0:
        raise ValueError(f"{name} must count from 0; the smallest is {labels.min()}")
    present, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(present) < 2:
        raise ScoreError(f"all {name} are of one class")
    return Classes(present, codes, counts, np.argsort(codes, kind="stable"), np.cumsum(counts))


def classes_or_targets(
    samples: int, labels: np.ndarray | Classes | None, targets: np.ndarray | None
) -> tuple[Classes | None, np.ndarray | None]:
    """Either checked labels or checked targets, for the methods that take one of the two.

    Target columns that never vary tell nothing apart and are dropped; ScoreError when none is left or given.
    """
    if labels is None and targets is None:
        raise ScoreError("the target has neither classes nor values")
    if labels is not None and targets is not None:
        raise ValueError("give either labels or targets, not both")
    if targets is None:
        return checked_labels(labels, samples), None
    targets = checked_matrix(targets, "targets")
    if len(targets) != samples:
        raise ValueError(f"targets have {len(targets)} rows for {samples} samples")
    targets = targets.astype(np.float64)
    targets = targets[:, np.ptp(targets, axis=0) > 0]
    if not targets.shape[1]:
        raise ScoreError("no target varies over the samples")
    return None, targets


def multi_hot(targets: np.ndarray) -> bool:
    """Whether targets (N, T) are multi-hot: one column per class, 1 where a sample has it, else 0."""
    return targets.ndim == 2 and bool(np.isin(targets, (0, 1)).all())
