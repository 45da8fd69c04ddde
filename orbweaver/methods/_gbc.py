"""GBC, Gaussian Bhattacharyya coefficient (Pandy et al. 2022, arXiv 2111.12780)."""

import numpy as np

from ._checked import Classes
from ._matrix import FeatureMatrix, labelled

DIMENSIONS = 64
FLOOR = 1e-4


def gbc(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """GBC: -sum_{i != j} exp(-B_ij), the overlap of the classes as Gaussians, between -C (C - 1) and 0.

    With means m_c and diagonal covariances v_c along the 64 leading principal components and
    v = (v_i + v_j)/2:

        B_ij = 1/8 sum (m_i - m_j)^2 / v + 1/2 sum (log v - 1/2 log v_i - 1/2 log v_j)

    Variances have a floor of 1e-4 (so a class of one image has a spread). In logarithms throughout: published code
    with full covariances lets 64-dimensional determinants underflow and leaves the bounds above, and its spherical
    variant misses the factor D of the log-variance.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    matrix, classes = labelled(features, labels)
    points = matrix.centred.coordinates(DIMENSIONS)
    counts = classes.counts[:, None]
    means = classes.sums(points) / counts
    variances = np.maximum(classes.sums((points - means[classes.codes]) ** 2) / counts, FLOOR)
    logs = np.log(variances).sum(axis=1)
    overlap = 0.0
    for i in range(len(classes) - 1):
        both = (variances[i] + variances[i + 1 :]) / 2
        apart = ((means[i] - means[i + 1 :]) ** 2 / both).sum(axis=1) / 8
        apart += (np.log(both).sum(axis=1) - (logs[i] + logs[i + 1 :]) / 2) / 2
        overlap += 2 * np.exp(-apart).sum()
    return float(-overlap)
