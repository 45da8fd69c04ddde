"""What is listed of a user's own data, whatever holds them, and which columns of a table are looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from orbweaver.core.names import did_you_mean
from orbweaver.data.images import Encoded, shown
from orbweaver.data.readers.labels import TASKS, DataError

IMAGE_COLUMNS = ("image", "file_name", "path", "file", "filename", "image_path", "img")
TEXT_COLUMNS = ("text", "sentence", "review", "content", "document", "title")
LABEL_COLUMNS = ("label", "labels", "class", "category", "target", "targets")
MOST = 200_000  # rows that are taken of a table; of a longer one they are drawn


@dataclass(frozen=True)
class Listing:
    """What a path holds, before any picture is opened.

    task, classes, targets, texts: as `Split` has them. names: of the samples, for messages. load: rows -> their encoded
    pictures, none for texts; Parquet is read a group of rows at a time, so call `at_hand()` on the pictures before
    access in any order. notes: for the user, choices that were made while reading.
    """

    name: str
    task: str
    classes: list[str]
    targets: np.ndarray
    names: list[str]
    load: Callable[[np.ndarray], Encoded]
    notes: list[str]
    texts: dict[str, list] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """What the user says of the data: the task, and names of columns."""

    task: str | None
    image: str | None
    text: str | None
    label: str | None


def check_task(path: Path, task: str | None) -> None:
    """Raises DataError for a task whose data cannot be the user's own."""
    if task is not None and task not in TASKS:
        near = did_you_mean(task, TASKS)
        raise DataError(f"{shown(path)}: one's own data cannot be read for the task '{task}': {near}")


def loads_of(images: list) -> Callable[[np.ndarray], Encoded]:
    """`Listing.load` of these images: paths, or functions that give their bytes."""
    return Encoded(images).take if images else lambda rows: Encoded([])


def looked_at_in(path: Path, columns: list[str], wanted: Wanted, pictured: list[str] | None = None) -> tuple[str, str]:
    """What samples are, "image" or "text", and their column: the one that the user names, else the first usual one.

    Raises DataError where there is none.
    """
    usual = {"image": (*(pictured or []), *IMAGE_COLUMNS), "text": TEXT_COLUMNS}
    named = {"image": wanted.image, "text": wanted.text}
    kinds = (
        [TASKS[wanted.task].looked_at]
        if wanted.task
        else [kind for kind in named if named[kind] is not None] or [*usual]
    )
    for kind in kinds:
        if found := _column(path, columns, named[kind], usual[kind]):
            return kind, found
    missing = _no_column(path, columns, *kinds)
    if wanted.task:
        labels = TASKS[wanted.task].labels
        other, form = next((name, of) for name, of in TASKS.items() if of.labels == labels and name != wanted.task)
        missing = DataError(f"{missing}; of {form.looked_at}s the task is {other}")
    raise missing


def label_in(path: Path, columns: list[str], wanted: Wanted, labelled: list[str] | None = None) -> str:
    """The column of labels: the one that the user names, else one of `labelled`, else the first usual one.

    Raises DataError where there is none.
    """
    found = _column(path, columns, wanted.label, (*(labelled or []), *LABEL_COLUMNS))
    if found is None:
        raise _no_column(path, columns, "label")
    return found


def _column(path: Path, columns: list[str], named: str | None, usual: tuple[str, ...]) -> str | None:
    if named is not None and named not in columns:
        raise DataError(f"{shown(path)}: no column '{named}': {did_you_mean(named, columns)}")
    written = {str(name).strip().lower(): name for name in reversed(columns)}
    return named or next((written[name] for name in map(str.lower, usual) if name in written), None)


def _no_column(path: Path, columns: list[str], *kinds: str) -> DataError:
    options = " or ".join(f"--{kind}-column" for kind in kinds)
    return DataError(
        f"{shown(path)}: no {' or '.join(kinds)} column; it has {', '.join(map(str, columns))}; name it with {options}"
    )
