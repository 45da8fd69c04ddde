"""A user's own data: an image folder, Parquet in the Hugging Face convention, or a CSV of paths and labels.

Nothing is opened that was not asked for: labels are read first, a sample is drawn, and only then come its pictures.
Nothing is ever written beside them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as arrow

from stages.errors import UserError
from stages.params import did_you_mean

KINDS = ("classification", "multilabel", "regression")
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
IMAGE_COLUMNS = ("image", "file_name", "path", "file", "filename", "image_path", "img")
LABEL_COLUMNS = ("label", "labels", "class", "category", "target", "targets")
SPLITS = {"train", "training", "test", "val", "valid", "validation", "dev"}


class DataError(UserError):
    """A user's data cannot be ranked on; the message names what is wrong with it and what to do."""


@dataclass(frozen=True)
class Listing:
    """What a path holds, before any picture is opened.

    targets: as `stages.files.Images` has them. names: of the pictures, for messages. load: rows -> encoded pictures.
    notes: what was decided on the way.
    """

    name: str
    kind: str
    classes: list[str]
    targets: np.ndarray
    names: list[str]
    load: Callable[[np.ndarray], Sequence[bytes]]
    notes: list[str]


class Pictures(Sequence[bytes]):
    """Encoded pictures that stay on disk until they are asked for, so that any number of them fits into memory."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = list(paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int | slice) -> bytes | list[bytes]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        try:
            return self.paths[place].read_bytes()
        except OSError as error:
            raise DataError(f"{shown(self.paths[place])}: {error.strerror}") from None


def shown(path: str | Path) -> str:
    """A path that can be printed: file systems allow names that are not text."""
    return os.fsencode(path).decode("utf-8", "replace")


def read(path: str | Path, kind: str | None = None, image: str | None = None, label: str | None = None) -> Listing:
    """Lists a user's data. `kind` overrides what the labels look like; `image` and `label` name columns.

    Raises DataError when the path holds nothing of the three, or a column is missing or of no use.
    """
    path = Path(path).expanduser()
    try:
        if not path.exists():
            raise DataError(f"{shown(path)}: not found")
        if path.is_dir():
            if files := sorted(path.rglob("*.parquet")):
                return _parquet(path, files, kind, image, label)
            if (path / "metadata.csv").exists():  # Hugging Face's image folder
                return _csv(path / "metadata.csv", kind, image, label)
            return _folder(path, kind)
        if path.suffix == ".parquet":
            return _parquet(path, [path], kind, image, label)
        if path.suffix in (".csv", ".tsv"):
            return _csv(path, kind, image, label)
    except PermissionError as error:
        raise DataError(f"{shown(error.filename or path)}: not allowed to read it") from None
    raise DataError(f"{shown(path)}: neither a folder of images by class, nor .parquet, .csv or .tsv")


def sample(listing: Listing, budget: int, seed: int) -> np.ndarray:
    """Sorted rows to look at: at most `budget` of each class, or in all for a regression; the same for a seed.

    A larger budget keeps what a smaller one took (but for regressions). Of a multilabel row all classes count; it is
    taken as long as one of them is short of images.
    """
    random = np.random.default_rng(seed)
    rows = random.permutation(len(listing.targets))
    if listing.kind == "regression":
        if len(rows) <= budget:
            return np.sort(rows)
        order = rows[np.argsort(listing.targets.reshape(len(rows), -1)[rows, 0], kind="stable")]
        return np.sort(order[((np.arange(budget) + random.random()) * len(order) / budget).astype(int)])
    several = listing.kind == "multilabel"
    taken = np.zeros(len(listing.classes) + several, int)  # of several labels, none at all is one more class
    chosen = []
    for row in rows:
        of = np.append(listing.targets[row], ~listing.targets[row].any()) if several else [listing.targets[row]]
        if (taken[of] < budget).any():
            taken[of] += 1
            chosen.append(row)
    return np.sort(np.array(chosen, int))


def _folder(path: Path, kind: str | None) -> Listing:
    if kind not in (None, "classification"):
        raise DataError(f"{shown(path)}: a folder names classes; for {kind} give a CSV or Parquet")
    notes = []
    folders = sorted(f for f in path.iterdir() if f.is_dir() and not f.name.startswith("."))
    if folders and {f.name.lower() for f in folders} <= SPLITS:
        train = [f for f in folders if f.name.lower().startswith("train")]
        if not train:
            raise DataError(f"{shown(path)}: holds splits ({', '.join(f.name for f in folders)}) but no 'train'")
        notes.append(f"of the splits in {shown(path)}, '{train[0].name}' was taken")
        folders = sorted(f for f in train[0].iterdir() if f.is_dir() and not f.name.startswith("."))
    found = {shown(f.name): _pictures_in(f) for f in folders}
    found = {name: pictures for name, pictures in found.items() if pictures}
    if not found:
        if _pictures_in(path):
            raise DataError(
                f"{shown(path)}: its images lie in no class folder; sort them into one folder a class, or give a CSV"
            )
        raise DataError(f"{shown(path)}: no images ({' '.join(SUFFIXES)}) in it or its folders")
    classes = list(found)
    paths = [picture for pictures in found.values() for picture in pictures]
    targets = np.repeat(np.arange(len(classes)), [len(pictures) for pictures in found.values()])
    names = [shown(p.relative_to(path)) for p in paths]
    return Listing(shown(path.resolve().name), "classification", classes, targets, names, _from(paths), notes)


def _pictures_in(folder: Path) -> list[Path]:
    found = (p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))


def _from(paths: list[Path]) -> Callable[[np.ndarray], Sequence[bytes]]:
    return lambda rows: Pictures([paths[row] for row in rows])


def _csv(path: Path, kind: str | None, image: str | None, label: str | None) -> Listing:
    try:
        table = pd.read_csv(path, sep="\t" if path.suffix == ".tsv" else ",")
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{shown(path)}: not a table ({error})") from None
    image = _column(path, list(table), image, IMAGE_COLUMNS, "image")
    label = _column(path, list(table), label, LABEL_COLUMNS, "label")
    known = table[image].notna() & table[label].notna()
    notes = [f"{(~known).sum()} of {len(table)} rows lack a path or a label and were left out"] * bool((~known).any())
    table = table[known]
    paths = [path.parent / Path(str(name)).expanduser() for name in table[image]]
    kind, classes, targets = _targets(table[label], kind, f"{shown(path)}: column '{label}'")
    return Listing(shown(path.stem), kind, classes, targets, [shown(p) for p in table[image]], _from(paths), notes)


def _parquet(path: Path, files: list[Path], kind: str | None, image: str | None, label: str | None) -> Listing:
    notes = []
    train = [file for file in files if "train" in file.name.lower() or "train" in file.parent.name.lower()]
    if train and len(train) < len(files):
        files = train
        notes.append(f"of the Parquet files in {shown(path)}, those of 'train' were taken")
    try:
        table = arrow.dataset([str(file) for file in files], format="parquet")
        metadata = table.schema.metadata or {}
        features = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {})
        kind = kind or json.loads(metadata.get(b"orbweaver", b"{}")).get("kind")
        names = table.schema.names
        pictured = [n for n, f in features.items() if isinstance(f, dict) and f.get("_type") == "Image"]
        image = _column(path, names, image, (*pictured, *IMAGE_COLUMNS), "image")
        labelled = [n for n, f in features.items() if _class_names(f)]
        label = _column(path, names, label, (*labelled, *LABEL_COLUMNS), "label")
        values = table.to_table(columns=[label])[label].to_pandas()
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        raise DataError(f"{shown(path)}: truncated or not Parquet ({error})") from None
    rows = np.flatnonzero(values.notna())
    class_names = _class_names(features.get(label, {}))
    if class_names and not _listed(values):
        rows = rows[values.iloc[rows].to_numpy() >= 0]  # -1 is Hugging Face's "no label"
    if len(rows) < len(values):
        notes.append(f"{len(values) - len(rows)} of {len(values)} rows lack a label and were left out")
    kind, classes, targets = _targets(values.iloc[rows], kind, f"{shown(path)}: column '{label}'", class_names)

    def load(chosen: np.ndarray) -> Sequence[bytes]:
        column = table.take(pa.array(rows[chosen]), columns=[image])[image].to_pylist()
        return [(cell if isinstance(cell, bytes) else (cell or {}).get("bytes")) or b"" for cell in column]

    if not (pa.types.is_binary(t := table.schema.field(image).type) or pa.types.is_struct(t)):
        raise DataError(f"{shown(path)}: column '{image}' holds {t}, not pictures (struct<bytes, path> or binary)")
    return Listing(shown(path.stem), kind, classes, targets, [f"row {row}" for row in rows], load, notes)


def _class_names(feature: object) -> list[str]:
    """Names of a ClassLabel, or of a list of them, in Hugging Face's description of a column."""
    if not isinstance(feature, dict):
        return []
    return feature.get("names") or _class_names(feature.get("feature"))


def _column(path: Path, columns: list[str], wanted: str | None, usual: tuple[str, ...], what: str) -> str:
    if wanted is not None:
        if wanted not in columns:
            raise DataError(f"{shown(path)}: no column '{wanted}': {did_you_mean(wanted, columns)}")
        return wanted
    for name in usual:
        if name in columns:
            return name
    raise DataError(
        f"{shown(path)}: no {what} column; it has {', '.join(map(str, columns))}; name it with --{what}-column"
    )


def _listed(values: pd.Series) -> bool:
    return len(values) > 0 and isinstance(values.dropna().iloc[0], list | np.ndarray)


def _targets(
    values: pd.Series, kind: str | None, where: str, class_names: list[str] | None = None
) -> tuple[str, list[str], np.ndarray]:
    """Kind, class names and targets of a label column. Lists are multilabel, fractions a regression."""
    if not len(values):
        raise DataError(f"{where}: no row has a label")
    listed = _listed(values)
    if kind is None:
        flat = pd.Series([item for row in values for item in row]) if listed else values
        fractions = not class_names and pd.api.types.is_float_dtype(flat) and bool((flat % 1 != 0).any())
        kind = "regression" if fractions else "multilabel" if listed else "classification"
    if kind == "regression":
        try:
            targets = np.array(values.tolist() if listed else pd.to_numeric(values), np.float64)
        except (ValueError, TypeError):
            raise DataError(f"{where}: not numbers, as a regression needs them") from None
        if not np.isfinite(targets).all():
            raise DataError(f"{where}: holds infinite values")
        return kind, [], targets
    if kind == "multilabel":
        each = [list(v) for v in values] if listed else [re.split(r"\s*[|;,]\s*|\s+", str(v).strip()) for v in values]
        classes = class_names or sorted({str(item) for row in each for item in row})
        place = {name: i for i, name in enumerate(classes)}
        targets = np.zeros((len(each), len(classes)), bool)
        for row, items in enumerate(each):
            targets[row, [int(item) if class_names else place[str(item)] for item in items]] = True
        return kind, classes, targets
    if listed:
        raise DataError(f"{where}: holds lists; they are multilabel, not classification")
    if class_names:
        return kind, class_names, values.to_numpy(np.int64)
    codes, present = pd.factorize(values, sort=True)
    names = [f"{name:g}" if isinstance(name, float) else str(name) for name in present]
    return kind, names, codes.astype(np.int64)
