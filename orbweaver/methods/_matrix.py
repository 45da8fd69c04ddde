"""The linear algebra that methods share: means, class sums, Gram matrix and its eigendecomposition.

Features stay as they are stored (float32 as a rule); blocks of them become float64 on the way. So beside the
features there is never more than a matrix of min(N, D)^2 and a few blocks.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from ._checked import Classes, checked_labels, checked_matrix

if TYPE_CHECKING:
    from torch import Tensor

LEADING = 64  # principal axes that are kept for all methods: as many as any of them looks along
BLOCK = 1 << 21  # values in a float64 block: 16 MB, large enough for BLAS to run at full speed
Other = TypeVar("Other")
Made = TypeVar("Made")


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


def column_means(array: np.ndarray) -> np.ndarray:
    """(D,); of a column that does not vary just its value, lest what is left of it after centring be rounding."""
    means = sum(block.sum(axis=0) for _, block in row_blocks(array)) / len(array)
    return np.where((array == array[0]).all(axis=0), array[0], means)


def cross(array: np.ndarray, targets: np.ndarray, centre: np.ndarray | float) -> np.ndarray:
    """(D, T): (X - 1 centre^T)^T Y for Y of shape (N, T)."""
    return sum(block.T @ targets[where] for where, block in row_blocks(array, centre))


@dataclass(frozen=True, eq=False)
class Moments:
    """Second moments of the centred features Z = X - 1 mean^T."""

    gram: np.ndarray  # Z^T Z (D, D) when tall, else Z Z^T (N, N): the smaller of the two
    lengths: np.ndarray  # (N,) squared lengths |z_i|^2
    along_mean: np.ndarray  # (N,) z_i . mean


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Thin singular value decomposition X - 1 centre^T = U diag(sqrt(values)) V^T, of U and V the smaller one."""

    array: np.ndarray  # X (N, D)
    centre: np.ndarray | float  # (D,) or 0
    values: np.ndarray  # (k,) squared singular values, falling, all above the rounding level
    basis: np.ndarray  # V (D, k) when tall, else U (N, k)

    @property
    def tall(self) -> bool:
        """N >= D."""
        return self.array.shape[0] >= self.array.shape[1]

    def left_blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """U (N, k) in blocks of rows."""
        if not self.tall:
            yield slice(0, len(self.array)), self.basis
            return
        scaled = self.basis / np.sqrt(self.values)
        for where, block in row_blocks(self.array, self.centre):
            yield where, block @ scaled

    def coordinates(self, count: int) -> np.ndarray:
        """(N, count): the samples along the leading principal axes (fewer when there are fewer)."""
        if not self.tall:
            return self.basis[:, :count] * np.sqrt(self.values[:count])
        out = np.empty((len(self.array), min(count, len(self.values))))
        for where, block in row_blocks(self.array, self.centre):
            np.matmul(block, self.basis[:, :count], out=out[where])
        return out


class FeatureMatrix:
    """Checked features X (N, D), and what scores share of them: each part is computed when first asked for, once.

    A method takes one in place of an array, so several methods that get the same one share its parts:

        matrix = FeatureMatrix.of(features)
        logme(matrix, labels), h_score(matrix, labels)

    Features may be a tensor of torch, on a GPU for instance: then Gram matrix and decomposition are computed where it
    lies, in float64, and handed to numpy. The array must not be written into meanwhile. Raises ValueError unless it is
    a matrix of two samples or more, one a row, of finite real numbers.
    """

    def __init__(self, array: "np.ndarray | Tensor", name: str = "features") -> None:
        torch = sys.modules.get("torch")  # whoever has a tensor has imported it
        self._tensor = array.detach() if torch and isinstance(array, torch.Tensor) else None
        self.array = checked_matrix(array if self._tensor is None else self._tensor.cpu().numpy(), name)
        self._made: WeakKeyDictionary[object, dict[Callable, object]] = WeakKeyDictionary()

    @classmethod
    def of(cls, features: "np.ndarray | FeatureMatrix", name: str = "features") -> "FeatureMatrix":
        """The matrix itself where it is one already."""
        return features if isinstance(features, cls) else cls(features, name)

    def __len__(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, int]:
        return self.array.shape

    @property
    def tall(self) -> bool:
        """N >= D."""
        return self.shape[0] >= self.shape[1]

    @cached_property
    def mean(self) -> np.ndarray:
        """(D,)"""
        return column_means(self.array)

    @cached_property
    def moments(self) -> Moments:
        """Gram matrix. Centring comes before squaring: the difference of two Grams would lose digits."""
        if self._tensor is not None:
            return _moments_on_device(self._tensor, self.mean)
        n, d = self.shape
        lengths, along_mean = np.zeros(n), np.zeros(n)
        gram = np.zeros((min(n, d), min(n, d)))
        if self.tall:
            for where, block in row_blocks(self.array, self.mean):
                gram += block.T @ block
                lengths[where] = np.einsum("ij,ij->i", block, block)
                along_mean[where] = block @ self.mean
        else:
            for where, block in row_blocks(self.array.T):
                block -= self.mean[where, None]
                gram += block.T @ block
                along_mean += self.mean[where] @ block
            lengths = np.diag(gram).copy()
        return Moments(gram, lengths, along_mean)

    @cached_property
    def centred(self) -> Spectrum:
        """Decomposition of X - 1 mean^T."""
        return self._spectrum(self.moments.gram, self.mean)

    @cached_property
    def raw(self) -> Spectrum:
        """Decomposition of X itself, from the centred Gram matrix by a correction of rank one or two."""
        m = self.moments
        if self.tall:
            gram = np.outer(len(self) * self.mean, self.mean)
            gram += m.gram
        else:
            gram = m.gram + m.along_mean + m.along_mean[:, None] + self.mean @ self.mean
        return self._spectrum(gram, 0.0)

    def _spectrum(self, gram: np.ndarray, centre: np.ndarray | float) -> Spectrum:
        values, basis = np.linalg.eigh(gram) if self._tensor is None else _eigh_on_device(gram, self._tensor)
        # Eigenvalues of a Gram matrix carry an absolute error of about eps * largest: what lies below is noise.
        kept = values > max(values[-1], 0) * max(self.shape) * np.finfo(float).eps
        return Spectrum(self.array, centre, values[kept][::-1], np.ascontiguousarray(basis[:, kept][:, ::-1]))

    def leading(self, count: int) -> np.ndarray:
        """(N, count): the samples along their leading principal axes, count <= LEADING; fewer where there are fewer."""
        return self._leading[:, :count]

    @cached_property
    def _leading(self) -> np.ndarray:
        return self.centred.coordinates(LEADING)

    def moved(self, classes: Classes, moves: np.ndarray) -> "FeatureMatrix":
        """The features in float64, each sample moved by its class's row of moves (C, D).

        Scatter within classes stays as it is, so that with Z the centred features, T_c their class sums and m_c a move
        less the mean move, the tall Gram matrix is Z^T Z + sum_c (T_c m_c^T + m_c T_c^T + n_c m_c m_c^T): no second
        pass over pairs of features.
        """
        mean = self.mean + classes.counts @ moves / len(self)
        apart = moves - (mean - self.mean)
        out, lengths, along_mean = np.empty(self.shape), np.empty(len(self)), np.empty(len(self))
        for where, block in row_blocks(self.array, self.mean):
            block += apart[classes.codes[where]]
            lengths[where] = np.einsum("ij,ij->i", block, block)
            along_mean[where] = block @ mean
            np.add(block, mean, out=out[where])
        moved = FeatureMatrix(out)
        if self.tall:
            sums = self.class_sums(classes)
            crossed = sums.T @ apart
            gram = self.moments.gram + crossed + crossed.T + (apart.T * classes.counts) @ apart
            moved.mean, moved.moments = mean, Moments(gram, lengths, along_mean)
        return moved

    def once(self, make: "Callable[[FeatureMatrix, Other], Made]", other: Other) -> Made:
        """make(self, other), computed once; kept as long as this matrix and the other object live."""
        made = self._made.setdefault(other, {})
        if make not in made:
            made[make] = make(self, other)
        return made[make]

    def class_sums(self, classes: Classes) -> np.ndarray:
        """(C, D): sums of the centred features over each class."""
        return self.once(_class_sums, classes)

    def class_variances(self, classes: Classes) -> np.ndarray:
        """(C, D): biased variance of each feature within each class."""
        return self.once(_class_variances, classes)

    def left_coefficients(self, spectrum: Spectrum, y: Classes | np.ndarray) -> np.ndarray:
        """U^T Y (k, T) for targets Y (N, T) or one-hot classes; the spectrum is one of this matrix."""
        if not spectrum.tall:
            return (y.sums(spectrum.basis) if isinstance(y, Classes) else y.T @ spectrum.basis).T
        if isinstance(y, Classes):
            crossed = self.class_sums(y).T
            if np.ndim(spectrum.centre) == 0:
                crossed = crossed + np.outer(self.mean, y.counts)
        else:
            crossed = cross(self.array, y, spectrum.centre)
        return (spectrum.basis.T @ crossed) / np.sqrt(spectrum.values)[:, None]


def _class_sums(matrix: FeatureMatrix, classes: Classes) -> np.ndarray:
    return sum(classes.sums(block, where) for where, block in row_blocks(matrix.array, matrix.mean))


def _class_variances(matrix: FeatureMatrix, classes: Classes) -> np.ndarray:
    means, total = matrix.class_sums(classes) / classes.counts[:, None], 0.0
    for where, block in row_blocks(matrix.array, matrix.mean):
        block -= means[classes.codes[where]]
        total = total + classes.sums(np.square(block, out=block), where)
    return total / classes.counts[:, None]


def _moments_on_device(features: "Tensor", mean: np.ndarray) -> Moments:
    wide = features.double()
    mean = wide.new_tensor(mean)
    z = wide - mean
    gram = z.T @ z if len(z) >= z.shape[1] else z @ z.T
    return Moments(*(part.cpu().numpy() for part in (gram, (z * z).sum(dim=1), z @ mean)))


def _eigh_on_device(gram: np.ndarray, like: "Tensor") -> tuple[np.ndarray, np.ndarray]:
    import torch

    values, basis = torch.linalg.eigh(torch.from_numpy(gram).to(like.device))
    return values.cpu().numpy(), basis.cpu().numpy()


def labelled(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> tuple[FeatureMatrix, Classes]:
    """Checked features with their checked labels. Raises as `FeatureMatrix` and `checked_labels`."""
    matrix = FeatureMatrix.of(features)
    return matrix, checked_labels(labels, len(matrix))
