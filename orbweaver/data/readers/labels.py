"""What a column of labels says: the task, its classes and targets."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from orbweaver.core.errors import UserError


class DataError(UserError):
    """A user's data cannot be ranked on; the message names what is wrong with it and what to do."""


Labels = tuple[list[str], np.ndarray]  # classes that occur, and targets as `Split` has them


def listed(values: pd.Series) -> bool:
    return len(values) > 0 and isinstance(values.dropna().iloc[0], list | np.ndarray)


def _rows(values: pd.Series) -> list[list]:
    """The items of each row of a column of lists; a value that is no list counts as a list of one."""
    return [[*row] if isinstance(row, list | np.ndarray) else [row] for row in values]


def _fractions(values: pd.Series, class_names: list[str]) -> bool:
    flat = pd.Series([item for row in _rows(values) for item in row]) if listed(values) else values
    return not class_names and pd.api.types.is_float_dtype(flat) and bool((flat % 1 != 0).any())


def _values(values: pd.Series, where: str, class_names: list[str]) -> Labels:
    try:
        targets = np.array(values.tolist() if listed(values) else pd.to_numeric(values), np.float64)
    except (ValueError, TypeError):
        raise DataError(f"{where}: not numbers, as a regression needs them") from None
    if not np.isfinite(targets).all():
        raise DataError(f"{where}: holds infinite values")
    return [], targets


def _multi_hot(values: pd.Series, where: str, class_names: list[str]) -> Labels:
    each = _rows(values) if listed(values) else _split(values)
    classes = class_names or sorted({str(item) for row in each for item in row})
    place = {name: i for i, name in enumerate(classes)}
    targets = np.zeros((len(each), len(classes)), bool)
    for row, items in enumerate(each):
        labels = np.array([int(item) if class_names else place[str(item)] for item in items], int)
        _check_named(labels, class_names, where)
        targets[row, labels] = True
    present = targets.any(axis=0)
    return [name for name, some in zip(classes, present, strict=True) if some], targets[:, present]


def _split(values: pd.Series) -> list[list[str]]:
    """Several labels written in one cell, as a|b or as pandas writes lists; spaces separate if no cell has | ; or ,."""
    cells = [str(value).strip().strip("[]") for value in values]
    between = r"[|;,]" if any(re.search(r"[|;,]", cell) for cell in cells) else r"\s+"
    items = [[item.strip().strip("'\"") for item in re.split(between, cell)] for cell in cells]
    return [[item for item in row if item] for row in items]


def _check_named(labels: np.ndarray, class_names: list[str], where: str) -> None:
    if class_names and labels.max(initial=0) >= len(class_names):
        raise DataError(f"{where}: holds the label {labels.max()}, but its file names {len(class_names)} classes")


def _indices(values: pd.Series, where: str, class_names: list[str]) -> Labels:
    if listed(values):
        raise DataError(f"{where}: holds lists; a classification has one class a row, lists are multilabel")
    if class_names:
        present, codes = np.unique(values.to_numpy(np.int64), return_inverse=True)
        _check_named(present, class_names, where)
        return [class_names[label] for label in present], codes.astype(np.int64)
    try:
        codes, present = pd.factorize(values, sort=True)
    except TypeError as error:
        raise DataError(f"{where}: holds what is neither words nor numbers ({error})") from None
    names = [f"{name:g}" if isinstance(name, float) else str(name) for name in present]
    return names, codes.astype(np.int64)


class Form(NamedTuple):
    """What a user's own data of a task look like. looked_at: what a sample is, "image" or "text". labels: the function
    that reads the column of labels. folders: may they be folders of pictures, one for each class, instead of a table?
    """

    looked_at: str
    labels: Callable[[pd.Series, str, list[str]], Labels]
    folders: bool = False


# The tasks that a user's own data can be of.
TASKS = {
    "image_classification": Form("image", _indices, folders=True),
    "multilabel": Form("image", _multi_hot),
    "regression": Form("image", _values),
    "text_classification": Form("text", _indices),
    "text_multilabel": Form("text", _multi_hot),
    "text_regression": Form("text", _values),
}
OF_FOLDERS = next(task for task, form in TASKS.items() if form.folders)  # of folders, if the user names no task


def read_labels(
    values: pd.Series, looked_at: str, task: str | None, where: str, class_names: list[str]
) -> tuple[str, list[str], np.ndarray]:
    """Task, class names and targets of a label column; without `task`, lists are multilabel and fractions a regression.

    looked_at: "image" or "text". class_names: for a column of class indices, else empty. where: for messages.
    Raises DataError when the labels are not what the task needs.
    """
    if not len(values):
        raise DataError(f"{where}: no row has a label")
    if task is None:
        form = _values if _fractions(values, class_names) else _multi_hot if listed(values) else _indices
        task = next(name for name, of in TASKS.items() if (of.looked_at, of.labels) == (looked_at, form))
    return task, *TASKS[task].labels(values, where, class_names)
