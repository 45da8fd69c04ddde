"""HDF5 files: written atomically, with checksums; read only when complete and made from what is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from orbweaver.core.errors import FileError
from orbweaver.core.files import AGAIN, atomic

SCHEMA = 2  # increased when a reader of the old format would misread the new one


@contextmanager
def writing(path: Path) -> Iterator[h5py.File]:
    """A file to fill; it is marked complete and gets its name only if the block raises nothing.

    The format of HDF5 1.10 has checksums of everything but the arrays; for these see `put`. The file is built in
    memory: arrays that HDF5 cannot write to disk when it closes them would be lost without an error.
    """
    with atomic(path) as temporary, h5py.File(temporary, "w", driver="core", libver=("v110", "v110")) as file:
        file.attrs["schema"] = SCHEMA
        yield file
        file.attrs["complete"] = True


@contextmanager
def reading(path: Path, what: str, target: str) -> Iterator[h5py.File]:
    """A complete file that Orbweaver wrote. what, target: for messages, the kind of file and its output of DVC.

    Raises FileError when it is missing, truncated or foreign.
    """
    if not path.exists():
        raise FileError(f"{path}: not found; `dvc repro` makes it, `dvc pull {target}` fetches it")
    try:
        with h5py.File(path, "r") as file:
            if not file.attrs.get("complete", False):
                raise FileError(f"{path}: not a complete {what} of Orbweaver; {AGAIN}")
            if file.attrs.get("schema") != SCHEMA:
                raise FileError(f"{path}: a {what} of another version of Orbweaver; run `dvc repro` again")
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise FileError(f"{path}: truncated or not a {what} ({error}); {AGAIN}") from None


def check_origin(path: Path, found: dict, wanted: dict | None) -> None:
    """Raises FileError naming the first part of `wanted` (checkpoint, dataset, ...) that the file is not made from."""
    for what in wanted or {}:
        if found.get(what) != wanted[what]:
            raise FileError(f"{path}: made from another {what} than asked for; {AGAIN}")


def put(file: h5py.File, name: str, array: np.ndarray) -> None:
    """Writes an array with checksums, unless it is empty: HDF5 has none for empty arrays."""
    file.create_dataset(name, data=array, fletcher32=array.size > 0)


def put_empty(file: h5py.File, name: str, shape: tuple[int, int], rows: int) -> None:
    """Creates a float32 array with checksums, to be filled `rows` rows at a time."""
    file.create_dataset(name, shape, np.float32, chunks=(min(rows, shape[0]), shape[1]), fletcher32=True)
