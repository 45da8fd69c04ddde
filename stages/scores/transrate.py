"""TransRate (Huang et al. 2022, arXiv 2106.09362)."""

import numpy as np

from .algebra import centred_spectrum, column_means, row_blocks
from .inputs import labelled

EPS = 1e-4


def transrate(features: np.ndarray, labels: np.ndarray) -> float:
    """TransRate: R(Z) - sum_c n_c/N R(Z_c), the coding rate that knowing the class saves.

    R(Z) = 1/2 logdet(I + Z^T Z / (n eps)), with eps = 1e-4 (eps^2 in the paper), Z centred by the overall mean and
    not normalised by rows. Classes weigh n_c/N as in the paper, where some published code weighs them 1/C. Each
    determinant is taken on the smaller side of its matrix, which has the same value.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    features, classes = labelled(features, labels)
    n = len(features)
    mean = column_means(features)
    whole = np.log1p(centred_spectrum(features).values / (n * EPS)).sum() / 2
    within = sum(len(rows) / n * _rate(features, rows, mean) for rows in classes.members())
    return float(whole - within)


def _rate(features: np.ndarray, rows: np.ndarray, mean: np.ndarray) -> float:
    if len(rows) <= features.shape[1]:
        z = np.subtract(features[rows], mean, dtype=np.float64)
        gram = z @ z.T
    else:
        gram = sum(block.T @ block for _, block in row_blocks(features, mean, rows))
    gram /= len(rows) * EPS
    gram.flat[:: len(gram) + 1] += 1
    return np.log(np.diag(np.linalg.cholesky(gram))).sum()
