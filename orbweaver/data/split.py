"""A split of a dataset, and its Parquet file in the Hugging Face convention."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orbweaver.core.cache import Cache, kept
from orbweaver.core.errors import FileError
from orbweaver.core.files import AGAIN, atomic, digest
from orbweaver.core.keys import key_of
from orbweaver.core.workspace import Workspace
from orbweaver.data.images import Encoded

SCHEMA = 2  # increased when a reader of the old format would misread the new one
GROUP = 1000  # rows of a Parquet file that are written, and read, at a time
WHOLE = 2**30  # bytes; the images of a larger file are read when asked for


@dataclass(frozen=True)
class Split:
    """One split of a dataset: encoded images (PNG or JPEG bytes), texts and targets, a row a sample.

    task: of `orbweaver.tasks`, which says what targets and texts mean.
    family: the origin that related datasets share; two datasets of one family are no independent evidence.
    classes: class names in label order, or possible answers; else empty.
    images: N of them, or none; a list, or, where they are many, a sequence that reads them when asked.
    targets: (N,) int64, indices into `classes`; (N, C) bool, which of them apply; (N,) or (N, T) float64, values;
        (N, 0) where the targets are texts.
    texts: lists of N entries by name: strings, lists of strings, or lists of integers.
    """

    name: str
    task: str
    classes: list[str]
    images: Sequence[bytes]
    targets: np.ndarray
    licence: str
    origin: str
    family: str = ""
    digest: str = ""
    texts: dict[str, list] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def fingerprint(self) -> str:
        """Its digest; for a split that was never written, a hash of its contents."""
        if self.digest:
            return self.digest
        contents = hashlib.sha256(self.targets.tobytes())
        for image in self.images:
            contents.update(hashlib.sha256(image).digest())
        return key_of(contents.hexdigest(), self.task, self.classes, self.texts)

    def take(self, samples: np.ndarray) -> Split:
        """The split with these samples only, under a digest of its own."""
        if np.array_equal(samples, np.arange(len(self))):
            return self
        return replace(
            self,
            images=_take(self.images, samples) if len(self.images) else [],
            targets=self.targets[samples],
            texts={name: [values[i] for i in samples] for name, values in self.texts.items()},
            digest=key_of(self.fingerprint, np.asarray(samples).tolist()),
        )


def _take(images: Sequence[bytes], samples: np.ndarray) -> Sequence[bytes]:
    return images.take(samples) if isinstance(images, Encoded) else [images[i] for i in samples]


def splits(
    name: str,
    classes: Iterable[str],
    parts: dict[str, tuple[Sequence[bytes], np.ndarray]],
    *,
    task: str,
    family: str,
    licence: str,
    origin: str,
) -> dict[str, Split]:
    """Wraps {split: (images, targets)} with what is known of the dataset."""
    classes = list(classes)
    return {
        split: Split(name, task, classes, images, np.asarray(targets), licence, origin, family)
        for split, (images, targets) in parts.items()
    }


def relative_boxes(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """(N, 4) boxes x0, y0, x1, y1, relative to the image's size (N, 2), from boxes x, y, width, height in pixels."""
    boxes, sizes = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(sizes, np.float64).reshape(-1, 2)
    corners = np.concatenate([boxes[:, :2] / sizes, (boxes[:, :2] + boxes[:, 2:]) / sizes], axis=1)
    return corners.clip(0, 1)


# --- columns: Arrow type, Hugging Face feature, values --------------------------------------------------------------

Column = tuple[pa.DataType, dict, Sequence]
_TEXT = pa.string(), {"_type": "Value", "dtype": "string"}
_INTEGER = pa.int64(), {"_type": "Value", "dtype": "int64"}
_FLOAT = pa.float64(), {"_type": "Value", "dtype": "float64"}


def _listed(item: tuple[pa.DataType, dict]) -> tuple[pa.DataType, dict]:
    return pa.list_(item[0]), {"feature": item[1], "_type": "Sequence"}


def _target_column(split: Split) -> dict[str, Column]:
    """`label`, `labels` or `target`, by what the targets are; no column where there are none."""
    label = pa.int64(), {"_type": "ClassLabel", "names": split.classes}
    targets = split.targets
    if targets.dtype == bool:
        return {"labels": (*_listed(label), [np.flatnonzero(row) for row in targets])}
    if np.issubdtype(targets.dtype, np.integer):
        return {"label": (*label, targets)}
    if targets.ndim == 1:
        return {"target": (*_FLOAT, targets)}
    return {"target": (*_listed(_FLOAT), list(targets))} if targets.shape[1] else {}


def _text_column(values: list) -> Column:
    first = next((value for value in values if value != []), "")
    if isinstance(first, list):
        return (*_listed(_INTEGER if isinstance(first[0], int) else _TEXT), values)
    return (*_TEXT, values)


def _columns(split: Split) -> dict[str, Column]:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())]), {"_type": "Image"}
    columns = {"image": (*image, split.images)} if len(split.images) or not split.texts else {}
    columns |= {name: _text_column(values) for name, values in split.texts.items()}
    return columns | _target_column(split)


def _targets(table: pa.Table, classes: list[str]) -> np.ndarray:
    """The targets that `_target_column` wrote."""
    if "label" in table.column_names:
        return table["label"].to_numpy().copy()  # Arrow memory is read-only, which torch does not like
    if "labels" in table.column_names:
        present = np.zeros((len(table), len(classes)), bool)
        for row, labels in enumerate(table["labels"].to_pylist()):
            present[row, labels] = True
        return present
    if "target" not in table.column_names:
        return np.zeros((len(table), 0))
    if pa.types.is_list(table.schema.field("target").type):
        return np.array(table["target"].to_pylist(), np.float64)
    return table["target"].to_numpy().copy()


def write_split(path: Path, split: Split) -> None:
    """Writes one split: `image` (struct<bytes, path>), texts by their names, then the target:

        label   class index          labels  list of the indices of the classes that apply
        target  a value, or a list of values

    All else that is known of the split is schema metadata. Raises FileError when the columns are not equally long.
    """
    columns = _columns(split)
    lengths = {name: len(values) for name, (_, _, values) in columns.items()}
    if len({*lengths.values(), len(split)}) > 1:
        raise FileError(f"dataset '{split.name}': {len(split)} targets, but columns of {lengths} rows")
    features = {name: feature for name, (_, feature, _) in columns.items()}
    about = {"schema": SCHEMA, "texts": [*split.texts]}
    about |= {name: getattr(split, name) for name in ("name", "task", "classes", "licence", "origin", "family")}
    metadata = {"huggingface": json.dumps({"info": {"features": features}}), "orbweaver": json.dumps(about)}
    metadata["orbweaver.checksum"] = key_of(about)  # the pages of the columns have checksums of their own
    schema = pa.schema([pa.field(name, arrow) for name, (arrow, _, _) in columns.items()], metadata=metadata)
    # Group by group, so that images are never all in memory. No compression, since PNG is compressed already.
    with (
        atomic(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="none", write_page_checksum=True) as writer,
    ):
        for start in range(0, max(len(split), 1), GROUP):
            rows = slice(start, start + GROUP)
            arrays = {name: values[rows] for name, (_, _, values) in columns.items()}
            if "image" in arrays:
                arrays["image"] = [{"bytes": b, "path": f"{i:06d}.png"} for i, b in enumerate(arrays["image"], start)]
            writer.write_table(pa.table([pa.array(arrays[field.name], field.type) for field in schema], schema=schema))


def about_split(path: Path) -> dict:
    """What a stored split says of itself beside its columns: name, task, classes, licence, origin, family, texts.

    Raises FileError when the file is missing, truncated or not one of ours.
    """
    try:
        metadata = pq.read_schema(path).metadata or {}
        if b"orbweaver" not in metadata:
            raise FileError(f"{path}: a Parquet file without Orbweaver's metadata; write it with orbweaver.data.split")
        about = json.loads(metadata[b"orbweaver"])
        if metadata.get(b"orbweaver.checksum", b"").decode() != key_of(about):
            raise ValueError("its metadata does not match its checksum")
        if about["schema"] != SCHEMA:
            raise FileError(f"{path}: schema {about['schema']}, this version reads {SCHEMA}; run `dvc repro` again")
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from None
    return about


def _damaged(path: Path, error: Exception) -> FileError:
    return FileError(f"{path}: truncated or not Parquet ({error}); {AGAIN}")


def read_split(path: Path, cache: Cache) -> Split:
    """Reads one split back. Raises FileError when the file is missing, truncated or not one of ours."""
    known_as, about = digest(path), about_split(path)
    try:
        large = path.stat().st_size > WHOLE
        schema = pq.read_schema(path)
        wanted = [name for name in schema.names if name != "image" or not large]
        table = pq.read_table(path, columns=wanted, partitioning=None, page_checksum_verification=True)
        if "image" not in schema.names:
            images = []
        elif large:
            images = Rows(_arrow_file(cache, _Parquet(path, known_as)))
        else:
            images = table["image"].combine_chunks().field("bytes").to_pylist()
        texts = {name: table[name].to_pylist() for name in about["texts"]}
        targets = _targets(table, about["classes"])
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _damaged(path, error) from None
    known = {name: about[name] for name in ("name", "task", "classes", "licence", "origin", "family")}
    return Split(**known, images=images, targets=targets, texts=texts, digest=known_as)


def read_dataset(workspace: Workspace, role: str, dataset: str, split: str) -> Split:
    """A split of the benchmark: role sources or targets, split train or test. Raises FileError as `read_split`."""
    return read_split(workspace.split(role, dataset, split), workspace.cache)


# --- images that are too many for memory ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Parquet:
    path: Path
    fingerprint: str


@kept("images", ".arrow")
def _arrow_file(to: Path, cache: Cache, parquet: _Parquet) -> None:
    """The images of a large Parquet file as an Arrow file, which is mapped into memory instead of being read."""
    schema = pa.schema([pa.field("bytes", pa.binary())])
    with (
        atomic(to) as temporary,
        pa.OSFile(str(temporary), "wb") as out,
        pa.ipc.new_file(out, schema) as writer,
    ):
        for batch in pq.ParquetFile(parquet.path, page_checksum_verification=True).iter_batches(
            GROUP, columns=["image"]
        ):
            writer.write_batch(pa.record_batch([batch.column(0).field("bytes")], schema=schema))


class Rows(Sequence):
    """The images of an Arrow file, accessible in any order. Each worker process opens the file itself."""

    def __init__(self, arrow: Path) -> None:
        self.arrow = arrow.absolute()
        self._open()

    def _open(self) -> None:
        file = pa.ipc.open_file(pa.memory_map(str(self.arrow)))
        self.batches = [file.get_batch(i) for i in range(file.num_record_batches)]
        self.ends = np.cumsum([len(batch) for batch in self.batches])

    def __getstate__(self) -> dict:
        return {"arrow": self.arrow}

    def __setstate__(self, state: dict) -> None:
        self.arrow = state["arrow"]
        self._open()

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        batch = int(np.searchsorted(self.ends, row, side="right"))
        return self.batches[batch].column(0)[row - int(self.ends[batch]) + len(self.batches[batch])].as_py()
