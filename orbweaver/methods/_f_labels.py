"""F-labels: each sample's target as embedded by a text encoder, for the methods that fit them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ._checked import Classes, ScoreError, checked_labels, checked_matrix, multi_hot
from ._matrix import FeatureMatrix, Spectrum, column_means, row_blocks


@dataclass(frozen=True, eq=False)
class EncoderLabels:
    """One encoder's F-labels Z (N, E), z-scored by column over the samples; a column that does not vary is zero.

    Z is never formed in full: a label that many samples share is stored once, and products with Z come from class sums.
    """

    rows: np.ndarray  # (R, E) as the encoder gave them, one row a class (R = C) or a sample (R = N)
    classes: Classes | None  # of the samples, when a row is a class
    mean: np.ndarray  # (E,)
    scale: np.ndarray  # (E,) 1 / standard deviation (population), 0 for a column that does not vary

    @property
    def width(self) -> int:
        return self.rows.shape[1]

    @property
    def counts(self) -> np.ndarray:
        """(R,): samples of each row."""
        return np.ones(len(self.rows)) if self.classes is None else self.classes.counts

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The z-scored rows in blocks."""
        for where, block in row_blocks(self.rows, self.mean):
            block *= self.scale
            yield where, block

    def coefficients(self, matrix: FeatureMatrix, spectrum: Spectrum) -> np.ndarray:
        """U^T Z (k, E)."""
        if self.classes is not None:
            of_classes = matrix.left_coefficients(spectrum, self.classes)
            return sum(of_classes[:, where] @ block for where, block in self.blocks())
        found = matrix.left_coefficients(spectrum, self.rows)
        if np.ndim(spectrum.centre) == 0:  # features not centred; else U^T 1 = 0, and the mean drops out
            found = found - matrix.left_coefficients(spectrum, np.ones((len(matrix), 1))) * self.mean
        return found * self.scale


@dataclass(frozen=True, eq=False)
class FLabels:
    """A target's F-labels by K text encoders. Methods take them in place of label_embeddings and do not check again."""

    encoders: tuple[EncoderLabels, ...]
    samples: int


Embeddings = Iterable[np.ndarray] | None


def embedded(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None,
    class_embeddings: Embeddings,
    label_embeddings: Embeddings | FLabels,
    targets: np.ndarray | None,
) -> tuple[FeatureMatrix, FLabels]:
    """Checked features with their `f_labels`: every method on F-labels starts from these. Raises as both checks do."""
    matrix = FeatureMatrix.of(features)
    return matrix, f_labels(len(matrix), labels, class_embeddings, label_embeddings, targets)


def f_labels(
    samples: int,
    labels: np.ndarray | Classes | None,
    class_embeddings: Embeddings,
    label_embeddings: Embeddings | FLabels,
    targets: np.ndarray | None,
) -> FLabels:
    """F-labels of K encoders, from the first of these that is given:

    1. label_embeddings: K arrays (N, E_k);
    2. class_embeddings: K arrays (C, E_k), by labels (N,); or by multi-hot targets (N, C), where a sample's F-label is
       the mean of its classes' embeddings;
    3. targets (N, T) of a regression, which serve as labels as they are, without a text encoder (K = 1).

    Raises ValueError for unsound or mismatched arrays; ScoreError where there are no F-labels, for one class, for
    samples without a class, and where an encoder gives all targets the same embedding.
    """
    classes = None
    if isinstance(label_embeddings, FLabels):
        if label_embeddings.samples != samples:
            raise ValueError(f"F-labels of {label_embeddings.samples} samples do not fit {samples}")
        return label_embeddings
    if label_embeddings is not None:
        given = [checked_matrix(array, "label_embeddings") for array in label_embeddings]
    elif class_embeddings is not None:
        if labels is not None:
            classes = checked_labels(labels, samples)
            given = [_of_classes(checked_matrix(array, "class_embeddings"), classes) for array in class_embeddings]
        else:
            sets, classes = _label_sets(targets, samples)
            given = [_of_sets(checked_matrix(array, "class_embeddings"), sets) for array in class_embeddings]
    elif targets is not None:
        given = [checked_matrix(targets, "targets")]
    else:
        raise ScoreError("the target has no F-labels")
    if not given:
        raise ScoreError("no text encoder gave embeddings")
    return FLabels(tuple(_standardised(k, rows, classes, samples) for k, rows in enumerate(given)), samples)


def _of_classes(array: np.ndarray, classes: Classes) -> np.ndarray:
    if classes.names[-1] >= len(array):
        raise ValueError(f"class_embeddings have no row for label {classes.names[-1]}")
    return array[classes.names]


def _label_sets(targets: np.ndarray | None, samples: int) -> tuple[np.ndarray, Classes]:
    """The distinct rows (S, C) of multi-hot targets, and which of them each sample has."""
    if targets is None or not multi_hot(np.asarray(targets)):
        raise ValueError("class_embeddings need labels, or targets of 0 and 1 with one column per class")
    if len(targets) != samples:
        raise ValueError(f"targets have {len(targets)} rows for {samples} samples")
    sets, codes = np.unique(targets, axis=0, return_inverse=True)
    if len(sets) < 2:
        raise ScoreError("all samples have the same classes")
    classes = checked_labels(codes.ravel(), samples)
    if lacking := classes.counts[sets.sum(axis=1) == 0].sum():
        raise ScoreError(f"{lacking} samples have no class, and so no F-label")
    return sets.astype(np.float64), classes


def _of_sets(array: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """(S, E): the mean of the embeddings of each set's classes."""
    if len(array) != sets.shape[1]:
        raise ValueError(f"class_embeddings have {len(array)} rows for {sets.shape[1]} columns of targets")
    # As differences from one class: a column that is the same for all classes stays so to the last digit.
    base = array[sets[0].argmax()].astype(np.float64)
    return base + (sets / sets.sum(axis=1, keepdims=True)) @ (array - base)


def _standardised(k: int, rows: np.ndarray, classes: Classes | None, samples: int) -> EncoderLabels:
    if classes is None and len(rows) != samples:
        raise ValueError(f"label embeddings of encoder {k} have {len(rows)} rows for {samples} samples")
    if classes is None:
        mean = column_means(rows)
        variance = sum((block**2).sum(axis=0) for _, block in row_blocks(rows, mean)) / samples
    else:
        share = classes.counts / samples
        mean = share @ rows.astype(np.float64)
        variance = share @ (rows - mean) ** 2
    varies = np.ptp(rows, axis=0) > 0
    if not varies.any():
        raise ScoreError(f"text encoder {k} gives all targets the same embedding")
    return EncoderLabels(rows, classes, mean, np.divide(1, np.sqrt(variance), out=np.zeros(len(mean)), where=varies))
