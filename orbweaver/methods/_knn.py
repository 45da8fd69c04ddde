"""Leave-one-out nearest neighbours: the plainest look at what a feature space holds.

arXiv 2503.18528 found an evaluation by nearest neighbours ahead of 23 metrics, on 16 datasets; its k, its distance and
its split were not established, so neither method here claims to be that estimator.
"""

from dataclasses import dataclass

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
    matrix = FeatureMatrix.of(features)
    classes, targets = classes_or_targets(len(matrix), labels, targets)
    found = _neighbours(matrix, classes, seed)
    if targets is None:
        codes = classes.codes[found.references]
        near = codes[found.by_angle]
        votes = (near[:, :, None] == near[:, None, :]).sum(axis=2)
        # Neighbours come nearest first, and argmax takes the first of equals.
        chosen = near[np.arange(len(near)), votes.argmax(axis=1)]
        return float((chosen == codes[found.queries]).mean())
    values = targets[found.references]
    lost = ((values[found.queries] - values[found.by_angle].mean(axis=1)) ** 2).mean(axis=0)
    return float(1 - (lost / targets.var(axis=0)).mean())


def knn_parc(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, seed: int = 0) -> float:
    """100 x accuracy of the one nearest neighbour, leave-one-out: the baseline "1-NN" of PARC's code and tables.

    Bolya et al. 2021 (arXiv 2111.06977). Euclidean distance of the features as they are. The published code sorts each
    sample's row of distances and drops the first entry, so a duplicate may leave a sample among its own neighbours;
    here it never is. Samples as in `knn`. Invariant to class names, scale, translation, rotation, and, but for ties, to
    sample order.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    matrix, classes = labelled(features, labels)
    found = _neighbours(matrix, classes, seed)
    codes = classes.codes[found.references]
    return float(100 * (codes[found.by_distance] == codes[found.queries]).mean())


@dataclass(frozen=True)
class _Neighbours:
    """Of Q queries among R references, nearest first and never a query itself."""

    references: np.ndarray  # (R,) samples
    queries: np.ndarray  # (Q,) places among the references, as are the following
    by_angle: np.ndarray  # (Q, k) largest cosine
    by_distance: np.ndarray  # (Q,) least Euclidean distance


def _neighbours(matrix: FeatureMatrix, classes: Classes | None, seed: int) -> _Neighbours:
    if classes is None:
        return _searched(matrix, None, seed)
    found = matrix.once(_no_searches, classes)
    if seed not in found:
        found[seed] = _searched(matrix, classes, seed)
    return found[seed]


def _no_searches(matrix: FeatureMatrix, classes: Classes) -> dict[int, _Neighbours]:
    return {}


def _searched(matrix: FeatureMatrix, classes: Classes | None, seed: int) -> _Neighbours:
    references = sampled(len(matrix), REFERENCES, seed, classes)
    queries = sampled(len(references), QUERIES, seed)
    units, lengths = np.empty((len(references), matrix.shape[1])), np.empty(len(references))
    for where, block in row_blocks(matrix.array, rows=references):
        lengths[where] = np.sqrt(np.einsum("ij,ij->i", block, block))
        np.divide(block, np.where(lengths[where] > 0, lengths[where], 1)[:, None], out=units[where])
    by_angle, by_distance = [], []
    for part in np.split(queries, range(BLOCK, len(queries), BLOCK)):
        cosine = units[part] @ units.T
        far = cosine * lengths  # becomes the squared distance, less the query's own squared length
        far *= -2 * lengths[part, None]
        far += lengths**2
        itself = np.arange(len(part)), part
        cosine[itself], far[itself] = -np.inf, np.inf
        by_angle.append(_largest(cosine))
        by_distance.append(far.argmin(axis=1))
    return _Neighbours(references, queries, np.concatenate(by_angle), np.concatenate(by_distance))


def _largest(cosine: np.ndarray) -> np.ndarray:
    """(Q, k): the places of each row's largest values, the largest first."""
    k = min(NEIGHBOURS, cosine.shape[1] - 1)
    found = np.argpartition(cosine, -k, axis=1)[:, -k:]
    order = np.argsort(-np.take_along_axis(cosine, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)
