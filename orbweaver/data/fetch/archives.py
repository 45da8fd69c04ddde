"""Safe extraction of downloaded archives: nothing is written outside the folder, and nothing but plain files.

Python's and torchvision's own extractors differ in what they let through from version to version; this one reads
each member's bytes itself, creates no links or devices, and sets no file modes.
"""

from __future__ import annotations

import gzip
import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from tqdm import tqdm

from orbweaver.core.errors import FileError, UserError

MEMBERS = 3_000_000  # of the known datasets the largest has 0.2 million
RATIO = 40  # unpacked size to packed size, at most; text reaches 10 to 1, a zip bomb 1000 to 1
SPARE = 2**30  # bytes that any archive may unpack to beyond that
BLOCK = 2**20
SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip", ".gz")


class ArchiveError(UserError):
    """An archive is damaged, or holds what no dataset has: links, paths out of its folder, too much."""


def is_archive(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _inside(name: str, archive: Path) -> PurePosixPath:
    """The relative path of a member. Raises ArchiveError for one that leads elsewhere."""
    place = PurePosixPath(name)
    if (
        not name
        or place.is_absolute()
        or ".." in place.parts
        or "\\" in name
        or "\0" in name
        or ":" in "".join(place.parts[:1])
    ):
        raise ArchiveError(f"{archive}: member '{name}' leads out of its folder; it was not extracted")
    return place


def _tar(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes] | None]]:
    with tarfile.open(archive, "r|*") as tar:
        for member in tar:
            place = _inside(member.name, archive)
            if member.isdir():
                yield place, None
            elif member.isreg() and not member.issparse():
                yield place, tar.extractfile(member)
            else:
                raise ArchiveError(f"{archive}: member '{member.name}' is a link or a device, not a file")


def _zip(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes] | None]]:
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            place = _inside(member.filename, archive)
            kind = (member.external_attr >> 16) & 0o170000  # the file type, if the archive was made on Unix
            if kind not in (0, 0o100000, 0o040000):
                raise ArchiveError(f"{archive}: member '{member.filename}' is a link or a device, not a file")
            if member.is_dir():
                yield place, None
            else:
                with zipped.open(member) as source:
                    yield place, source


def _gzip(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes] | None]]:
    with gzip.open(archive) as source:
        yield PurePosixPath(archive.name.removesuffix(".gz")), source


def extract(archive: Path, folder: Path) -> None:
    """Unpacks a tar (plain or compressed), a zip or a gzip into `folder`, over what is there.

    Raises ArchiveError, naming archive and member, for a path that leads out of the folder, a link, a device, more
    than `MEMBERS` members, more than `RATIO` times the archive's own size, or a damaged archive; FileError when the
    disk is full. What was written before that stays; the caller marks a folder complete only when this returns.
    """
    allowed = SPARE + RATIO * archive.stat().st_size
    name = archive.name.lower()
    members = _zip(archive) if name.endswith(".zip") else _tar(archive) if ".tar" in name or ".tgz" in name else None
    written = 0
    root = folder.resolve()
    try:
        for count, (place, source) in enumerate(
            tqdm(members or _gzip(archive), desc=f"unpack {archive.name}", unit="file", disable=None), 1
        ):
            if count > MEMBERS:
                raise ArchiveError(f"{archive}: more than {MEMBERS:,} members; no dataset has so many")
            target = root / place
            if not target.resolve().is_relative_to(root):  # a link that was in the folder before
                raise ArchiveError(f"{archive}: member '{place}' leads out of {folder}")
            if source is None:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with open(target, "wb") as out:
                while block := source.read(BLOCK):
                    written += len(block)
                    if written > allowed:
                        raise ArchiveError(
                            f"{archive}: unpacks to more than {written // 2**20:,} MiB, {RATIO} times its own size"
                        )
                    out.write(block)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile) as error:
        raise ArchiveError(f"{archive}: damaged ({error}); delete it and run again") from None
    except (NotImplementedError, RuntimeError) as error:  # zipfile: an unknown compression, a password
        raise ArchiveError(f"{archive}: cannot be unpacked ({error})") from None
    except OSError as error:
        free = shutil.disk_usage(root).free
        raise FileError(
            f"{archive}: cannot be unpacked into {folder} ({error}); {free // 2**20:,} MiB are free"
        ) from None
