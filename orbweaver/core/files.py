"""Files written in one step (atomically), and identified by a digest of their bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orbweaver.core.errors import FileError

AGAIN = "delete it and run `dvc repro` again"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it is flushed to disk and renamed, else removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{path.name}.*.tmp"):  # of writers that were killed
        process = stale.suffixes[-2][1:]
        if process.isdecimal() and not _alive(int(process)):
            stale.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text in one step."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def link(source: Path, target: Path) -> None:
    """Puts a finished file into place: a hard link where the file system can, else a copy."""
    with atomic(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def digest(path: str | Path) -> str:
    """sha256 of a file's bytes, as hex. Raises FileError when it is not there."""
    try:
        status = Path(path).stat()
        return _digest(Path(path), status.st_ino, status.st_size, status.st_mtime_ns)
    except FileNotFoundError:
        raise FileError(f"{path}: not found; `dvc repro` makes it, `dvc pull` fetches it") from None


@lru_cache  # scoring asks for a target's digest once for each PTM
def _digest(path: Path, *version: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class KnownFile:
    """A file as an argument of a function that is `kept`: the key holds the digest of its bytes, not its path."""

    path: Path

    @property
    def fingerprint(self) -> str:
        return digest(self.path)
