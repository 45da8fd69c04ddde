"""LFC, label-feature correlation (Deshpande et al. 2021, arXiv 2102.00084)."""

import numpy as np

from ._checked import Classes, ScoreError
from ._matrix import FeatureMatrix, labelled


def lfc(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """LFC: the cosine between K = X X^T and L (+1 for two samples of one class, else -1), each less its mean entry.

    Neither N x N matrix is formed. With mean m, Z = X - 1 m^T, class sums T_c of Z, p_c = n_c/N and
    l = 2 sum_c p_c^2 - 1 the mean of L,

        <K - k, L - l> = 2 sum_c (|T_c|^2 + 2 n_c T_c . m)
        |K - k|^2 = |Z^T Z|^2 + 2 N |Z m|^2        |L - l|^2 = N^2 (1 - l^2)

    in which the large common terms are cancelled algebraically rather than in floating point. Between -1 and 1.

    features (N, D), not normalised; labels (N,). Raises ValueError for unsound arrays, ScoreError for one class or
    constant features.
    """
    matrix, classes = labelled(features, labels)
    n = len(matrix)
    second, sums = matrix.moments, matrix.class_sums(classes)
    size = (second.gram**2).sum() + 2 * n * (second.along_mean**2).sum()
    if size == 0:
        raise ScoreError("the features are the same for all samples")
    aligned = 2 * ((sums**2).sum() + 2 * classes.counts @ (sums @ matrix.mean))
    mean = 2 * ((classes.counts / n) ** 2).sum() - 1
    return float(aligned / (np.sqrt(size) * n * np.sqrt(1 - mean**2)))
