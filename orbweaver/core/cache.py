"""Finished work, kept under a key that hashes everything it depends on, code included; so it is never done twice.

The cache outlives DVC's clearing of outputs before each run. A stage notes what it used, and `prune` removes the rest.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Concatenate, ParamSpec, Protocol, runtime_checkable

from pydantic import BaseModel

from orbweaver.core.code import code_version
from orbweaver.core.files import write_text
from orbweaver.core.keys import key_of

P = ParamSpec("P")
USED = "used"


@runtime_checkable
class Fingerprinted(Protocol):
    """A value that says what it is: a digest, or JSON-able parts that tell it from others."""

    @property
    def fingerprint(self) -> object: ...


def fingerprint(value: object) -> object:
    """What a value is, as JSON-able parts. Raises TypeError for one that cannot be told from others of its type."""
    if isinstance(value, Fingerprinted):
        return value.fingerprint
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(name): fingerprint(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [fingerprint(each) for each in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(f"a {type(value).__name__} has no fingerprint, so that a result cannot be kept under it")


class Cache:
    """A folder of finished results: <room>/<first two of the key>/<key><suffix>."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._noting: Path | None = None

    def path(self, room: str, suffix: str, key: str) -> Path:
        """Where the result of this key lies, or will lie. Its use is noted if a stage asked for that."""
        path = self.root / room / key[:2] / f"{key}{suffix}"
        if self._noting is not None:
            with open(self._noting, "a") as notes:  # appended line by line, as forked workers use the cache too
                notes.write(f"{path.relative_to(self.root)}\n")
        return path

    @contextmanager
    def noting(self, stage: str) -> Iterator[None]:
        """Notes what is used until the block ends well, under the name of the stage that uses it."""
        notes = self.root / USED / f"{stage}.{os.getpid()}"
        notes.parent.mkdir(parents=True, exist_ok=True)
        notes.write_text("")
        self._noting = notes
        try:
            yield
            write_text(self.root / USED / stage, "".join(sorted({*notes.read_text().splitlines(keepends=True)})))
        finally:
            self._noting = None
            notes.unlink(missing_ok=True)

    def used(self, stage: str) -> set[Path]:
        """What a stage used when it last ran to its end."""
        notes = self.root / USED / stage
        return {self.root / line for line in notes.read_text().splitlines()} if notes.exists() else set()


def kept(
    room: str, suffix: str
) -> Callable[[Callable[Concatenate[Path, Cache, P], None]], Callable[Concatenate[Cache, P], Path]]:
    """Keeps what a function writes, so that the same arguments never compute it again.

    The decorated `make(path, cache, *arguments)` writes its result to `path`, in one step. It is called as
    `make(cache, *arguments)`, without `path`, and returns the path of the finished result. The key hashes the
    fingerprints of all arguments and the version of all code that the function's module runs (`core.code`), so the
    result may depend on nothing else. `make.place(cache, *arguments)` says where it lies or will lie.
    """

    def decorate(make: Callable[Concatenate[Path, Cache, P], None]) -> Callable[Concatenate[Cache, P], Path]:
        def place(cache: Cache, *arguments: P.args, **named: P.kwargs) -> Path:
            parts = [make.__name__, code_version(make.__module__), fingerprint(arguments), fingerprint(named)]
            return cache.path(room, suffix, key_of(*parts))

        @wraps(make)
        def finished(cache: Cache, *arguments: P.args, **named: P.kwargs) -> Path:
            path = place(cache, *arguments, **named)
            if not path.exists():
                make(path, cache, *arguments, **named)
            return path

        finished.place = place
        return finished

    return decorate
