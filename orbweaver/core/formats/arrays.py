"""Named arrays, in safetensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from orbweaver.core.errors import FileError
from orbweaver.core.files import AGAIN, atomic


def write_arrays(path: Path, about: dict[str, str] | None = None, /, **arrays: np.ndarray) -> None:
    """Writes arrays, and at most one entry of metadata: safetensors writes several in no fixed order."""
    with atomic(path) as temporary:
        save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, temporary, metadata=about)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Raises FileError when the file is missing or damaged."""
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise FileError(f"{path}: missing or damaged ({error}); {AGAIN}") from None
