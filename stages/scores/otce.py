"""OTCE (Tan et al. 2021, arXiv 2103.13843)."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from .algebra import column_means
from .inputs import checked_labels, checked_matrix, labelled, stratified_sample
from .leep import negative_conditional_entropy

SAMPLES = 1000


def otce(
    features: np.ndarray, labels: np.ndarray, source_features: np.ndarray, source_labels: np.ndarray, seed: int = 0
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
    features, classes = labelled(features, labels)
    source_features = checked_matrix(source_features, "source_features")
    source_classes = checked_labels(source_labels, len(source_features), "source_labels")
    if features.shape[1] != source_features.shape[1]:
        raise ValueError(f"features have {features.shape[1]} columns, source_features {source_features.shape[1]}")
    size = min(len(features), len(source_features), SAMPLES)
    rows = stratified_sample(classes, size, seed)
    source_rows = stratified_sample(source_classes, size, seed)
    target = np.subtract(features[rows], column_means(features), dtype=np.float64)
    source = np.subtract(source_features[source_rows], column_means(source_features), dtype=np.float64)
    partner = linear_sum_assignment(target @ source.T, maximize=True)[1]
    joint = np.zeros((len(classes), len(source_classes)))
    np.add.at(joint, (classes.codes[rows], source_classes.codes[source_rows[partner]]), 1)
    return negative_conditional_entropy(joint)
