"""Datasets that are folders of images: a class's folder, or an image's name, says what it shows."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from orbweaver.core.errors import FileError
from orbweaver.data.readers.sample import Parts, Sample

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")


def pictures(folder: Path) -> list[Path]:
    """Image files below a folder, by name, hidden ones left out.

    Raises FileError when the folder is not there, or it or one below it may not be read: images would be missing
    without a word.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: not found; is the dataset unpacked there completely?")
    found = []
    for place, folders, files in os.walk(folder, onerror=_refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in files if not name.startswith("."))
        found += [path for path in paths if path.suffix.lower() in SUFFIXES]
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise FileError(f"{error.filename}: {os.strerror(error.errno)}; images in it would be missing") from None


def by_class(folder: Path, without: Collection[str] = ()) -> dict[str, list[Path]]:
    """folder/<class>/.../<image>: the images of each class that has some, classes by name.

    Raises FileError as `pictures`.
    """
    if not folder.is_dir():
        raise FileError(f"{folder}: not found; is the dataset unpacked there completely?")
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    found = {name: pictures(folder / name) for name in names if name not in without}
    return {name: paths for name, paths in found.items() if paths}


def class_folders(root: Path, folder: str, without: Collection[str] = ()) -> Parts:
    """folder/<class>/<image>."""
    found = by_class(root / folder, without)
    samples = [Sample(path, label) for label, paths in enumerate(found.values()) for path in paths]
    return list(found), {"all": samples}


def domain_folders(root: Path, folder: str) -> Parts:
    """folder/<domain>/<class>/<image>; domains together."""
    found = [(path, path.relative_to(root / folder).parts[1]) for path in pictures(root / folder)]
    names = sorted({name for _, name in found})
    return names, {"all": [Sample(path, names.index(name)) for path, name in found]}


def utkface(root: Path) -> Parts:
    """<age>_<gender>_<race>_<date>.jpg, and a few whose names lack a part; the age always comes first."""
    found = [(path, path.name.split("_")[0]) for path in pictures(root)]
    return [], {"all": [Sample(path, float(age)) for path, age in found if age.isdigit()]}
