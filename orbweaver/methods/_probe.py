"""A ridge classifier's (or regression's) leave-one-out result: plain, and hard to beat."""

import numpy as np

from ._checked import Classes, classes_or_targets
from ._matrix import FeatureMatrix, cross, labelled


def probe(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    targets: np.ndarray | None = None,
) -> float:
    """Accuracy (labels) or mean R^2 over columns (targets) of ridge regression with an intercept, leave-one-out.

    With U, s from the centred features Z = U diag(sqrt(s)) V^T, f = s / (s + r), the fit to Y is
    Yhat = 1 ybar^T + U diag(f) U^T Y, sample i has leverage h_i = 1/N + sum_j f_j u_ij^2, and without sample i its
    prediction would have been y_i - (y_i - yhat_i) / (1 - h_i), exactly (Allen 1974). Labels are regressed one-hot
    and the largest prediction wins. The ridge r minimises the generalised cross-validation error
    N |Y - Yhat|^2 / (N - 1 - sum f)^2 (Golub, Heath and Wahba 1979) over a grid of 10^-6 to 10^3 times the mean of s.

    features (N, D); labels (N,) or targets (N, T), whose columns count alike whatever their scale (those that never
    vary are left out). Raises ValueError for unsound arrays, ScoreError for one class or constant targets.
    """
    matrix = FeatureMatrix.of(features)
    n = len(matrix)
    classes, targets = classes_or_targets(n, labels, targets)
    if targets is not None:
        targets = (targets - targets.mean(axis=0)) / targets.std(axis=0)
    mean = np.zeros(targets.shape[1]) if classes is None else classes.counts / n
    spectrum = matrix.centred
    s = spectrum.values
    coefficients = matrix.left_coefficients(spectrum, targets if classes is None else classes)
    total = n * (len(mean) if classes is None else mean @ (1 - mean))
    f = s / (s + _ridge(s, (coefficients**2).sum(axis=1), total, n))

    hits, lost = 0, np.zeros(len(mean))
    for where, left in spectrum.left_blocks():
        fit = mean + left @ (f[:, None] * coefficients)
        kept = np.maximum(1 - 1 / n - left**2 @ f, 1e-10)[:, None]
        if classes is None:
            lost += (((targets[where] - fit) / kept) ** 2).sum(axis=0)
        else:
            true = np.eye(len(mean))[classes.codes[where]]
            without = true - (true - fit) / kept
            hits += (without.argmax(axis=1) == classes.codes[where]).sum()
    return float(hits / n if targets is None else 1 - lost.mean() / n)


def held_out_accuracy(
    features: np.ndarray, labels: np.ndarray, other_features: np.ndarray, other_labels: np.ndarray
) -> float:
    """Accuracy on other samples (M, D) of the ridge classifier of `probe`, fitted to features (N, D), labels (N,).

    A class that no fitted sample has is never predicted. Raises as `probe`.
    """
    matrix, classes = labelled(features, labels)
    n, spectrum = len(matrix), matrix.centred
    mean = classes.counts / n
    coefficients = matrix.left_coefficients(spectrum, classes)
    s = spectrum.values
    f = s / (s + _ridge(s, (coefficients**2).sum(axis=1), n * (mean @ (1 - mean)), n))
    scaled = (f / np.sqrt(s))[:, None] * coefficients
    if spectrum.tall:
        weights = spectrum.basis @ scaled
    else:  # V = Z^T U diag(s)^-1/2
        weights = cross(matrix.array, spectrum.basis @ (scaled / np.sqrt(s)[:, None]), matrix.mean)
    fit = mean + (other_features - matrix.mean) @ weights
    return float((classes.names[fit.argmax(axis=1)] == other_labels).mean())


def _ridge(s: np.ndarray, powers: np.ndarray, total: float, n: int) -> float:
    """The ridge with the least generalised cross-validation error; powers (k,): |u_j^T Y|^2, total: |Y - ybar|^2."""
    if not len(s):
        return 1.0
    grid = s.mean() * np.logspace(-6, 3, 91)
    f = s / (s + grid[:, None])
    error = np.maximum(total - powers.sum(), 0) + (1 - f) ** 2 @ powers
    return grid[np.argmin(error / (n - 1 - f.sum(axis=1)) ** 2)]
