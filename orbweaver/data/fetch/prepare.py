"""Datasets of the catalogue: downloading and unpacking them, and what is here of them."""

from __future__ import annotations

from pathlib import Path

from orbweaver.core.errors import FileError
from orbweaver.core.files import write_text
from orbweaver.core.workspace import Workspace
from orbweaver.data.catalogue import Entry
from orbweaver.data.fetch import archives, download
from orbweaver.data.fetch.download import megabytes
from orbweaver.data.fetch.hub import hub_files, hub_headers, kept_listing, place


def _unpacked(archive: Path) -> Path:
    return archive.with_name(f".{archive.name}.unpacked")


def _unpack(archive: Path, folder: Path, inner: str | None) -> None:
    """Unpacks a verified archive once: the mark beside it names the version that was unpacked."""
    mark, version = _unpacked(archive), f"{archive.stat().st_size} {archive.stat().st_mtime_ns}"
    if mark.exists() and mark.read_text() == version:
        return
    archives.extract(archive, folder)
    if inner:
        archives.extract(folder / inner, folder)
    write_text(mark, version)


def prepare(workspace: Workspace, name: str, entry: Entry) -> None:
    """Downloads and unpacks what is not here yet of a dataset.

    Raises DownloadError, telling what to do, when something cannot be downloaded, and FileError when it has to be
    placed by the user.
    """
    folder = workspace.raw(name)
    if entry.place:
        if not folder.is_dir():
            raise FileError(f"{folder} is not there. The licence of '{name}' ({entry.licence}) asks you to fetch it "
                            f"yourself: {entry.place}")  # fmt: skip
        return
    listed = hub_files(entry.hub, folder) if entry.hub else []
    paths = {file: file.path(workspace, name) for file in entry.files}
    packed = {file: path for file, path in paths.items() if archives.is_archive(file.name)}
    missing = sum(file.size or 0 for file, path in paths.items() if not path.exists())
    missing += sum(file.size or 0 for file in listed if not file.path.exists())
    if missing:
        unpacked = sum(file.size or 0 for file, path in packed.items() if not _unpacked(path).exists())
        download.room_for(missing + unpacked, folder, f"dataset '{name}' (download and unpacking)")
    for file, path in paths.items():
        download.fetch(file.url, path, size=file.size, sha256=file.sha256, md5=file.md5, mirror=file.mirror)
    headers = hub_headers() if listed else {}
    for file in listed:
        download.fetch(file.url, file.path, size=file.size, sha256=file.sha256, headers=headers)
    for file, path in packed.items():
        _unpack(path, path.parent / file.unpack, file.inner)


def state(workspace: Workspace, name: str, entry: Entry) -> tuple[str, str]:
    """(is it here, what is missing and how large it is), without the network and without reading what is here."""
    folder = workspace.raw(name)
    if entry.place:
        return ("placed", "") if folder.is_dir() else ("to be placed", entry.place)
    paths = {file: file.path(workspace, name) for file in entry.files}
    missing = [(file.name, file.size) for file, path in paths.items() if not path.exists()]
    if entry.hub:
        if (known := kept_listing(folder)) is not None:
            missing += [(path, about["size"]) for path, about in known["files"].items()
                        if not place(folder, path, about["split"]).exists()]  # fmt: skip
        else:
            missing.append((f"hf-hub:{entry.hub.id}", None))
    packed = [f for f, path in paths.items() if archives.is_archive(f.name) and not _unpacked(path).exists()]
    trusted = "" if entry.verified else "; no published checksum: later downloads must equal the first"
    if not missing:
        return ("downloaded", f"to be unpacked: {', '.join(f.name for f in packed)}") if packed else ("ready", "")
    known = sum(size or 0 for _, size in missing)
    size = (megabytes(known) if known else "") + (" and " if known and any(s is None for _, s in missing) else "")
    size += "of unknown size" if any(s is None for _, s in missing) else ""
    some = len(missing) < len(entry.files) + bool(entry.hub)
    return "partly here" if some else "missing", f"{', '.join(n for n, _ in missing)} ({size}){trusted}"
