"""Plain baselines that cost next to nothing; a more complicated score has to beat them."""

import warnings

import numpy as np

from ._checked import Classes, ScoreError
from ._matrix import FeatureMatrix, labelled, row_blocks
from .sampling import sampled

SMOOTHING = 1e-9  # of the largest variance, added to all: scikit-learn's
DIMENSIONS = 64
SAMPLES = 2_000


def naive_bayes(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """Accuracy of Gaussian naive Bayes, leave-one-out.

    Classes have a mean m and a biased variance v per feature, to which 1e-9 of the features' largest variance is added
    as scikit-learn's GaussianNB does, and their frequencies as priors. With sample x left out, its class of n samples
    has mean m - (x - m) / (n - 1) and variance n v / (n - 1) - n (x - m)^2 / (n - 1)^2, so nothing is fitted again.
    The only sample of a class counts as misclassified.
    Invariant to sample order, class names, scale and translation; not to rotation.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class or constant features.
    """
    matrix, classes = labelled(features, labels)
    n = classes.counts
    means, variances = matrix.class_sums(classes) / n[:, None], matrix.class_variances(classes)
    largest = (n @ (variances + means**2)).max() / len(matrix)
    if not largest > 0:
        raise ScoreError("the features are the same for all samples")
    added = SMOOTHING * largest
    precisions = 1 / (variances + added)
    constants = np.log(n) - (np.log(variances + added).sum(axis=1) + (means**2 * precisions).sum(axis=1)) / 2
    hits = 0
    for where, block in row_blocks(matrix.array, matrix.mean):
        codes = classes.codes[where]
        logs = constants - (block**2 @ precisions.T) / 2 + block @ (means * precisions).T
        own, rows = n[codes], np.arange(len(codes))
        block -= means[codes]
        np.square(block, out=block)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = (own / (own - 1))[:, None]
            without = variances[codes]  # in place from here on: new blocks cost more than the sums
            without *= share
            without -= share / (own - 1)[:, None] * block
            without = np.maximum(without, 0, out=without)
            without += added
            block *= share**2
            block /= without
            logs[rows, codes] = np.log(own - 1) - (np.log(without, out=without) + block).sum(axis=1) / 2
        logs[rows[own == 1], codes[own == 1]] = -np.inf
        hits += (logs.argmax(axis=1) == codes).sum()
    return float(hits / len(matrix))


def fisher(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """Fisher ratio: the scatter between classes over that within, tr S_b / tr S_w.

    Invariant to sample order, class names, scale, translation and rotation. features (N, D), labels (N,). Raises
    ValueError for unsound arrays; ScoreError for one class, and where the samples of each class are one point.
    """
    matrix, classes = labelled(features, labels)
    between = ((matrix.class_sums(classes) ** 2).sum(axis=1) / classes.counts).sum()
    within = classes.counts @ matrix.class_variances(classes).sum(axis=1)
    if within <= len(matrix) * np.finfo(float).eps * (between + within):
        raise ScoreError("the samples of each class are one point")
    return float(between / within)


def silhouette(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, seed: int = 0) -> float:
    """Mean silhouette of the samples: (b - a) / max(a, b).

    a is a sample's mean distance to its own class, b that to the nearest other class. Rousseeuw 1987, with Euclidean
    distances, by scikit-learn. Between -1 and 1; 0 for a class of one sample. At most 2,000 samples, a stratified draw
    with the seed, take part. Invariant to sample order, class names, scale, translation and rotation.

    features (N, D), labels (N,). Raises ValueError for unsound arrays; ScoreError for one class, and as many classes as
    samples.
    """
    from sklearn.metrics import silhouette_score  # here, since importing it takes longer than most methods

    matrix, classes = labelled(features, labels)
    chosen = sampled(len(matrix), SAMPLES, seed, classes)
    codes = classes.codes[chosen]
    if not 1 < len(np.unique(codes)) < len(chosen):
        raise ScoreError("each class has one sample, so that there is no distance within a class")
    # Distances between centred samples lose fewer digits.
    return float(silhouette_score(np.subtract(matrix.array[chosen], matrix.mean, dtype=np.float64), codes))


def kmeans_nmi(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, seed: int = 0) -> float:
    """Normalised mutual information of the classes and as many clusters of k-means, 0 to 1, by scikit-learn.

    k-means with one k-means++ start of this seed on the 64 leading principal axes; mutual information divided by the
    mean of the two entropies. Invariant to class names, translation, rotation and scale; not to sample order, on which
    the start depends.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class or constant features.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import normalized_mutual_info_score

    matrix, classes = labelled(features, labels)
    points = matrix.leading(DIMENSIONS)
    if not points.shape[1]:
        raise ScoreError("the features are the same for all samples")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different samples than classes
        clusters = KMeans(len(classes), n_init=1, random_state=seed).fit_predict(points)
    return float(normalized_mutual_info_score(classes.codes, clusters))
