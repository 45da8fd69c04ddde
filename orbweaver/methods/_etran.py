"""ETran (Gholami et al. 2023, ICCV): its parts."""

import numpy as np
from scipy.special import softmax

from ._checked import Classes, ScoreError, classes_or_targets
from ._matrix import FeatureMatrix, labelled, row_blocks

PER_MILLE = 5  # of the samples: those of least energy


def etran_lda(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """Classification part of ETran as its published code computes it: a nearest class mean.

    mean_i softmax_c( x_i^T m_c - |m_c|^2 / 2 + log n_c/N )[y_i], between 0 and 1, on the features as they are.

    The paper calls it linear discriminant analysis. Its code sets up a shrunk scatter S within classes, but solves
    S^-1 S_b, which is not symmetric, with a solver for symmetric matrices: the directions are orthonormal, the
    scatter cancels, and what remains is the formula above, a discriminant analysis whose covariance is the identity. So
    it depends on the features' scale: large features give posteriors of 0 and 1, small ones the class frequencies.
    Invariant to sample order, class names, translation and rotation. `sfda` begins with a full discriminant analysis.

    Combined over the zoo as `etran`: 0.85 mm(lda) + 0.15 mm(energy), where mm rescales to 0 for the smallest value in
    the zoo and 1 for the largest. The weights are those of the published scripts; how they were found is not known.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    matrix, classes = labelled(features, labels)
    means = matrix.class_sums(classes) / classes.counts[:, None]
    offsets = np.log(classes.counts / len(matrix)) - (means**2).sum(axis=1) / 2
    total = 0.0
    for where, block in row_blocks(matrix.array, matrix.mean):
        posterior = softmax(block @ means.T + offsets, axis=1)
        total += posterior[np.arange(len(posterior)), classes.codes[where]].sum()
    return float(total / len(matrix))


def etran_energy(features: np.ndarray | FeatureMatrix) -> float:
    """Energy part of ETran: log sum_d exp(x_id), mean over the 5 in 1,000 samples where it is lowest.

    It uses no labels. It is minus the free energy of the penultimate features: higher means closer to the data that the
    PTM knows. It grows as log D at equal activations: a wider PTM scores higher. At least one sample counts; the
    published code has no value for N < 200. Invariant to sample order; not to rotation or scale. A number that is added
    to all features is added to the score.

    features (N, D). Raises ValueError for unsound arrays.
    """
    array = FeatureMatrix.of(features).array
    energy = np.empty(len(array))
    for where, block in row_blocks(array):  # by hand, with fewer passes than scipy's logsumexp
        top = block.max(axis=1)
        block -= top[:, None]
        energy[where] = np.log(np.exp(block, out=block).sum(axis=1)) + top
    count = max(PER_MILLE * len(energy) // 1000, 1)
    return float(np.partition(energy, count - 1)[:count].mean())


def etran_regression(features: np.ndarray | FeatureMatrix, targets: np.ndarray) -> float:
    """Regression part of ETran: minus the mean squared error of least squares without intercept, on the fitted samples.

    With X = U S V^T this is -(|Y|^2 - |U^T Y|^2) / (N T). In the published code it is a function for bounding boxes
    that nothing calls; it is no part of `etran`. That code keeps all singular values, here those at the rounding level
    are dropped. Columns of targets with a larger scale weigh more.

    features (N, D), targets (N, T), of which columns that never vary are left out. Raises ValueError for unsound
    arrays; ScoreError for constant targets, and where features of rank N fit anything.
    """
    matrix = FeatureMatrix.of(features)
    _, targets = classes_or_targets(len(matrix), None, targets)
    if len(matrix.raw.values) == len(matrix):
        raise ScoreError("features of rank N fit any targets")
    lost = (targets**2).sum() - (matrix.left_coefficients(matrix.raw, targets) ** 2).sum()
    return float(-max(lost, 0.0) / targets.size)
