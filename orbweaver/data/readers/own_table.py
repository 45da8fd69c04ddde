"""A user's table of texts, or of paths of images, with labels: CSV, TSV or JSON lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.data.images import shown
from orbweaver.data.readers.labels import DataError, read_labels
from orbweaver.data.readers.own_listing import MOST, Listing, Wanted, label_in, loads_of, looked_at_in

# By suffix, a function that reads a table part by part: of its path, the rows of a part, the columns (None for all).
TABLES: dict[str, Callable[[Path, int, list[str] | None], Iterable[pd.DataFrame]]] = {
    ".csv": lambda path, rows, columns: pd.read_csv(path, chunksize=rows, usecols=columns, sep=_separator(path)),
    ".tsv": lambda path, rows, columns: pd.read_csv(path, chunksize=rows, usecols=columns, sep="\t"),
    ".jsonl": lambda path, rows, columns: pd.read_json(path, chunksize=rows, lines=True),
}
PART = 50_000  # rows of a table in memory beside those that are taken


def _separator(path: Path) -> str:
    """What separates the cells of a .csv file: a comma, unless its first line has none and has a semicolon or a tab."""
    with open(path, encoding="utf-8") as file:
        head = file.readline()
    return "," if "," in head else next((one for one in ";\t" if one in head), ",")


def read_table(path: Path, wanted: Wanted) -> Listing:
    """Lists a table. Raises DataError where it is none, or a column is missing or of no use."""
    parts = TABLES[path.suffix.lower()]
    try:
        columns = list(next(iter(parts(path, 1000, None)), pd.DataFrame()))
        looked_at, column = looked_at_in(path, columns, wanted)
        label = label_in(path, columns, wanted)
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
        return Listing(name, task, classes, targets, names, loads_of([]), notes, {"text": cells})
    images = [path.parent / Path(cell).expanduser() for cell in cells]
    return Listing(name, task, classes, targets, [shown(cell) for cell in cells], loads_of(images), notes)


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
