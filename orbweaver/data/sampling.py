"""Which samples are taken, and which are trained on: rows of a dataset, drawn so that targets keep their shares."""

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

    Each class gets its share, values are spanned, and equal sets of labels count as a class. Rows of equal targets are
    in random order; so are all where nothing is to be told of them, (N, 0).
    """
    rows = random.permutation(len(targets))
    if targets.size:
        _, order = np.unique(targets.reshape(len(targets), -1), axis=0, return_inverse=True)
        rows = rows[np.argsort(order.reshape(-1)[rows], kind="stable")]
    return np.sort(rows[((np.arange(count) + random.random()) * len(rows) / count).astype(int)])


def of_each_class(targets: np.ndarray, budget: int, random: np.random.Generator) -> np.ndarray:
    """Sorted rows: at most `budget` of each class. A larger budget keeps what a smaller one took.

    targets: (N,) class indices, or (N, C) bool. Of several labels all count, and none at all is one more class; a row
    is taken as long as one of its classes is short of rows.
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
    """(N,) bool, which rows are trained on: a share of all, which each class has too, or so many of each class."""
    train = np.zeros(len(labels), bool)
    shuffled = [random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    if per_class is not None:
        for rows in shuffled:
            train[rows[:per_class]] = True
    else:  # the shares of all classes together are the share of the whole, to the image
        train[np.concatenate(shuffled)] = np.diff(np.floor(np.arange(len(labels) + 1) * share + 0.5)) > 0
    return train
