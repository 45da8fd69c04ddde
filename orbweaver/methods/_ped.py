"""PED, potential energy decline (Li et al. 2023, ICCV): a transformation of the features before another score."""

from weakref import WeakKeyDictionary

import numpy as np
from scipy.spatial.distance import cdist

from ._checked import Classes
from ._logme import logme
from ._matrix import FeatureMatrix, labelled, row_blocks
from ._sfda import sfda

RADIUS = 0.6
STEP = 0.1**2 / 2
ROUNDS = 6
ENOUGH = 0.5  # of the first move: smaller moves are not made
LEAST_SPREAD = 1e-3


def ped_sfda(
    features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, source_features: np.ndarray | FeatureMatrix
) -> float:
    """SFDA of the features after the decline of potential energy, in which overlapping classes repel each other.

    With a and b the mean and the deviation (at least 0.001) of each feature on the PTM's source, in units
    (x - a) / b: classes have means m_c and radii r_c, the root of their total variance. At most six times

        gap_ij = max(0.6 (r_i + r_j) - |m_i - m_j|, 0),   step_ij = dt^2/2 gap_ij,  dt = 0.1
        m_i <- m_i + sum_j step_ij (m_i - m_j) / |m_i - m_j|

    as long as the sum of the moves' absolute values exceeds half of that of the first round. Each sample moves with its
    class mean, and the result is scaled back to the features' units; so the shape of a class never changes.
    0.6 is one of two values that the published code names (0.3 is the other), and its loop of six is not what its
    option "steps 5" says. Class means that coincide do not move each other here; that code divides by their distance.
    source_features are of a sample of the PTM's training data; published: ImageNet's validation set, for 12
    self-supervised PTMs. Invariant to sample order, class names, and a translation of either features; not to rotation.

    features (N, D), labels (N,), source_features (M, D). Raises ValueError for unsound arrays and for different widths;
    ScoreError as `sfda`.
    """
    return sfda(*declined(features, labels, source_features))


def ped_logme(
    features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, source_features: np.ndarray | FeatureMatrix
) -> float:
    """LogME of the features after the decline of potential energy: see `ped_sfda`. Errors as `logme`."""
    return logme(*declined(features, labels, source_features))


def declined(
    features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, source_features: np.ndarray | FeatureMatrix
) -> tuple[FeatureMatrix, Classes]:
    """The features (N, D) after the decline, in float64 and computed once; with their classes."""
    matrix, classes = labelled(features, labels)
    source = FeatureMatrix.of(source_features, "source_features")
    made = matrix.once(_nothing_made, classes)
    if source not in made:
        made[source] = _declined(matrix, classes, source)
    return made[source], classes


def _nothing_made(matrix: FeatureMatrix, classes: Classes) -> WeakKeyDictionary[FeatureMatrix, FeatureMatrix]:
    return WeakKeyDictionary()


def _declined(matrix: FeatureMatrix, classes: Classes, source: FeatureMatrix) -> FeatureMatrix:
    if source.shape[1] != matrix.shape[1]:
        raise ValueError(f"features have {matrix.shape[1]} columns, source_features {source.shape[1]}")
    variance = sum((block**2).sum(axis=0) for _, block in row_blocks(source.array, source.mean)) / len(source)
    spread = np.maximum(np.sqrt(variance), LEAST_SPREAD)
    # Distances do not depend on the origin, so class means are taken relative to the target's overall mean.
    means = matrix.class_sums(classes) / classes.counts[:, None] / spread
    radii = np.sqrt((matrix.class_variances(classes) / spread**2).sum(axis=1))
    return matrix.moved(classes, (repelled(means, radii) - means) * spread)


def repelled(means: np.ndarray, radii: np.ndarray) -> np.ndarray:
    """(C, D): the class means after the decline, from means (C, D) and radii (C,)."""
    reach = RADIUS * (radii[:, None] + radii)
    first = None
    for _ in range(ROUNDS):
        apart = cdist(means, means)
        push = np.divide(STEP * np.maximum(reach - apart, 0), apart, out=np.zeros_like(apart), where=apart > 0)
        move = push.sum(axis=1)[:, None] * means - push @ means
        change = np.abs(move).sum()
        first = change if first is None else first
        if change <= ENOUGH * first:
            break
        means = means + move
    return means
