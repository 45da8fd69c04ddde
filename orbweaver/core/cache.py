"""A cache of finished work. A result's key hashes all that it depends on, code included, so no work is done twice.

DVC deletes a stage's outputs before it runs the stage; the cache stays. Each stage records which results it used, and
`orbweaver.pipeline.prune` removes those that no stage uses.
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
    """A value with a `fingerprint`: a digest, or JSON-able parts, that differs from that of any other value."""

    @property
    def fingerprint(self) -> object: ...


def fingerprint(value: object) -> object:
    """JSON-able parts that identify a value, for a key. Raises TypeError for a type that has no such parts."""
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
    raise TypeError(f"a {type(value).__name__} has no fingerprint, so it cannot be part of a key; give it one")


class Cache:
    """A folder of finished results: <kind, the room>/<first two characters of the key>/<key><suffix>."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._noting: Path | None = None

    def path(self, room: str, suffix: str, key: str) -> Path:
        """Where the result of this key lies, or will lie. Within `noting`, its use is recorded."""
        path = self.root / room / key[:2] / f"{key}{suffix}"
        if self._noting is not None:
            with open(self._noting, "a") as notes:  # appended line by line: forked workers write here too
                notes.write(f"{path.relative_to(self.root)}\n")
        return path

    @contextmanager
    def noting(self, stage: str) -> Iterator[None]:
        """Records which results the block uses, under the stage's name; if the block raises, the old record stays."""
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
        """The results that a stage used when it last ran to its end."""
        notes = self.root / USED / stage
        return {self.root / line for line in notes.read_text().splitlines()} if notes.exists() else set()


def kept(
    room: str, suffix: str
) -> Callable[[Callable[Concatenate[Path, Cache, P], None]], Callable[Concatenate[Cache, P], Path]]:
    """A decorator that keeps what a function writes: with the same arguments it is not computed again.

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
