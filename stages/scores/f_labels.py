"""F-labels: what a text encoder makes of each sample's target, for the methods that regress on them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from .algebra import Spectrum, column_means, left_coefficients, row_blocks
from .inputs import Classes, ScoreError, checked_labels, checked_matrix


@dataclass(frozen=True, eq=False)
class FLabels:
    """One encoder's F-labels Z (N, E), z-scored by column over the samples; a column that does not vary is zero.

    Z is never written out: labels of a class are kept once, and what is needed of them comes from class sums.
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

    def coefficients(self, features: np.ndarray, spectrum: Spectrum) -> np.ndarray:
        """U^T Z (k, E)."""
        if self.classes is not None:
            return left_coefficients(features, spectrum, self.classes) @ next(self.blocks())[1]
        found = left_coefficients(features, spectrum, self.rows)
        if np.ndim(spectrum.centre) == 0:  # else U is orthogonal to the mean
            found = found - left_coefficients(features, spectrum, np.ones((len(features), 1))) * self.mean
        return found * self.scale


def f_labels(
    samples: int,
    labels: np.ndarray | None,
    class_embeddings: Iterable[np.ndarray] | None,
    label_embeddings: Iterable[np.ndarray] | None,
    targets: np.ndarray | None,
) -> list[FLabels]:
    """F-labels of K encoders: `label_embeddings` (K arrays (N, E_k)), else `class_embeddings` (K arrays (C, E_k)) by
    `labels` (N,), else the targets (N, T) of a regression, which are their own label (K = 1).

    Raises ValueError for unsound or mismatched arrays, ScoreError where there are no F-labels, for one class, and for
    an encoder to which all targets are the same.
    """
    classes = None
    if label_embeddings is not None:
        given = [checked_matrix(array, "label_embeddings") for array in label_embeddings]
    elif class_embeddings is not None:
        if labels is None:
            raise ValueError("class_embeddings need labels")
        classes, present = checked_labels(labels, samples), np.unique(labels)
        given = [checked_matrix(array, "class_embeddings") for array in class_embeddings]
        if given and present[-1] >= min(len(array) for array in given):
            raise ValueError(f"class_embeddings have no row for label {present[-1]}")
        given = [array[present] for array in given]
    elif targets is not None:
        given = [checked_matrix(targets, "targets")]
    else:
        raise ScoreError("the target has no F-labels")
    if not given:
        raise ScoreError("no text encoder")
    found = []
    for k, rows in enumerate(given):
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
            raise ScoreError(f"encoder {k} embeds all targets alike")
        scale = np.divide(1, np.sqrt(variance), out=np.zeros(len(mean)), where=varies)
        found.append(FLabels(rows, classes, mean, scale))
    return found
