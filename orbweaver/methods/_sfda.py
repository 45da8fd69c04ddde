"""SFDA (Shao et al. 2022, arXiv 2207.03036)."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse.linalg import eigsh
from scipy.special import softmax

from ._checked import Classes, ScoreError
from ._matrix import FeatureMatrix, labelled, row_blocks


def sfda(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """SFDA: mean posterior of the true class under Fisher discriminants, after hard samples were made harder.

    With S_w = 1/N sum_c sum_{i in c} (x_i - m_c)(x_i - m_c)^T and the strength
    g = max(exp(-5 lambda_max(S_w)), 1e-10), the discriminants are those of S = (1 - g) S_w + g tr(S_w)/D I:

        d_c(x) = x^T S^-1 m_c - 1/2 m_c^T S^-1 m_c + log n_c/N

    ConfMix: x_i <- p_i x_i + (1 - p_i) o_{y_i}, with p_i the true-class entry of softmax(softmax(d(x_i))) and o_c
    the mean of the other classes' means. A second discriminant analysis with the same g gives the posteriors.
    lambda_max is exact here, where published code stops a power iteration after three rounds. The diagonal term is
    kept above the rounding level of the total scatter, which matters where classes are single points.
    For D > N everything is computed in the N dimensions that the samples span, with the same value. Between 0 and 1; it
    depends on the scale of the features.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class or constant features.
    """
    matrix, classes = labelled(features, labels)
    n, width = matrix.shape
    if not matrix.moments.lengths.any():
        raise ScoreError("the features are the same for all samples")
    if matrix.tall:
        points, centre = matrix.array, matrix.mean
        sums, scatter = matrix.class_sums(classes), matrix.moments.gram
    else:
        points, centre = matrix.centred.coordinates(n), 0.0
        sums, scatter = classes.sums(points), np.diag(matrix.centred.values)
    least = max(matrix.shape) * np.finfo(float).eps * _largest_eigenvalue(scatter) / n

    means = sums / classes.counts[:, None]
    within = _within(scatter, sums, means, n)
    strength = _strength(within)
    weights, offsets = _discriminants(within, means, classes, strength, width, least)
    trust = np.empty(n)
    for where, block in row_blocks(points, centre):
        posterior = softmax(softmax(block @ weights + offsets, axis=1), axis=1)
        trust[where] = posterior[np.arange(len(posterior)), classes.codes[where]]

    # Mixed samples are p x + (1 - p) o, with o the mean of the other classes' means. Terms in o come from class sums,
    # so samples are read twice more, and mixed ones are never stored.
    others = (means.sum(axis=0) - means) / (len(classes) - 1)
    scatter, firsts, seconds = np.zeros_like(scatter), np.zeros_like(sums), np.zeros_like(sums)
    for where, block in row_blocks(points, centre):
        block *= trust[where, None]
        scatter += block.T @ block
        firsts += classes.sums(block, where)
        seconds += classes.sums(block, where, trust)
    total, squares = (np.bincount(classes.codes, trust**power)[:, None] for power in (1, 2))
    crossed = seconds.T @ others
    scatter += (others * squares).T @ others - crossed - crossed.T
    sums = firsts - total * others
    mixed = sums / classes.counts[:, None]
    within = _within(scatter, sums, mixed, n)
    weights, offsets = _discriminants(within, others + mixed, classes, strength, width, least)
    along, found = others @ weights, 0.0
    for where, block in row_blocks(points, centre):
        codes, p = classes.codes[where], trust[where, None]
        posterior = softmax(p * (block @ weights) + (1 - p) * along[codes] + offsets, axis=1)
        found += posterior[np.arange(len(posterior)), codes].sum()
    return float(found / n)


def _within(scatter: np.ndarray, sums: np.ndarray, means: np.ndarray, n: int) -> np.ndarray:
    within = -sums.T @ means
    within += scatter
    within /= n
    return within


def _strength(within: np.ndarray) -> float:
    # tr(S^2) / tr(S) is a weighted mean of the eigenvalues, so the largest is above it. Beyond log(1e10) / 5 = 4.6 the
    # strength is 1e-10 whatever it is.
    if (within**2).sum() > 5 * np.trace(within):
        return 1e-10
    return max(np.exp(-5 * _largest_eigenvalue(within)), 1e-10)


def _largest_eigenvalue(matrix: np.ndarray) -> float:
    if len(matrix) < 64:
        return float(np.linalg.eigvalsh(matrix)[-1])
    start = np.random.default_rng(0).normal(size=len(matrix))  # else ARPACK draws one, unseeded
    return float(eigsh(matrix, k=1, v0=start, return_eigenvectors=False)[0])


def _discriminants(
    within: np.ndarray, means: np.ndarray, classes: Classes, strength: float, width: int, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights (D, C) and offsets (C,) of the discriminants; overwrites `within`."""
    diagonal = max(strength * np.trace(within) / width, least)
    within *= 1 - strength
    within.flat[:: len(within) + 1] += diagonal
    weights = cho_solve(cho_factor(within, overwrite_a=True), means.T)
    offsets = np.log(classes.counts / classes.counts.sum()) - (means.T * weights).sum(axis=0) / 2
    return weights, offsets
