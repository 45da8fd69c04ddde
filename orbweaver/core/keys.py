"""Keys of results: hashes of what they depend on."""

from __future__ import annotations

import hashlib
import json


def key_of(*parts: object) -> str:
    """The key of a computation's result: a hash of everything that it depends on (JSON-able parts)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
