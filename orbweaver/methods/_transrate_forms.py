"""Variants of TransRate (Huang et al. 2022, arXiv 2106.09362) with which published tables were made."""

import numpy as np

from ._checked import Classes, ScoreError
from ._matrix import FeatureMatrix, labelled, row_blocks

EPS = 1e-4


def transrate_selection(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """TransRate as the authors' released code has it for model selection: the rate of H-Score's projections.

    With S, S_b the covariance in total and between classes, S_c that of class c about its own mean (all biased),
    H = S^+ S_b, e the singular values of S H, e^c those of S_c H, all divided by t = sum e, r the rank of S H:

        1/(2r) ( sum_j log(1 + e_j / eps) - sum_c n_c/N sum_j log(1 + e^c_j / eps) ),  eps = 1e-4

    The paper's table of model selection was made with this form, not with the printed formula, which is `transrate`.
    The code's eps differs by table (CIFAR-100 1e-5, Caltech-101 and -256 1e-3, SUN397 5e-3 for 7 PTMs; 1.5e-2 without
    the division by t, 2e-2, 1e-2, 7e-3 for 13), with others commented out beside the accuracies. Here eps is always the
    same: from the eigenvalues shipped with that code, the first of these tables comes out as printed for 1e-6 to 1e-4.
    Invariant to sample order, class names, translation, rotation and scale.

    S H is S_b, of rank C - 1 or less, and no D x D matrix per class is needed: with the centred class means, weighted
    by sqrt(n_c/N), as columns of G = Q R and A = S^+ G, e = the squared singular values of R, and e^c those of
    (S_c A) R^T.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class or equal class means.
    """
    matrix, classes = labelled(features, labels)
    n, spectrum = len(matrix), matrix.centred
    if not len(spectrum.values):
        raise ScoreError("the features are the same for all samples")
    if matrix.tall:
        points, centre, sums = matrix.array, matrix.mean, matrix.class_sums(classes)
        between = (sums / np.sqrt(n * classes.counts)[:, None]).T  # G
        inverse = spectrum.basis @ ((spectrum.basis.T @ between) / (spectrum.values[:, None] / n))
    else:
        points, centre = spectrum.coordinates(n), 0.0
        sums = classes.sums(points)
        between = (sums / np.sqrt(n * classes.counts)[:, None]).T
        inverse = between / (spectrum.values[:, None] / n)
    corner = np.linalg.qr(between, mode="r")
    sizes = np.linalg.svd(corner, compute_uv=False) ** 2
    total = sizes.sum()
    # Where all class means are equal, only the rounding error of the overall mean is left.
    if total <= np.finfo(float).eps * spectrum.values.sum() / n:
        raise ScoreError("all classes have the same mean")
    rank = int((sizes > sizes[0] * max(matrix.shape) * np.finfo(float).eps).sum())
    rate = np.log1p(sizes / total / EPS).sum()
    for members, count, own in zip(classes.members(), classes.counts, sums / classes.counts[:, None], strict=True):
        values = _singular_values(points, members, own + centre, inverse, corner) / count
        rate -= count / n * np.log1p(values / total / EPS).sum()
    return float(rate / (2 * rank))


def _singular_values(
    points: np.ndarray, rows: np.ndarray, mean: np.ndarray, inverse: np.ndarray, corner: np.ndarray
) -> np.ndarray:
    """Of Z^T Z A R^T, with Z (n, D) the rows less their mean, A (D, C) and R (C, C)."""
    if len(rows) <= points.shape[1]:  # Z^T = Q L, so those of L Z A R^T, of n rows
        z = np.subtract(points[rows], mean, dtype=np.float64)
        product = np.linalg.qr(z.T, mode="r") @ (z @ inverse @ corner.T)
    else:
        product = sum(block.T @ (block @ inverse @ corner.T) for _, block in row_blocks(points, mean, rows))
        product = np.linalg.qr(product, mode="r")
    return np.linalg.svd(product, compute_uv=False)


def transrate_rows(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """TransRate as the authors' released code has it for the choice of a layer: rows of unit length, over the rank.

    Rows z are scaled to unit length, centred, and scaled to unit length again; S and S_c are the means of z z^T over
    all rows and over those of class c, neither centred again:

        1/(2r) ( logdet(I + S / eps) - sum_c n_c/N logdet(I + S_c / eps) ),  eps = 1e-4, r the rank of S

    The paper's tables of layers use it (eps 1e-4, but 1e-5 for the sources Caltech-256 and SUN397, 1e-2 for SVHN), and
    so does its table of sources for CIFAR-100. The traces are 1, so the code's division by their sum changes nothing.
    A row that is zero at first, or after centring, stays zero. Invariant to sample order, class names, scale and
    rotation; not to translation.

    features (N, D), labels (N,). Raises ValueError for unsound arrays; ScoreError for one class, and where all rows
    have the same direction.
    """
    matrix, classes = labelled(features, labels)
    array, n = matrix.array, len(matrix)
    mean = sum(_units(block).sum(axis=0) for _, block in row_blocks(array)) / n
    whole = _gram(array, np.arange(n), mean)
    if not np.trace(whole) > 1e-9:
        raise ScoreError("the features of all samples have the same direction")
    within = sum(len(members) / n * _logdet(_gram(array, members, mean)) for members in classes.members())
    return float((_logdet(whole) - within) / (2 * _rank(whole, max(matrix.shape) * np.finfo(float).eps)))


def _logdet(gram: np.ndarray) -> float:
    """logdet(I + G / eps)"""
    gram = gram / EPS
    gram.flat[:: len(gram) + 1] += 1
    return 2 * np.log(np.diag(np.linalg.cholesky(gram))).sum()


def _rank(gram: np.ndarray, level: float) -> int:
    """How many eigenvalues of G are above the level times the largest one."""
    # No eigenvalue exceeds the trace; ten times the level is beyond the rounding of the factorisation.
    above = gram.copy()
    above.flat[:: len(gram) + 1] -= 10 * level * np.trace(gram)
    try:
        np.linalg.cholesky(above)
        return len(gram)
    except np.linalg.LinAlgError:
        values = np.linalg.eigvalsh(gram)
        return int((values > level * values[-1]).sum())


def _units(block: np.ndarray) -> np.ndarray:
    lengths = np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
    block /= np.where(lengths > 1e-12, lengths, np.inf)
    return block


def _gram(array: np.ndarray, rows: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Mean of z z^T over the rows, or the matrix of the same eigenvalues on the other side, the smaller of the two."""
    if len(rows) <= array.shape[1]:
        z = _units(_units(array[rows].astype(np.float64)) - mean)
        return z @ z.T / len(rows)
    total = 0.0
    for _, block in row_blocks(array, 0.0, rows):
        z = _units(_units(block) - mean)
        total = total + z.T @ z
    return total / len(rows)
