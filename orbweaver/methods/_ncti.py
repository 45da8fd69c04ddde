"""NCTI, how near features are to neural collapse (Wang et al. 2023, ICCV): its three parts."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.special import softmax

from ._checked import Classes, ScoreError
from ._matrix import FeatureMatrix, labelled

DIMENSIONS = 64
LEADING = 32
LEAST = 1e-10  # strength of shrinkage below which there is none
NEGLIGIBLE = 1e-4  # of singular values


class _Parts(NamedTuple):
    geometry: float
    posterior: float
    collapse: float


def ncti_seli(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """First part of NCTI, geometry: the nuclear norm of the samples along their Fisher discriminants.

    NCTI combines its parts over the zoo: mm(seli) + mm(ncc) - mm(vc), where mm rescales to 0 for the smallest value in
    the zoo and 1 for the largest (`tables.joined`). As in its published code:

    1. T (N, k), the samples along their k = min(64, rank) leading principal axes, with variances v_j (divisor N - 1);
       the strength of shrinkage s = max(exp(-(v_1 + ... + v_32)), 1e-10).
    2. Where s = 1e-10 (wide or large features): discriminants P that whiten the scatter within classes W, here divided
       by N - C, in directions whose singular value exceeds 1e-4; g_c = P P^T m_c.
       Else: S_a = (1 - s) S + s tr(S)/k I within and in total, P the leading min(C - 1, k) generalised eigenvectors
       of (total - within, within), scaled to P^T within P = I; g_c = within^-1 m_c.
    3. Posteriors Q (N, C): softmax over c of x^T g_c - m_c^T g_c / 2 + log n_c/N.
    4. seli = |T P|_*;  ncc = mean posterior of the true class;  vc = log sum_c |Q of the samples of class c|_*.

    The published code calls scikit-learn, whose PCA is randomised for wide features (here it is exact) and whose linear
    discriminants divide W by N - C up to version 1.9.0 and by N in 1.9.1. That code fails for fewer than 64 dimensions,
    where here k is smaller. The paper speaks of the collapse of the variability of *features*; vc measures that of the
    posteriors. PTMs that fall under different cases of step 2 have values on different scales. Invariant to sample
    order, class names, translation and rotation; not to the scale of the features.

    features (N, D), labels (N,). Raises ValueError for unsound arrays; ScoreError for one class, as many classes as
    samples, constant features, and where the samples of each class are one point.
    """
    return _of(features, labels).geometry


def ncti_ncc(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """Second part of NCTI, nearest centre: mean posterior of the true class, 0 to 1. See `ncti_seli`."""
    return _of(features, labels).posterior


def ncti_vc(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """Third part of NCTI: minus the variability of posteriors within classes, -vc. See `ncti_seli`."""
    return -_of(features, labels).collapse


def _of(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> _Parts:
    matrix, classes = labelled(features, labels)
    return matrix.once(_parts, classes)


def _parts(matrix: FeatureMatrix, classes: Classes) -> _Parts:
    n = len(matrix)
    if len(classes) == n:
        raise ScoreError("each class has one sample, so that there is no spread within classes")
    points = matrix.leading(DIMENSIONS)
    if not points.shape[1]:
        raise ScoreError("the features are the same for all samples")
    scatter = matrix.centred.values[: points.shape[1]]
    means = classes.sums(points) / classes.counts[:, None]
    residuals = points - means[classes.codes]
    within = residuals.T @ residuals
    if np.trace(within) <= n * np.finfo(float).eps * scatter.sum():
        raise ScoreError("the samples of each class are one point")

    strength = max(np.exp(-scatter[:LEADING].sum() / (n - 1)), LEAST)
    analyse = _shrunk if strength > LEAST else _whitened
    axes, weights = analyse(scatter, within, means, classes, strength)
    logits = points @ weights - (means.T * weights).sum(axis=0) / 2 + np.log(classes.counts / n)
    posterior = softmax(logits, axis=1)
    along = np.linalg.eigvalsh((axes.T * scatter) @ axes)
    return _Parts(
        geometry=float(np.sqrt(np.maximum(along, 0)).sum()),
        posterior=float(posterior[np.arange(n), classes.codes].mean()),
        collapse=float(np.log(sum(_nuclear_norm(posterior[rows]) for rows in classes.members()))),
    )


def _whitened(
    scatter: np.ndarray, within: np.ndarray, means: np.ndarray, classes: Classes, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """P (k, q) and the columns g_c (k, C), without shrinkage."""
    n, count = classes.counts.sum(), len(classes)
    deviations = np.sqrt(np.diag(within) / n)
    deviations[deviations == 0] = 1
    values, turned = np.linalg.eigh(within / (n - count) / np.outer(deviations, deviations))
    kept = np.sqrt(np.maximum(values, 0)) > NEGLIGIBLE
    white = turned[:, kept] / np.sqrt(values[kept]) / deviations[:, None]
    _, sizes, right = np.linalg.svd(np.sqrt(classes.counts / n)[:, None] * (means @ white), full_matrices=False)
    axes = white @ right[sizes > NEGLIGIBLE * sizes[0]].T
    return axes, axes @ (axes.T @ means.T)


def _shrunk(
    scatter: np.ndarray, within: np.ndarray, means: np.ndarray, classes: Classes, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """P (k, q) and the columns g_c (k, C), with shrinkage."""
    n, k = classes.counts.sum(), len(scatter)
    within = (1 - strength) * within / n + strength * np.trace(within) / (n * k) * np.eye(k)
    total = np.diag((1 - strength) * scatter / n + strength * scatter.sum() / (n * k))
    count = min(len(classes) - 1, k)
    _, axes = eigh(total - within, within, subset_by_index=[k - count, k - 1])
    return axes, np.linalg.solve(within, means.T)


def _nuclear_norm(rows: np.ndarray) -> float:
    return np.linalg.svd(rows, compute_uv=False).sum()
