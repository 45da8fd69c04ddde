"""Rows of a dataset, drawn so that targets keep their shares: which are used, and which of them are for training."""

from __future__ import annotations

import numpy as np

from orbweaver.core.errors import FileError


def balanced_labels(count: int, classes: int) -> np.ndarray:
    """(count,) labels 0..classes-1 in turn, so that class sizes differ by at most one."""
    return np.arange(count) % classes


def stratified_split(labels: np.ndarray, train: int, test: int, seed: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Indices of two disjoint splits in which classes have the shares that they have in `labels`.

    Raises FileError when there are fewer than train + test images.
    """
    from sklearn.model_selection import train_test_split

    if train + test > len(labels):
        raise FileError(f"dataset '{name}' has {len(labels)} images; {train} train + {test} test were asked for")
    first, second = train_test_split(
        np.arange(len(labels)), train_size=train, test_size=test, stratify=labels, random_state=seed
    )
    return first, second


def systematic(targets: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """`count` of N rows, sorted: equal steps through the rows in the order of their targets (N, ...).

    So each class keeps its share, and numbers are taken from their whole range; an equal set of labels counts as one
    class. Rows of equal targets are in random order; so are all rows if there are no targets, (N, 0).
    """
    rows = random.permutation(len(targets))
    if targets.size:
        _, order = np.unique(targets.reshape(len(targets), -1), axis=0, return_inverse=True)
        rows = rows[np.argsort(order.reshape(-1)[rows], kind="stable")]
    return np.sort(rows[((np.arange(count) + random.random()) * len(rows) / count).astype(int)])


def of_each_class(targets: np.ndarray, budget: int, random: np.random.Generator) -> np.ndarray:
    """Sorted rows: at most `budget` of each class. A larger budget keeps what a smaller one took.

    targets: (N,) class indices, or (N, C) bool. A row with several labels counts for each of them, one
    without labels for a class of its own; a row is taken while one of its classes has fewer than `budget` rows.
    """
    several = targets.ndim == 2
    taken = np.zeros(targets.shape[1] + 1 if several else targets.max(initial=0) + 1, int)
    chosen = []
    for row in random.permutation(len(targets)):
        of = np.append(targets[row], ~targets[row].any()) if several else [targets[row]]
        if (taken[of] < budget).any():
            taken[of] += 1
            chosen.append(row)
    return np.sort(np.array(chosen, int))


def train_part(
    labels: np.ndarray, random: np.random.Generator, *, share: float | None, per_class: int | None
) -> np.ndarray:
    """(N,) bool, which rows are for training: `share` of all and of each class, or `per_class` rows of each class."""
    train = np.zeros(len(labels), bool)
    shuffled = [random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    if per_class is not None:
        for rows in shuffled:
            train[rows[:per_class]] = True
    else:  # rounded so that the classes together have the share of the whole, to the image
        train[np.concatenate(shuffled)] = np.diff(np.floor(np.arange(len(labels) + 1) * share + 0.5)) > 0
    return train
