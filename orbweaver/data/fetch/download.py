"""Verified downloads: a file gets its name only when it is complete and checked; an interrupted one is resumed.

A file whose checksum nobody published is trusted the first time: its sha256 is kept beside it in `.<name>.json`, and a
later download that differs is refused.

The package pooch (1.9) does not suffice: it begins an interrupted file anew, asks one address only, waits ten seconds
at most whatever a busy server says (429), does not check for room on the disk, and keeps no digest of a file that was
published without one.
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import time
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests
from tqdm import tqdm

from orbweaver.core.errors import UserError
from orbweaver.core.files import write_text

ATTEMPTS = 5
TIMEOUT = (20, 60)  # seconds to connect, and to wait for more data
BLOCK = 2**20
MARGIN = 2**28  # bytes that a download leaves free
PAUSE = 2.0  # seconds before the second attempt, doubled each time
LONGEST = 600.0  # seconds, at most, to wait for a server that was asked too often (429)


class DownloadError(UserError):
    """A file cannot be downloaded, or is not the one that was published."""


def megabytes(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def room_for(size: int, folder: Path, what: str) -> None:
    """Raises DownloadError, with both sizes, when `folder`'s disk has no room for `size` bytes."""
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if size + MARGIN > free:
        raise DownloadError(f"{what} needs {megabytes(size)} and {folder} has {megabytes(free)} free; make room there")


def _side(path: Path) -> Path:
    return path.with_name(f".{path.name}.json")


def _known(path: Path) -> dict:
    try:
        return json.loads(_side(path).read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _digests(path: Path) -> dict[str, str]:
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            sha256.update(block)
            md5.update(block)
    return {"sha256": sha256.hexdigest(), "md5": md5.hexdigest()}


def verify(path: Path, *, size: int | None = None, sha256: str | None = None, md5: str | None = None,
           named: Path | None = None) -> None:  # fmt: skip
    """Raises DownloadError unless the file is the published one, or, without checksums, the one downloaded first.

    A file that was verified before and has not changed since is not read again. `named`: the name that it will get.
    sha256 may be a prefix of the checksum, as in the file names of torchvision.
    """
    named = named or path
    known, status = _known(named), path.stat()
    if size is not None and status.st_size != size:
        raise DownloadError(f"{named}: {status.st_size:,} bytes, {size:,} were published; delete it and run again")
    expected = {"sha256": sha256 or (None if md5 else known.get("sha256")), "md5": md5}
    mark = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
    found = known if known.items() >= mark.items() else _digests(path) | mark
    for kind, digest in expected.items():
        if digest and not found[kind].startswith(digest):
            first = "" if sha256 or md5 else f", as it had the first time ({_side(named)} keeps that)"
            raise DownloadError(f"{named}: its {kind} is {found[kind]}, not {digest}{first}; delete it and run again")
    if found != known:
        write_text(_side(named), json.dumps(found, sort_keys=True) + "\n")


def fetch(url: str, path: Path, *, size: int | None = None, sha256: str | None = None, md5: str | None = None,
          headers: dict[str, str] | None = None, mirror: str | None = None) -> Path:  # fmt: skip
    """Downloads `url` to `path` unless it is there; verified either way.

    An interrupted download goes on where it stopped (`.<name>.part`), if the server still has the same file. A server
    that is asked too often (429) is waited for as long as it says. mirror: another address of the same bytes, tried
    when the first fails; if both fail, what is raised is of the first.

    Raises DownloadError, with what to do, when there is no network or no such file, when the disk is full (told
    beforehand where the size is known), and when the file is not the published one.
    """
    if path.exists():
        verify(path, size=size, sha256=sha256, md5=md5)
        return path
    try:
        return _fetched(url, path, size, sha256, md5, headers or {})
    except DownloadError:
        if mirror is not None:
            with suppress(DownloadError):
                return _fetched(mirror, path, size, sha256, md5, headers or {})
        raise


def _fetched(
    url: str, path: Path, size: int | None, sha256: str | None, md5: str | None, headers: dict[str, str]
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    for attempt in range(1, ATTEMPTS + 1):
        try:
            _transfer(url, path, part, size, headers)
            break
        except requests.RequestException as error:
            if attempt == ATTEMPTS:
                raise DownloadError(
                    f"{url} cannot be downloaded ({type(error).__name__}). Without network, fetch it elsewhere, place "
                    f"it as {path} and run again"
                ) from None
            time.sleep(max(PAUSE * 2 ** (attempt - 1), getattr(error, "seconds", 0.0)))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise DownloadError(f"{path}: the disk is full; make room, and the download goes on") from None
            raise
    try:
        verify(part, size=size, sha256=sha256, md5=md5, named=path)
    except DownloadError as error:
        part.unlink()
        raise DownloadError(f"{error} ({url}); it was not kept") from None
    part.replace(path)
    _tag(part).unlink(missing_ok=True)
    return path


class TooManyRequests(requests.RequestException):
    """seconds: after which the server may be asked again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"status 429, again in {seconds:.0f} s")
        self.seconds = seconds


def seconds_of(retry_after: str) -> float:
    """What a Retry-After header says, a number of seconds or a date; 0 where it says neither, at most `LONGEST`."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except ValueError:
            seconds = 0.0
    return min(max(seconds, 0.0), LONGEST)


def _tag(part: Path) -> Path:
    """The file that keeps the ETag, the server's name for the version of the file that `part` is a part of."""
    return part.with_name(part.name + ".etag")


def _transfer(url: str, path: Path, part: Path, size: int | None, headers: dict[str, str]) -> None:
    """Appends to `part` until the server has no more. Raises ConnectionError when it stops before the end."""
    tag = _tag(part).read_text() if _tag(part).exists() else None
    done = part.stat().st_size if part.exists() and (tag or size) else 0
    if size is not None and done >= size:
        if done == size:
            return
        done = 0
    ask = {"Accept-Encoding": "identity", **headers}
    if done:
        ask |= {"Range": f"bytes={done}-"} | ({"If-Range": tag} if tag else {})
    with requests.get(url, headers=ask, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == 416:  # the server now has another version than the one that the part is of
            part.unlink()
            raise requests.ConnectionError("the part does not fit")
        if answer.status_code == 429:
            raise TooManyRequests(seconds_of(answer.headers.get("Retry-After", "")))
        if answer.status_code >= 500:
            raise requests.ConnectionError(f"status {answer.status_code}")
        if answer.status_code not in (200, 206):
            raise DownloadError(
                f"{url}: the server says {answer.status_code} {answer.reason}; "
                f"fetch it elsewhere and place it as {path}"
            )
        if answer.status_code == 200:
            done = 0
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else size
        if size is not None and total != size:
            raise DownloadError(f"{url}: {total:,} bytes, {size:,} were published; the file has changed")
        if total:
            room_for(total - done, path.parent, path.name)
        etag = answer.headers.get("ETag", "")
        if etag and not etag.startswith("W/"):
            write_text(_tag(part), etag)
        with (
            open(part, "ab" if done else "wb") as out,
            tqdm(total=total, initial=done, desc=path.name, unit="B", unit_scale=True, disable=None) as bar,
        ):
            for block in answer.iter_content(BLOCK):
                out.write(block)
                done += len(block)
                bar.update(len(block))
                if total is not None and done > total:
                    raise DownloadError(f"{url}: longer than the {total:,} bytes that were announced")
    if total is not None and done < total:
        raise requests.ConnectionError(f"stopped after {done} of {total} bytes")
