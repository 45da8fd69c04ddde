"""Annotations of images or texts, in JSON."""

from __future__ import annotations

import json
from pathlib import Path

from orbweaver.core.errors import FileError


def read_json(path: Path) -> dict:
    """What the file holds. Raises FileError when it is not there."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FileError(f"{path}: not found; is the dataset unpacked there completely?") from None
