"""A user's Parquet files, in the Hugging Face convention: images as bytes or texts, with labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as arrow
import pyarrow.parquet as pq

from orbweaver.data.images import shown
from orbweaver.data.readers import hub_parquet
from orbweaver.data.readers.labels import DataError, listed, read_labels
from orbweaver.data.readers.own_listing import (
    MOST,
    Listing,
    Wanted,
    check_task,
    label_in,
    loads_of,
    looked_at_in,
)


def read_parquet(path: Path, files: list[Path], wanted: Wanted) -> Listing:
    """Lists Parquet files of one kind. Raises DataError where they are none, differ, or lack a column."""
    notes = []
    train = [file for file in files if "train" in file.name.lower() or "train" in file.parent.name.lower()]
    if train and len(train) < len(files):
        files = train
        notes.append(f"of the Parquet files in {shown(path)}, those of 'train' were taken")
    try:
        table = arrow.dataset([str(file) for file in files], format="parquet")
        ours = json.loads((table.schema.metadata or {}).get(b"orbweaver", b"{}"))
        wanted = replace(wanted, task=wanted.task or ours.get("task"))
        check_task(path, wanted.task)
        features, names = hub_parquet.features(table.schema), table.schema.names
        pictured = [n for n, f in features.items() if isinstance(f, dict) and f.get("_type") == "Image"]
        looked_at, column = looked_at_in(path, names, wanted, pictured)
        label = label_in(path, names, wanted, [n for n, f in features.items() if hub_parquet.class_names(f)])
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
    loads = loads_of([images[row] for row in rows] if images else [])
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
