"""Tables, in CSV."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from orbweaver.core.errors import FileError
from orbweaver.core.files import AGAIN, write_text

# More digits than float32 has, and few enough that CPUs with the same instructions agree on all of them.
DIGITS = "%.12g"


def csv_text(table: pd.DataFrame) -> str:
    """A table as CSV, floats with twelve significant digits."""
    return table.to_csv(index=False, lineterminator="\n", float_format=DIGITS)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    write_text(path, csv_text(table))


def read_csv(path: Path, columns: list[str], remedy: str = "") -> pd.DataFrame:
    """Reads a table that Orbweaver wrote. remedy: what the messages tell the user to do, if not to run `dvc repro`.

    Raises FileError when it is missing, unreadable or lacks a column.
    """
    missing, damaged = remedy or "`dvc repro` makes it, `dvc pull` fetches it", remedy or AGAIN
    try:
        table = pd.read_csv(path, keep_default_na=True)
    except FileNotFoundError:
        raise FileError(f"{path}: not found; {missing}") from None
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise FileError(f"{path}: not a table ({error}); {damaged}") from None
    if lacking := [column for column in columns if column not in table.columns]:
        raise FileError(f"{path}: has no column '{lacking[0]}'; {damaged}")
    return table


def read_published(path: Path, columns: list[str]) -> pd.DataFrame:
    """Reads a table that git keeps. Raises FileError as `read_csv`."""
    return read_csv(path, columns, f"`git checkout {path}` restores it")
