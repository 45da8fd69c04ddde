"""Parquet files in the Hugging Face convention, images among their columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orbweaver.core.errors import FileError
from orbweaver.data.readers.sample import Parts, Sample


@lru_cache(maxsize=1)  # one group in memory is enough: rows are asked for in order
def _column(path: Path, group: int, column: str) -> pa.Array:
    try:
        return pq.ParquetFile(path).read_row_group(group, [column])[column].combine_chunks()
    except (pa.ArrowException, OSError) as error:
        raise FileError(f"{path}: truncated or not Parquet ({error})") from None


def _cell(path: Path, group: int, column: str, row: int) -> bytes:
    value = _column(path, group, column)[row].as_py()
    return (value if isinstance(value, bytes) else (value or {}).get("bytes")) or b""


def cells(path: Path, column: str) -> list[Callable[[], bytes]]:
    """Functions that give the encoded images of a column, struct<bytes, path> or binary, reading a group at a time."""
    about = pq.read_metadata(path)
    sizes = [about.row_group(group).num_rows for group in range(about.num_row_groups)]
    return [partial(_cell, path, group, column, row) for group, size in enumerate(sizes) for row in range(size)]


def features(schema: pa.Schema) -> dict[str, dict]:
    """What the file's metadata says of its columns; empty where they say nothing."""
    return json.loads((schema.metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {})


def class_names(feature: object) -> list[str]:
    """Names of a ClassLabel, or of a list of them, in Hugging Face's description of a column."""
    if not isinstance(feature, dict):
        return []
    return feature.get("names") or class_names(feature.get("feature"))


def _files(root: Path, split: str) -> list[Path]:
    return sorted((root / split).rglob("*.parquet"))


def rows(root: Path, splits: list[str], columns: list[str], image: str | None = None) -> dict[str, list[tuple]]:
    """Rows of the Parquet files below `root/<split>/`; train2 goes with train. image: a column, first in each row.

    Raises FileError when a file lacks a column.
    """
    found: dict[str, list[tuple]] = {}
    for split in splits:
        for path in _files(root, split):
            known = pq.read_schema(path).names
            if lacking := [name for name in (*columns, *filter(None, [image])) if name not in known]:
                raise FileError(f"{path}: has no column '{lacking[0]}'; its columns are {', '.join(known)}")
            table = pq.read_table(path, columns=columns, partitioning=None)
            values = [cells(path, image)] if image else []
            values += [table[name].to_pylist() for name in columns]
            found.setdefault(re.sub(r"\d+$", "", split), []).extend(zip(*values, strict=True))
    return found


def parquet(
    root: Path,
    image: str = "image",
    label: str = "label",
    captions: str | None = None,
    text: str | None = None,
    names: list[str] | None = None,
) -> Parts:
    """<split>/*.parquet of a Hugging Face dataset: an image struct<bytes, path>, or with `text` the column of a text;
    and a class label, or a list of captions.

    Class names are `names`, else those in the files' own metadata, else, where labels are words, the words in order.
    Rows of the label -1, the hub's "no label", are left out. Raises FileError for labels that are numbers without
    names: a number says nothing of its class.
    """
    splits = sorted(p.name for p in root.iterdir() if p.is_dir())
    if captions:
        found = rows(root, splits, [captions], image)
        return [], {s: [Sample(i, None, {"captions": list(c)}) for i, c in listed] for s, listed in found.items()}
    found = rows(root, splits, [text, label] if text else [label], None if text else image)
    first = next(path for split in splits for path in _files(root, split))
    names = names or class_names(features(pq.read_schema(first)).get(label))
    if not names:
        names = sorted({one for listed in found.values() for _, one in listed}, key=str)
        if not all(isinstance(name, str) for name in names):
            raise FileError(
                f"{first}: its metadata name no classes of '{label}', which holds numbers; the dataset's layout in "
                "catalogue.yaml has to list them as 'names'"
            )
        found = {split: [(what, names.index(one)) for what, one in listed] for split, listed in found.items()}

    def sample(what: Callable[[], bytes] | str, one: int) -> Sample:
        return Sample(None, int(one), {"text": what}) if text else Sample(what, int(one))

    return list(names), {split: [sample(*row) for row in listed if row[1] != -1] for split, listed in found.items()}
