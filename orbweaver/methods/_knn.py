"""Leave-one-out nearest neighbours: the plainest look at what a feature space holds.

arXiv 2503.18528 found an evaluation by nearest neighbours ahead of 23 metrics, on 16 datasets; its k, its distance and
its split were not established, so neither method here claims to be that estimator.
"""

import numpy as np

from ._checked import Classes, classes_or_targets
from ._matrix import FeatureMatrix, labelled, row_blocks
from .sampling import sampled

NEIGHBOURS = 5
REFERENCES = 5_000
QUERIES = 2_000
BLOCK = 500  # queries compared at a time


def knn(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    targets: np.ndarray | None = None,
    seed: int = 0,
) -> float:
    """Accuracy (labels) or mean R^2 over columns (targets) of the 5 nearest neighbours, leave-one-out.

    Nearness is the cosine of the features as they are, a zero row being orthogonal to all. For labels the most
    frequent class among the neighbours wins, of equally frequent ones the one with the nearest member; for targets
    the neighbours' mean counts. Five neighbours: enough to vote, few enough for small classes. The work grows with
    N^2, so at most 5,000 samples (a stratified draw) serve as neighbours and 2,000 of those as queries, drawn with
    the seed. See the module for the paper (arXiv 2503.18528) that found such an estimate ahead of 23 metrics.

    features (N, D); labels (N,) or targets (N, T), of which columns that never vary are left out.
    Raises ValueError for unsound arrays, ScoreError for one class or constant targets.
    """
    features = FeatureMatrix.of(features).array
    n = len(features)
    classes, targets = classes_or_targets(n, labels, targets)

    references = sampled(n, REFERENCES, seed, classes)
    queries = sampled(len(references), QUERIES, seed)
    units = np.empty((len(references), features.shape[1]))
    for where, block in row_blocks(features, rows=references):
        length = np.sqrt(np.einsum("ij,ij->i", block, block))[:, None]
        np.divide(block, np.where(length > 0, length, 1), out=units[where])

    nearest = np.concatenate([_nearest(units, part) for part in np.split(queries, range(BLOCK, len(queries), BLOCK))])
    if targets is None:
        codes = classes.codes[references]
        near = codes[nearest]
        votes = (near[:, :, None] == near[:, None, :]).sum(axis=2)
        # Neighbours come nearest first, and argmax takes the first of equals.
        chosen = near[np.arange(len(near)), votes.argmax(axis=1)]
        return float((chosen == codes[queries]).mean())
    values = targets[references]
    lost = ((values[queries] - values[nearest].mean(axis=1)) ** 2).mean(axis=0)
    return float(1 - (lost / targets.var(axis=0)).mean())


def knn_parc(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, seed: int = 0) -> float:
    """100 x accuracy of the one nearest neighbour, leave-one-out: the baseline "1-NN" of PARC's code and tables.

    Bolya et al. 2021 (arXiv 2111.06977). Euclidean distance of the features as they are; of equally near samples the
    first counts. The published code sorts each sample's row of distances and drops the first entry, so a duplicate may
    leave a sample among its own neighbours; here it never is. Samples as in `knn`. Free: names of classes,
    scale, translation, rotation, and the order of samples but for ties.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    matrix, classes = labelled(features, labels)
    references = sampled(len(matrix), REFERENCES, seed, classes)
    queries = sampled(len(references), QUERIES, seed)
    points = np.empty((len(references), matrix.shape[1]))
    for where, block in row_blocks(matrix.array, matrix.mean, references):
        points[where] = block
    lengths = np.einsum("ij,ij->i", points, points)
    codes, hits = classes.codes[references], 0
    for part in np.split(queries, range(BLOCK, len(queries), BLOCK)):
        far = lengths - 2 * points[part] @ points.T  # less the query's own length
        far[np.arange(len(part)), part] = np.inf
        hits += (codes[far.argmin(axis=1)] == codes[part]).sum()
    return float(100 * hits / len(queries))


def _nearest(units: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """(Q, k): indices of each query's nearest rows other than itself, nearest first."""
    cosine = units[queries] @ units.T
    cosine[np.arange(len(queries)), queries] = -np.inf
    k = min(NEIGHBOURS, len(units) - 1)
    found = np.argpartition(cosine, -k, axis=1)[:, -k:]
    order = np.argsort(-np.take_along_axis(cosine, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)
