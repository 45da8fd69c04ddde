"""PARC (Bolya et al. 2021, arXiv 2111.06977)."""

import numpy as np

from ._checked import Classes, ScoreError, classes_or_targets, multi_hot
from ._matrix import FeatureMatrix
from .sampling import sampled

DIMENSIONS = 32
SAMPLES = 2000


def parc(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    targets: np.ndarray | None = None,
    seed: int = 0,
) -> float:
    """PARC: 100 x Spearman correlation of how far apart samples lie in features and in labels, over pairs of samples.

    The distance of two samples is 1 - Pearson correlation of their rows: of the 32 leading principal
    components, each standardised, and of the one-hot labels (0 within a class, constant between classes).
    The sign of a principal component is arbitrary, and the correlation of rows depends on it; here each component gets
    the sign of positive skewness, which neither a rotation of the features nor the order of samples changes.
    Multi-label targets (0/1, two columns or more) are compared in the same way, where a row of equal entries counts as
    uncorrelated with every other; other targets by Euclidean distance of standardised columns, since a correlation over
    one or two numbers says little. Pairs come from a stratified sample of at most 2,000 samples, drawn with the seed.
    Between -100 and 100.

    features (N, D); labels (N,) or targets (N, T). Raises ValueError for unsound arrays, ScoreError for one class,
    constant targets, or features of fewer than two dimensions.
    """
    matrix = FeatureMatrix.of(features)
    n = len(matrix)
    classes, targets = classes_or_targets(n, labels, targets)
    points = matrix.leading(DIMENSIONS)
    if points.shape[1] < 2:
        raise ScoreError("the features vary in fewer than two directions, where a correlation of rows says nothing")
    chosen = sampled(n, SAMPLES, seed, classes)
    pairs = np.triu_indices(len(chosen), 1)
    points = _standardised(points[chosen])
    points *= np.where((points**3).sum(axis=0) < 0, -1, 1)
    near = _correlations(points)[pairs]
    if targets is None:
        codes = classes.codes[chosen]
        return _percent(*_with_two_values(near, (codes[:, None] == codes)[pairs]))
    if targets.shape[1] > 1 and multi_hot(targets):
        alike = _ranks(np.round(_correlations(targets[chosen])[pairs], 9))  # few distinct values: equal are equal
    else:
        alike = _ranks(np.round(-_squared_distances(_standardised(targets[chosen]))[pairs], 9))
    near = _ranks(near)
    near -= near.mean()
    alike -= alike.mean()
    return _percent(near @ alike, (near @ near) * (alike @ alike))


def _percent(product: float, squares: float) -> float:
    if squares == 0:
        raise ScoreError("all pairs of samples are equally far apart")
    return float(100 * product / np.sqrt(squares))


def _with_two_values(values: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """Product of the centred ranks of values (P,) and the centred booleans (P,), and that of their squared lengths.

    The ranks of booleans are an affine function of them, so the booleans serve as they are. Of the values it takes the
    ranks where the boolean is true, and how often each value occurs. Counts are cubed as whole numbers, which for the P
    of 2,000 samples stay below 2^63.
    """
    ordered, some = np.sort(values), np.sort(values[true])
    ranks = (np.searchsorted(ordered, some) + np.searchsorted(ordered, some, "right") - 1) / 2
    p, k = len(values), len(some)
    repeats = np.diff(np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)), prepend=-1)
    squares = (p**3 - p - int((repeats**3 - repeats).sum())) / 12
    return (ranks - (p - 1) / 2).sum(), squares * k * (p - k) / p


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 0, equal values sharing their mean rank: scipy's rankdata takes thrice the time for millions."""
    order = np.argsort(values)
    ordered = values[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    repeats = np.diff(first, append=len(values))
    ranks = np.empty(len(values))
    ranks[order] = np.repeat(first + (repeats - 1) / 2, repeats)
    return ranks


def _standardised(rows: np.ndarray) -> np.ndarray:
    spread = rows.std(axis=0)
    return (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1)


def _correlations(rows: np.ndarray) -> np.ndarray:
    rows = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.where(length > 0, length, 1)
    return rows @ rows.T


def _squared_distances(rows: np.ndarray) -> np.ndarray:
    lengths = (rows**2).sum(axis=1)
    return lengths[:, None] + lengths - 2 * rows @ rows.T
