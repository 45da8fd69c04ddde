"""Where each artefact lies, what it looks like, how it is written and how it is read.

The only module that knows a path or a file format. Writes are atomic: a temporary file beside the target, fsync,
rename. Readers refuse what is incomplete, foreign or made from something else, and name the file.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from stages.errors import UserError

SCHEMA = 1  # of the Parquet and HDF5 files; raised when a reader of the old one would misread the new one
STORE = Path(".store")
ROOMS = [Path(room) for room in ("data/sources", "data/targets", "data/zoo", "features", "labels", "scores", "reports")]


class FileError(UserError):
    """A file is missing, incomplete, of another kind, or made from something else than asked for."""


# --- places ---------------------------------------------------------------------------------------------------------


def dataset_path(role: str, dataset: str, split: str) -> Path:
    return Path("data") / role / dataset / f"{split}.parquet"


def zoo_path(ptm: str) -> Path:
    return Path("data") / "zoo" / ptm


def features_path(ptm: str, dataset: str) -> Path:
    return Path("features") / ptm / f"{dataset}.h5"


def finetune_path(ptm: str) -> Path:
    return Path("scores") / "finetune" / f"{ptm}.csv"


def scores_path(dataset: str) -> Path:
    return Path("scores") / f"{dataset}.csv"


def seconds_path(dataset: str) -> Path:
    """What scoring cost here: outside DVC's outputs, whose bytes must not differ from run to run."""
    return STORE / "seconds" / f"{dataset}.csv"


def log_path(stage: str) -> Path:
    """What a stage that `stages.run` started said."""
    return STORE / "logs" / f"{stage}.log"


def run_lock_path() -> Path:
    return STORE / "run.lock"


# --- atomic writes --------------------------------------------------------------------------------------------------


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it is flushed to disk and renamed, else removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{path.name}.*.tmp"):  # of writers that were killed
        process = stale.suffixes[-2][1:]
        if process.isdecimal() and not _alive(int(process)):
            stale.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


# --- digests and the store of finished work -------------------------------------------------------------------------


def digest(path: str | Path) -> str:
    """sha256 of a file's bytes, as hex. Raises FileError when it is not there."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise FileError(f"{path}: not found; `dvc repro` makes it, `dvc pull` fetches it") from None


def key_of(*parts: object) -> str:
    """A name for the result of a computation: hash of everything that it depends on (JSON-able parts)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def code_version(*modules: ModuleType) -> str:
    """Hash of what modules do: of their syntax trees, so that a comment or a blank line changes nothing."""
    trees = [ast.dump(ast.parse(inspect.getsource(module))) for module in modules]
    return key_of(*trees)


def stored(room: str, key: str, suffix: str) -> Path:
    """Place of a finished result in the store, which outlives DVC's clearing of outputs before each run."""
    return STORE / room / key[:2] / f"{key}{suffix}"


def link(source: Path, target: Path) -> None:
    """Puts a stored file into place: a hard link where the file system can, else a copy."""
    with atomic(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


# --- datasets: Parquet in the Hugging Face convention ---------------------------------------------------------------


@dataclass(frozen=True)
class Images:
    """One split of a dataset: encoded images (PNG or JPEG bytes) and their targets, with what is known of them.

    targets: int64 class indices for classification, float64 for regression; shape (N,).
    classes: class names in label order; empty for regression.
    """

    name: str
    kind: str
    classes: list[str]
    images: list[bytes]
    targets: np.ndarray
    licence: str
    origin: str
    digest: str = ""

    def __len__(self) -> int:
        return len(self.images)


def write_images(path: Path, split: Images) -> None:
    """Writes one split: columns `image: struct<bytes, path>` and `label` or `target`; the rest as schema metadata."""
    classification = split.kind == "classification"
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    column = pa.field("label", pa.int64()) if classification else pa.field("target", pa.float64())
    features = {
        "image": {"_type": "Image"},
        column.name: (
            {"_type": "ClassLabel", "names": split.classes}
            if classification
            else {"_type": "Value", "dtype": "float64"}
        ),
    }
    about = {"schema": SCHEMA, "name": split.name, "kind": split.kind, "classes": split.classes}
    about |= {"licence": split.licence, "origin": split.origin}
    metadata = {"huggingface": json.dumps({"info": {"features": features}}), "orbweaver": json.dumps(about)}
    metadata["orbweaver.checksum"] = key_of(about)  # pages have their own
    table = pa.table(
        [
            pa.array([{"bytes": b, "path": f"{i:06d}.png"} for i, b in enumerate(split.images)], image),
            pa.array(split.targets, column.type),
        ],
        schema=pa.schema([pa.field("image", image), column], metadata=metadata),
    )
    with atomic(path) as temporary:
        # PNG does not compress again.
        pq.write_table(table, temporary, compression="none", row_group_size=1000, write_page_checksum=True)


def read_images(path: Path) -> Images:
    """Reads one split back. Raises FileError when the file is missing, truncated or not one of ours."""
    source_digest = digest(path)
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
        metadata = table.schema.metadata or {}
        if b"orbweaver" not in metadata:
            raise FileError(f"{path}: a Parquet file without Orbweaver's metadata; write it with stages.files")
        about = json.loads(metadata[b"orbweaver"])
        if metadata.get(b"orbweaver.checksum", b"").decode() != key_of(about):
            raise ValueError("its metadata does not match its checksum")
        encoded = table["image"].combine_chunks().field("bytes").to_pylist()
        targets = table["label" if about["kind"] == "classification" else "target"].to_numpy()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise FileError(f"{path}: truncated or not Parquet ({error}); delete it and run `dvc repro` again") from None
    if about["schema"] != SCHEMA:
        raise FileError(f"{path}: schema {about['schema']}, this version reads {SCHEMA}; run `dvc repro` again")
    return Images(
        name=about["name"],
        kind=about["kind"],
        classes=about["classes"],
        images=encoded,
        targets=targets.copy(),  # Arrow memory is read-only, which torch does not like
        licence=about["licence"],
        origin=about["origin"],
        digest=source_digest,
    )


# --- features: HDF5 -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Features:
    """One forward pass of a PTM over a dataset's training split.

    features (N, D) float32; probabilities (N, S) float32 or None; targets (N,); made_from: digests of what made it.
    """

    features: np.ndarray
    probabilities: np.ndarray | None
    targets: np.ndarray
    kind: str
    made_from: dict


@contextmanager
def features_writer(path: Path, rows: int, made_from: dict) -> Iterator[h5py.File]:
    """An HDF5 file to fill batch by batch; it is marked complete and renamed only when the block ends well.

    HDF5 1.10's format has checksums of everything but the arrays; create those with `fletcher32=True`.
    """
    with atomic(path) as temporary, h5py.File(temporary, "w", libver=("v110", "v110")) as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["rows"] = rows
        file.attrs["made_from"] = json.dumps(made_from, sort_keys=True)
        yield file
        file.attrs["complete"] = True


def read_features(path: Path, made_from: dict | None = None) -> Features:
    """Reads a feature file; with `made_from`, refuses one that another checkpoint, dataset or preprocessing made.

    Raises FileError when the file is missing, truncated, foreign, incomplete, mismatched or holds NaN or infinity.
    """
    again = "delete it and run `dvc repro` again"
    if not path.exists():
        raise FileError(f"{path}: not found; `dvc repro` makes it, `dvc pull features` fetches it")
    try:
        with h5py.File(path, "r") as file:
            if not file.attrs.get("complete", False):
                raise FileError(f"{path}: not a complete feature file of Orbweaver; {again}")
            found = json.loads(file.attrs["made_from"])
            rows = int(file.attrs["rows"])
            features = file["features"][:]
            probabilities = file["probabilities"][:] if "probabilities" in file else None
            targets = file["targets"][:]
            kind = str(file.attrs["kind"])
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise FileError(f"{path}: truncated or not a feature file ({error}); {again}") from None
    for what in made_from or {}:
        if found.get(what) != made_from[what]:
            raise FileError(f"{path}: made from another {what} than asked for; {again}")
    if not len(features) == len(targets) == rows or (probabilities is not None and len(probabilities) != rows):
        raise FileError(f"{path}: says {rows} rows but holds {len(features)} features, {len(targets)} targets; {again}")
    for what, array in (("features", features), ("probabilities", probabilities)):
        if array is not None and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise FileError(
                f"{path}: {bad} values of '{what}' are NaN or infinite; check the PTM and its preprocessing"
            )
    return Features(features, probabilities, targets, kind, found)


# --- tables: CSV ----------------------------------------------------------------------------------------------------


def write_csv(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def read_csv(path: Path, columns: list[str]) -> pd.DataFrame:
    """Reads one of our tables. Raises FileError when it is missing, unreadable or lacks a column."""
    try:
        table = pd.read_csv(path, keep_default_na=True)
    except FileNotFoundError:
        raise FileError(f"{path}: not found; `dvc repro` makes it, `dvc pull` fetches it") from None
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise FileError(f"{path}: not a table ({error}); delete it and run `dvc repro` again") from None
    if lacking := [column for column in columns if column not in table.columns]:
        raise FileError(f"{path}: has no column '{lacking[0]}'; delete it and run `dvc repro` again")
    return table
