"""Small results of ranking (scores, seconds), kept under a key that can be told without importing torch.

`core.cache.kept` follows the imports of the code that made a result, and for that imports it, which takes seconds. Here
the key holds the sources of the whole package instead: a change anywhere computes scores again, never features.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache as once
from importlib.metadata import version
from pathlib import Path

import orbweaver
from orbweaver.core.cache import Cache, fingerprint
from orbweaver.core.files import write_text
from orbweaver.core.keys import key_of

LIBRARIES = ("numpy", "scipy", "scikit-learn")


@once
def _sources() -> str:
    root, found = Path(orbweaver.__file__).parent, hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return key_of(found.hexdigest(), [version(name) for name in LIBRARIES])


def place(cache: Cache, room: str, *parts: object) -> Path:
    """Where the result of these parts lies or will lie."""
    return cache.path(room, ".json", key_of(_sources(), fingerprint(parts)))


def kept(cache: Cache, room: str, make: Callable[[], dict], *parts: object) -> dict:
    """What `make` gives (JSON-able), made once for the same parts."""
    path = place(cache, room, *parts)
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    made = make()
    write_text(path, json.dumps(made))
    return made
