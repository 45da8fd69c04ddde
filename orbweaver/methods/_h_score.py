"""H-Score (Bao et al. 2019, arXiv 2212.10082) and its shrunk form (Ibrahim et al. 2021, arXiv 2110.06893)."""

import numpy as np

from ._checked import Classes
from ._matrix import FeatureMatrix, labelled


def _between(matrix: FeatureMatrix, classes: Classes) -> np.ndarray:
    """(k,): along each principal axis, the share of the scatter that lies between classes."""
    coefficients = matrix.left_coefficients(matrix.centred, classes)
    return (coefficients**2 / classes.counts).sum(axis=1)


def h_score(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """H-Score: tr( pinv(cov f) cov(E[f | y]) ), between 0 and min(C - 1, rank).

    With Z = U S V^T the centred features and Y the one-hot labels this is |U^T Y diag(n_c)^-1/2|^2. Directions
    below the rounding level are left out, so the bound also holds for D > N, where code with rcond 1e-15 exceeds it.
    Features of rank N - 1 fit any label: the score is then C - 1 for every PTM; use `h_score_shrunk` instead.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    matrix, classes = labelled(features, labels)
    if len(matrix.centred.values) == len(matrix) - 1:
        return float(len(classes) - 1)  # exactly: rounding would rank PTMs that the score cannot tell apart
    return float(_between(matrix, classes).sum())


def h_score_shrunk(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """H-Score with the Ledoit-Wolf covariance: tr( S_a^-1 (1 - a) cov(E[f | y]) ), S_a = (1 - a) S + a tr(S)/D I.

    The intensity a is that of Ledoit and Wolf 2004 (doi 10.1016/S0047-259X(03)00096-4). Both covariances divide
    by N, so that a = 0 gives `h_score`; published code divides one by N, the other by N - 1, a factor that all PTMs
    share.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    matrix, classes = labelled(features, labels)
    n, d = matrix.shape
    values = matrix.centred.values / n
    size = values.sum() / d
    # Both in units of 1/D: the spread of the eigenvalues, and how much of it sampling noise explains.
    spread = (values**2).sum() / d - size**2
    noise = ((matrix.moments.lengths**2).mean() - (values**2).sum()) / (n * d)
    a = min(noise / spread, 1.0) if spread > 0 else 0.0
    shrunk = (1 - a) * values
    return float((_between(matrix, classes) * shrunk / (shrunk + a * size)).sum())
