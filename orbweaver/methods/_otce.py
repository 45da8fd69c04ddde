"""OTCE (Tan et al. 2021, arXiv 2103.13843)."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from ._checked import Classes, checked_labels
from ._leep import negative_conditional_entropy
from ._matrix import FeatureMatrix, labelled
from .sampling import sampled

SAMPLES = 1000


def otce(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes,
    source_features: np.ndarray | FeatureMatrix,
    source_labels: np.ndarray | Classes,
    seed: int = 0,
) -> float:
    """OTCE without auxiliary tasks: -H(Y | Y_source) under the optimal coupling of source and target samples.

    The coupling minimises the total squared Euclidean distance between features with uniform weights on both sides,
    exactly. Equally many samples are drawn on each side (stratified, with the seed, at most 1,000). Then an optimal
    coupling is an assignment, one-to-one, and since |a|^2 and |b|^2 add up to the same for all assignments, it is the
    one with the largest sum of inner products. The paper adds the transport cost with weights learnt from other tasks;
    its authors advise the entropy alone where there are none. Some published code returns cost + entropy with the sign
    that prefers the farther source. Between -log C and 0.

    features (N, D), labels (N,), source_features (M, D), source_labels (M,). Raises ValueError for unsound arrays,
    ScoreError for one class on either side.
    """
    matrix, classes = labelled(features, labels)
    other = FeatureMatrix.of(source_features, "source_features")
    source_classes = checked_labels(source_labels, len(other), "source_labels")
    if matrix.shape[1] != other.shape[1]:
        raise ValueError(f"features have {matrix.shape[1]} columns, source_features {other.shape[1]}")
    size = min(len(matrix), len(other), SAMPLES)
    rows = sampled(len(matrix), size, seed, classes)
    source_rows = sampled(len(other), size, seed, source_classes)
    target = np.subtract(matrix.array[rows], matrix.mean, dtype=np.float64)
    source = np.subtract(other.array[source_rows], other.mean, dtype=np.float64)
    partner = linear_sum_assignment(target @ source.T, maximize=True)[1]
    joint = np.zeros((len(classes), len(source_classes)))
    np.add.at(joint, (classes.codes[rows], source_classes.codes[source_rows[partner]]), 1)
    return negative_conditional_entropy(joint)
