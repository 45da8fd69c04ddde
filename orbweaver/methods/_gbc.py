"""GBC, Gaussian Bhattacharyya coefficient (Pandy et al. 2022, arXiv 2111.12780)."""

import numpy as np
from scipy.spatial.distance import cdist

from ._checked import Classes
from ._matrix import FeatureMatrix, labelled

DIMENSIONS = 64
FLOOR = 1e-4


def gbc(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """GBC: -sum_{i != j} exp(-B_ij), the overlap of the classes as Gaussians, between -C (C - 1) and 0.

    With means m_c and diagonal covariances v_c along the 64 leading principal components and
    v = (v_i + v_j)/2:

        B_ij = 1/8 sum (m_i - m_j)^2 / v + 1/2 sum (log v - 1/2 log v_i - 1/2 log v_j)

    Variances have a floor of 1e-4 (so a class of one image has a spread). All is computed in logarithms: in published
    code with full covariances 64-dimensional determinants underflow, and values leave the bounds above; its spherical
    variant (`gbc_spherical`) misses the factor D of the log-variance.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    matrix, classes = labelled(features, labels)
    points = matrix.leading(DIMENSIONS)
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


def gbc_spherical(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """GBC with one variance a class, as its authors' released code has it by default (google-research).

    On the features as they are, without principal components: u_c the mean over features of class c's variances
    (biased, each with a floor of 1e-4), u = (u_i + u_j)/2,

        B_ij = 1/8 |m_i - m_j|^2 / u + 1/2 (log u - 1/2 log u_i - 1/2 log u_j)

    The last term lacks the factor D that two spherical Gaussians of D dimensions have: `gbc_spherical_full` has it.
    Which form the published tables were made with was not established; ports that say "spherical" differ among
    themselves. Between -C (C - 1) and 0; exactly 0 where every B_ij is above 745, as exp(-B_ij) is then 0 in floating
    point. Invariant to sample order, class names and translation, and to rotation where no variance is below the floor.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    return _spherical(*labelled(features, labels), 1)


def gbc_spherical_full(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """GBC of spherical Gaussians: as `gbc_spherical`, with the factor D in front of its second term."""
    matrix, classes = labelled(features, labels)
    return _spherical(matrix, classes, matrix.shape[1])


def _spherical(matrix: FeatureMatrix, classes: Classes, factor: int) -> float:
    means = matrix.class_sums(classes) / classes.counts[:, None]
    variances = np.maximum(matrix.class_variances(classes), FLOOR).mean(axis=1)
    logs = np.log(variances)
    both = (variances[:, None] + variances) / 2
    apart = cdist(means, means, "sqeuclidean") / both / 8
    apart += factor * (np.log(both) - (logs[:, None] + logs) / 2) / 2
    overlaps = np.exp(-apart)
    np.fill_diagonal(overlaps, 0)  # subtracting these ones from the sum instead would round small overlaps away
    return float(-overlaps.sum())
