"""The linear algebra that methods share: means, class sums, Gram matrix and its eigendecomposition.

Features stay as they are stored (float32 as a rule); blocks of them become float64 on the way. So beside the
features there is never more than a matrix of min(N, D)^2 and a few blocks.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .inputs import Classes
from .shared import remembered

BLOCK = 1 << 21  # values in a float64 block: 16 MB, large enough for BLAS to run at full speed


def row_blocks(
    array: np.ndarray, centre: np.ndarray | float = 0.0, rows: np.ndarray | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Blocks of rows (all, or those named) as float64, less the centre (D,), each with its place among the rows.

    A block is a copy, the caller's to change.
    """
    step = max(1, BLOCK // array.shape[1])
    count = len(array) if rows is None else len(rows)
    for start in range(0, count, step):
        where = slice(start, min(start + step, count))
        yield where, np.subtract(array[where if rows is None else rows[where]], centre, dtype=np.float64)


@remembered
def column_means(array: np.ndarray) -> np.ndarray:
    return sum(block.sum(axis=0) for _, block in row_blocks(array)) / len(array)


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of the centred features Z = X - 1 mean^T."""

    mean: np.ndarray  # (D,)
    gram: np.ndarray  # Z^T Z (D, D) when tall, else Z Z^T (N, N): the smaller of the two
    tall: bool  # N >= D
    lengths: np.ndarray  # (N,) squared lengths |z_i|^2
    along_mean: np.ndarray  # (N,) z_i . mean


@remembered
def moments(features: np.ndarray) -> Moments:
    """Mean and Gram matrix. Centring comes before squaring: the difference of two Grams would lose digits."""
    n, d = features.shape
    mean = column_means(features)
    lengths, along_mean = np.zeros(n), np.zeros(n)
    gram = np.zeros((min(n, d), min(n, d)))
    if n >= d:
        for where, block in row_blocks(features, mean):
            gram += block.T @ block
            lengths[where] = np.einsum("ij,ij->i", block, block)
            along_mean[where] = block @ mean
    else:
        for where, block in row_blocks(features.T):
            block -= mean[where, None]
            gram += block.T @ block
            along_mean += mean[where] @ block
        lengths = np.diag(gram).copy()
    return Moments(mean, gram, n >= d, lengths, along_mean)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Thin singular value decomposition X - 1 centre^T = U diag(sqrt(values)) V^T, of U and V the smaller one."""

    values: np.ndarray  # (k,) squared singular values, falling, all above the rounding level
    basis: np.ndarray  # V (D, k) when tall, else U (N, k)
    tall: bool
    centre: np.ndarray | float  # (D,) or 0

    def left_blocks(self, features: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """U (N, k) in blocks of rows."""
        if not self.tall:
            yield slice(0, len(features)), self.basis
            return
        scaled = self.basis / np.sqrt(self.values)
        for where, block in row_blocks(features, self.centre):
            yield where, block @ scaled

    def coordinates(self, features: np.ndarray, count: int) -> np.ndarray:
        """(N, count): the samples along the leading principal axes (fewer when there are fewer)."""
        if not self.tall:
            return self.basis[:, :count] * np.sqrt(self.values[:count])
        out = np.empty((len(features), min(count, len(self.values))))
        for where, block in row_blocks(features, self.centre):
            np.matmul(block, self.basis[:, :count], out=out[where])
        return out


def _spectrum(gram: np.ndarray, shape: tuple[int, int], centre: np.ndarray | float) -> Spectrum:
    values, basis = np.linalg.eigh(gram)
    # Eigenvalues of a Gram matrix carry an absolute error of about eps * largest: what lies below is noise.
    kept = values > max(values[-1], 0) * max(shape) * np.finfo(float).eps
    return Spectrum(values[kept][::-1], np.ascontiguousarray(basis[:, kept][:, ::-1]), shape[0] >= shape[1], centre)


@remembered
def centred_spectrum(features: np.ndarray) -> Spectrum:
    """Decomposition of X - 1 mean^T."""
    m = moments(features)
    return _spectrum(m.gram, features.shape, m.mean)


@remembered
def raw_spectrum(features: np.ndarray) -> Spectrum:
    """Decomposition of X itself, from the centred Gram matrix by a correction of rank one or two."""
    m = moments(features)
    if m.tall:
        gram = np.outer(len(features) * m.mean, m.mean)
        gram += m.gram
    else:
        gram = m.gram + m.along_mean + m.along_mean[:, None] + m.mean @ m.mean
    return _spectrum(gram, features.shape, 0.0)


@remembered
def class_sums(features: np.ndarray, classes: Classes) -> np.ndarray:
    """(C, D): sums of the centred features over each class."""
    mean = column_means(features)
    return sum(classes.sums(block, where) for where, block in row_blocks(features, mean))


def cross(features: np.ndarray, targets: np.ndarray, centre: np.ndarray | float) -> np.ndarray:
    """(D, T): (X - 1 centre^T)^T Y for Y of shape (N, T)."""
    return sum(block.T @ targets[where] for where, block in row_blocks(features, centre))


def left_coefficients(features: np.ndarray, spectrum: Spectrum, y: Classes | np.ndarray) -> np.ndarray:
    """U^T Y (k, T) for targets Y (N, T), or for the one-hot matrix of classes."""
    if not spectrum.tall:
        return (y.sums(spectrum.basis) if isinstance(y, Classes) else y.T @ spectrum.basis).T
    if isinstance(y, Classes):
        crossed = class_sums(features, y).T
        if np.ndim(spectrum.centre) == 0:
            crossed = crossed + np.outer(column_means(features), y.counts)
    else:
        crossed = cross(features, y, spectrum.centre)
    return (spectrum.basis.T @ crossed) / np.sqrt(spectrum.values)[:, None]
