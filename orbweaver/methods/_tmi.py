"""TMI, entropy of the features within classes (Xu and Kang 2023, ICCV)."""

import numpy as np
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.special import digamma

from ._checked import Classes, ScoreError
from ._matrix import FeatureMatrix, labelled
from .sampling import sampled

NEIGHBOURS = 3
FLOOR = 1.0  # of distances, in units of the features
SAMPLES = 5_000
BLOCK = 500


def tmi(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, seed: int = 0) -> float:
    """TMI: H(X | Y) = sum_c n_c/N H_c in nats, by Kozachenko and Leonenko's estimate from nearest neighbours.

    H_c = psi(n_c) - psi(3) + D mean_i log(2 r_i), with r_i the largest coordinate of the difference to the third
    nearest sample of the same class, but at least 1. More spread within classes is read as better.

    The published code also divides by the number of classes, which is the same for all PTMs. As there, classes of one
    to three samples add nothing. Its floor of 1 is in the features' own unit: where most samples lie closer than that,
    the score is a constant plus D log 2, and orders PTMs by their width, as `feature_width` does at no cost. Elsewhere
    the name TMI stands for another number, the trace of the scatter within classes.
    The work grows with the squares of n_c, so at most 5,000 samples (a stratified draw with the seed) take part.
    Invariant to sample order, class names and translation; not to rotation or scale.

    features (N, D), labels (N,). Raises ValueError for unsound arrays; ScoreError for one class, and where no class
    has more than three samples.
    """
    matrix, classes = labelled(features, labels)
    chosen = np.zeros(len(matrix), dtype=bool)
    chosen[sampled(len(matrix), SAMPLES, seed, classes)] = True
    entropy, any_class = 0.0, False
    for members in classes.members():
        members = members[chosen[members]]
        count = len(members)
        if count <= NEIGHBOURS:
            continue
        any_class = True
        distances = np.maximum(_to_neighbour(matrix.array[members].astype(np.float64)), FLOOR)
        own = digamma(count) - digamma(NEIGHBOURS) + matrix.shape[1] * np.log(2 * distances).mean()
        entropy += count / chosen.sum() * own
    if not any_class:
        raise ScoreError(f"no class has more than {NEIGHBOURS} samples")
    return float(entropy)


def _to_neighbour(points: np.ndarray) -> np.ndarray:
    """(n,): each point's distance, in the maximum norm, to the third nearest of the other points."""
    if len(points) <= BLOCK:
        return np.partition(squareform(pdist(points, "chebyshev")), NEIGHBOURS, axis=1)[:, NEIGHBOURS]
    found = []
    for start in range(0, len(points), BLOCK):
        distances = cdist(points[start : start + BLOCK], points, "chebyshev")
        found.append(np.partition(distances, NEIGHBOURS, axis=1)[:, NEIGHBOURS])
    return np.concatenate(found)
