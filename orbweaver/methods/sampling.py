"""Draws some of the samples, for methods that cost more than one pass over all of them."""

import numpy as np

from ._checked import Classes, checked_labels


def sampled(samples: int, size: int, seed: int, labels: np.ndarray | Classes | None = None) -> np.ndarray:
    """Sorted indices of at most `size` of the samples, drawn without replacement.

    With labels (N,) each class keeps its share to within one sample. Raises as `checked_labels` for unsound labels,
    ScoreError for one class.
    """
    classes = None if labels is None else checked_labels(labels, samples)
    if samples <= size:
        return np.arange(samples)
    random = np.random.default_rng(seed)
    if classes is None:
        return np.sort(random.choice(samples, size, replace=False))
    shuffled = np.concatenate([random.permutation(members) for members in classes.members()])
    # Equal steps through the samples in class order take from each class its share.
    steps = (np.arange(size) + random.random()) * samples / size
    return np.sort(shuffled[steps.astype(np.intp)])
