"""A user's own data: an image folder, Parquet in the Hugging Face convention, or a table of paths or texts and labels.

Labels are read first, then samples are drawn, and only the pictures of these are opened. Nothing is ever written beside
the data.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as arrow
import pyarrow.parquet as pq

from orbweaver.core.names import did_you_mean
from orbweaver.core.settings import DatasetSettings
from orbweaver.data.images import Encoded, shown
from orbweaver.data.readers import hub_parquet
from orbweaver.data.readers.folders import SUFFIXES, by_class, pictures
from orbweaver.data.readers.labels import OF_FOLDERS, TASKS, DataError, listed, read_labels
from orbweaver.data.sampling import of_each_class, systematic
from orbweaver.data.split import Split

IMAGE_COLUMNS = ("image", "file_name", "path", "file", "filename", "image_path", "img")
TEXT_COLUMNS = ("text", "sentence", "review", "content", "document", "title")
LABEL_COLUMNS = ("label", "labels", "class", "category", "target", "targets")
SPLITS = {"train", "training", "test", "val", "valid", "validation", "dev"}
# By suffix, a function that reads a table part by part: of its path, the rows of a part, the columns (None for all).
TABLES: dict[str, Callable[[Path, int, list[str] | None], Iterable[pd.DataFrame]]] = {
    ".csv": lambda path, rows, columns: pd.read_csv(path, chunksize=rows, usecols=columns, sep=_separator(path)),
    ".tsv": lambda path, rows, columns: pd.read_csv(path, chunksize=rows, usecols=columns, sep="\t"),
    ".jsonl": lambda path, rows, columns: pd.read_json(path, chunksize=rows, lines=True),
}
PART = 50_000  # rows of a table in memory beside those that are taken
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
class _Wanted:
    """What the user says of the data: the task, and names of columns."""

    task: str | None
    image: str | None
    text: str | None
    label: str | None


def read(
    path: str | Path,
    task: str | None = None,
    image: str | None = None,
    label: str | None = None,
    text: str | None = None,
) -> Listing:
    """Lists a user's data. `task` overrides the one that the data suggest; `image`, `label` and `text` name columns.

    Raises DataError when the path holds nothing of the kind, or a column is missing or of no use.
    """
    path, wanted = Path(path).expanduser(), _Wanted(task, image, text, label)
    _check_task(path, task)
    try:
        if not path.exists():
            raise DataError(f"{shown(path)}: not found")
        if path.is_dir():
            if files := sorted(path.rglob("*.parquet")):
                return _parquet(path, files, wanted)
            if (path / "metadata.csv").exists():  # Hugging Face's image folder
                return _table(path / "metadata.csv", wanted)
            return _folder(path, task)
        if path.suffix.lower() == ".parquet":
            return _parquet(path, [path], wanted)
        if path.suffix.lower() in TABLES:
            return _table(path, wanted)
    except PermissionError as error:
        raise DataError(f"{shown(error.filename or path)}: not allowed to read it") from None
    lines = "; one JSON object a line is called .jsonl" if path.suffix.lower() == ".json" else ""
    raise DataError(f"{shown(path)}: neither a folder of images by class, nor .parquet, .csv, .tsv or .jsonl{lines}")


def _check_task(path: Path, task: str | None) -> None:
    if task is not None and task not in TASKS:
        near = did_you_mean(task, TASKS)
        raise DataError(f"{shown(path)}: one's own data cannot be read for the task '{task}': {near}")


def sample(listing: Listing, budget: int, seed: int) -> np.ndarray:
    """Sorted rows to look at: at most `budget` of each class, or `budget` in all where targets are numbers.

    The same for the same seed. A larger budget keeps the rows of a smaller one, except where targets are numbers.
    """
    random = np.random.default_rng(seed)
    if np.issubdtype(listing.targets.dtype, np.floating):
        return systematic(listing.targets, min(budget, len(listing.targets)), random)
    return of_each_class(listing.targets, budget, random)


def splits(name: str, settings: DatasetSettings, seed: int, root: Path) -> dict[str, Split]:
    """The user's data at `settings.path`, below `root`, as a dataset: so many samples of each split, drawn so that
    targets keep their shares; three quarters and one quarter of all unless numbers are given.

    Raises DataError as `read`, and where there are not so many samples.
    """
    path = root / Path(settings.path).expanduser()
    listing = read(path, settings.task, settings.image_column, settings.label_column, settings.text_column)
    for note in listing.notes:
        warnings.warn(f"dataset '{name}': {note}", stacklevel=2)
    n = len(listing.targets)
    test = settings.test or (n - settings.train if settings.train else round(n / 4))
    train = settings.train or n - test
    if min(train, test) < 1 or train + test > n:
        raise DataError(f"dataset '{name}' ({shown(path)}) has {n} samples, too few for {train} train + {test} test")
    random = np.random.default_rng(seed)
    chosen = systematic(listing.targets, train + test, random)
    tested = systematic(listing.targets[chosen], test, random)
    return {
        split: Split(
            name,
            listing.task,
            listing.classes,
            listing.load(rows),
            listing.targets[rows],
            licence="the user's own",
            origin=shown(path.name),
            family=name,
            texts={key: [values[row] for row in rows] for key, values in listing.texts.items()},
        )
        for split, rows in (("train", np.delete(chosen, tested)), ("test", chosen[tested]))
    }


def _loads(images: list) -> Callable[[np.ndarray], Encoded]:
    return Encoded(images).take if images else lambda rows: Encoded([])


def _folder(path: Path, task: str | None) -> Listing:
    if task is not None and not TASKS[task].folders:
        raise DataError(f"{shown(path)}: a folder gives each image one class; for {task} give a table or Parquet")
    notes, folder = [], path
    folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if folders and {f.name.lower() for f in folders} <= SPLITS:
        train = [f for f in folders if f.name.lower().startswith("train")]
        if not train:
            raise DataError(f"{shown(path)}: holds splits ({', '.join(f.name for f in folders)}) but no 'train'")
        notes.append(f"of the splits in {shown(path)}, '{train[0].name}' was taken")
        folder = train[0]
    found = by_class(folder)
    if not found:
        if pictures(folder):
            raise DataError(
                f"{shown(path)}: its images lie in no class folder; sort them into one folder a class, or give a CSV"
            )
        raise DataError(f"{shown(path)}: no images ({' '.join(SUFFIXES)}) in it or its folders")
    images = [picture for of_class in found.values() for picture in of_class]
    targets = np.repeat(np.arange(len(found)), [len(of_class) for of_class in found.values()])
    names, classes = [shown(p.relative_to(path)) for p in images], [shown(name) for name in found]
    name = shown(path.resolve().name)
    return Listing(name, task or OF_FOLDERS, classes, targets, names, _loads(images), notes)


def _separator(path: Path) -> str:
    """What separates the cells of a .csv file: a comma, unless its first line has none and has a semicolon or a tab."""
    with open(path, encoding="utf-8") as file:
        head = file.readline()
    return "," if "," in head else next((one for one in ";\t" if one in head), ",")


def _table(path: Path, wanted: _Wanted) -> Listing:
    parts = TABLES[path.suffix.lower()]
    try:
        columns = list(next(iter(parts(path, 1000, None)), pd.DataFrame()))
        looked_at, column = _looked_at(path, columns, wanted)
        label = _label(path, columns, wanted)
        table, rows = _drawn(parts(path, PART, [column, label]), [column, label])
    except UnicodeDecodeError:
        raise DataError(f"{shown(path)}: its text is not UTF-8; save it as UTF-8") from None
    except ValueError as error:  # pandas' parser errors are ValueErrors, of several lines some
        raise DataError(f"{shown(path)}: not a table ({' '.join(str(error).split())})") from None
    known = table[column].notna() & table[label].notna()
    what = {"image": "path", "text": "text"}[looked_at]
    if pd.api.types.is_numeric_dtype(table[column][known]) and known.any():
        raise DataError(
            f"{shown(path)}: column '{column}' holds numbers, not {what}s; name it with --{looked_at}-column"
        )
    if (odd := table[column][known].map(lambda cell: isinstance(cell, dict | list))).any():
        raise DataError(
            f"{shown(path)}: column '{column}' holds objects or lists (row {odd.idxmax()}), not {what}s; write each "
            f"{what} as a string"
        )
    notes = [f"of {rows:,} rows {len(table):,} were drawn"] * (rows > len(table))
    if not known.all():
        lacking = f"{(~known).sum()} of {len(table)} rows lack a {what} or a label and were left out"
        notes.append(f"{lacking} (an empty cell, NA, None or null is missing)")
    table = table[known]
    task, classes, targets = read_labels(table[label], looked_at, wanted.task, f"{shown(path)}: column '{label}'", [])
    name, cells = shown(path.stem), [str(cell) for cell in table[column]]
    if looked_at == "text":
        names = [f"row {row}" for row in table.index]
        return Listing(name, task, classes, targets, names, _loads([]), notes, {"text": cells})
    images = [path.parent / Path(cell).expanduser() for cell in cells]
    return Listing(name, task, classes, targets, [shown(cell) for cell in cells], _loads(images), notes)


def _drawn(parts: Iterable[pd.DataFrame], columns: list[str]) -> tuple[pd.DataFrame, int]:
    """All rows of a table, or `MOST` of them, drawn evenly; indexed by their place in it; and how many there are.

    Each row gets a random number, and those with the smallest are taken: never more than twice `MOST` are in memory.
    """
    random, taken, rows = np.random.default_rng(0), [], 0

    def smallest() -> pd.DataFrame:
        table = pd.concat(taken) if taken else pd.DataFrame(columns=[*columns, "_drawn"])
        return table.nsmallest(MOST, "_drawn").sort_index() if len(table) > MOST else table

    for part in parts:
        part = part[list(dict.fromkeys(columns))].set_axis(np.arange(rows, rows + len(part)))
        taken.append(part.assign(_drawn=random.random(len(part))))
        rows += len(part)
        if sum(map(len, taken)) > 2 * MOST:
            taken = [smallest()]
    table = smallest().drop(columns="_drawn")
    mixed = {str(part[columns[1]].dtype) for part in taken}
    if len(mixed) > 1 and "object" in mixed:  # a label that looks like a number in one part and not in another
        known = table[columns[1]].notna()
        table.loc[known, columns[1]] = table.loc[known, columns[1]].astype(str)
    return table, rows


def _parquet(path: Path, files: list[Path], wanted: _Wanted) -> Listing:
    notes = []
    train = [file for file in files if "train" in file.name.lower() or "train" in file.parent.name.lower()]
    if train and len(train) < len(files):
        files = train
        notes.append(f"of the Parquet files in {shown(path)}, those of 'train' were taken")
    try:
        table = arrow.dataset([str(file) for file in files], format="parquet")
        ours = json.loads((table.schema.metadata or {}).get(b"orbweaver", b"{}"))
        wanted = replace(wanted, task=wanted.task or ours.get("task"))
        _check_task(path, wanted.task)
        features, names = hub_parquet.features(table.schema), table.schema.names
        pictured = [n for n, f in features.items() if isinstance(f, dict) and f.get("_type") == "Image"]
        looked_at, column = _looked_at(path, names, wanted, pictured)
        label = _label(path, names, wanted, [n for n, f in features.items() if hub_parquet.class_names(f)])
        _check_alike(path, files, [column, label])
        values = table.to_table(columns=[label])[label].to_pandas()
        count, taken = len(values), np.arange(len(values))
        if count > MOST:
            taken = np.sort(np.random.default_rng(0).choice(count, MOST, replace=False))
            values = values.iloc[taken]
            notes.append(f"of {count:,} rows {MOST:,} were drawn")
        texts = table.take(taken, columns=[column])[column].to_pylist() if looked_at == "text" else []
        images = [cell for file in files for cell in hub_parquet.cells(file, column)] if looked_at == "image" else []
        images = [images[row] for row in taken] if images else []
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        raise DataError(f"{shown(path)}: truncated or not Parquet ({error})") from None
    kind = table.schema.field(column).type
    if images and not (pa.types.is_binary(kind) or pa.types.is_struct(kind)):
        raise DataError(f"{shown(path)}: column '{column}' holds {kind}, not pictures (struct<bytes, path> or binary)")
    if texts and not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise DataError(f"{shown(path)}: column '{column}' holds {kind}, not texts")
    class_names = hub_parquet.class_names(features.get(label))
    known = values.notna().to_numpy()
    if class_names and not listed(values):
        known = known & (values.fillna(-1).to_numpy() >= 0)  # -1 is Hugging Face's "no label"
    if texts:
        known = known & np.array([text is not None for text in texts])
    rows = np.flatnonzero(known)
    if len(rows) < len(values):
        notes.append(f"{len(values) - len(rows)} of {len(values)} rows lack a label and were left out")
    task, classes, targets = read_labels(
        values.iloc[rows], looked_at, wanted.task, f"{shown(path)}: column '{label}'", class_names
    )
    chosen = {"text": [texts[row] for row in rows]} if texts else {}
    loads = _loads([images[row] for row in rows] if images else [])
    return Listing(
        shown(path.stem), task, classes, targets, [f"row {taken[row]}" for row in rows], loads, notes, chosen
    )


def _check_alike(path: Path, files: list[Path], columns: list[str]) -> None:
    """Raises DataError where a Parquet file does not have the columns, of the types, that the first one has."""
    first, *others = (pq.read_schema(file) for file in files)
    for file, schema in zip(files[1:], others, strict=True):
        for column in dict.fromkeys(columns):
            wanted, has = first.field(column).type, schema.field(column).type if column in schema.names else "nothing"
            if has != wanted:
                raise DataError(
                    f"{shown(path)}: column '{column}' holds {wanted} in {shown(files[0].name)}, and {has} in "
                    f"{shown(file.name)}; give one of the files, or a folder of files that are alike"
                )


def _looked_at(path: Path, columns: list[str], wanted: _Wanted, pictured: list[str] | None = None) -> tuple[str, str]:
    """What samples are, "image" or "text", and their column: the one that the user names, else the first usual one."""
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


def _label(path: Path, columns: list[str], wanted: _Wanted, labelled: list[str] | None = None) -> str:
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
