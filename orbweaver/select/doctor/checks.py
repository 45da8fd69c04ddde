"""A look at every image or text before a PTM sees one: what cannot be read, and what would spoil a ranking."""

from __future__ import annotations

import errno
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from orbweaver.core.cache import Cache
from orbweaver.core.errors import TargetError
from orbweaver.core.keys import key_of
from orbweaver.core.names import first_few
from orbweaver.data.images import shown
from orbweaver.data.readers.folders import SUFFIXES
from orbweaver.data.readers.labels import DataError
from orbweaver.data.readers.own import SPLITS
from orbweaver.data.readers.own_listing import Listing
from orbweaver.data.split import Split
from orbweaver.select.doctor import doctor
from orbweaver.select.doctor.looks import Look, looks, looks_of_texts
from orbweaver.select.progress import counted

UNREADABLE = 0.01  # share of unreadable pictures above which something is wrong with all of them
FEW, IMBALANCE = 5, 20
MANY = 10  # rare labels that are numbers, from which on they look like amounts


def checked(listing: Listing, rows: np.ndarray, cache: Cache) -> tuple[Split, list[Look], list[str]]:
    """The readable ones of the chosen samples as a split, a look at each, and warnings.

    Raises DataError when more than one in a hundred cannot be read.
    """
    images = listing.load(rows)
    texts = {name: [values[row] for row in rows] for name, values in listing.texts.items()}
    if not len(rows):
        raise DataError(f"'{listing.name}': no images or texts")
    digests, seen = looks(images, cache) if len(images) else looks_of_texts(texts)
    bad = [i for i, one in enumerate(seen) if one.reason]
    named = first_few([f"{listing.names[rows[i]]} ({seen[i].reason})" for i in bad], between="; ")
    what = doctor.things(images)
    if len(bad) > UNREADABLE * len(seen):
        raise DataError(
            f"'{listing.name}': {len(bad)} of {len(seen)} {what} cannot be read, more than 1 %: {named}; "
            f"{_remedy([listing.names[rows[i]] for i in bad], [seen[i].reason for i in bad])}"
        )
    good = [i for i in range(len(seen)) if not seen[i].reason]
    targets = listing.targets[rows[good]]
    classes = listing.classes
    if classes:
        present = np.flatnonzero(_counts(targets, len(classes)))
        classes = [classes[i] for i in present]
        targets = targets[:, present] if targets.ndim == 2 else np.searchsorted(present, targets)
    split = Split(
        name=listing.name,
        task=listing.task,
        classes=classes,
        images=images.take(good).at_hand() if len(images) else [],
        targets=targets,
        licence="",
        origin="",
        digest=key_of([digests[i] for i in good], listing.task, classes, targets.tolist()),
        texts={name: [values[i] for i in good] for name, values in texts.items()},
    )
    seen = [seen[i] for i in good]
    told = [f"{len(bad)} of {len(digests)} {what} cannot be read and were skipped: {named}"] if bad else []
    told += _class_sizes(split, listing) + doctor.odd(split, seen, [listing.names[rows[i]] for i in good], cache)
    return split, seen, told


def _remedy(names: list[str], reasons: list[str]) -> str:
    """What to do about samples that cannot be read, for a message."""
    if all(name.startswith(("http://", "https://")) for name in names):
        return "images are not downloaded; give paths of files"
    if all(reason == os.strerror(errno.ENOENT) for reason in reasons):
        return "put these files there; paths in a table start at the table's folder"
    return "repair or remove them"


def _counts(targets: np.ndarray, classes: int) -> np.ndarray:
    return targets.sum(axis=0) if targets.ndim == 2 else np.bincount(targets, minlength=classes)


def _class_sizes(split: Split, listing: Listing) -> list[str]:
    """Warnings about classes of few samples, or of many more than others. listing: what the split was drawn from."""
    if not split.classes:
        return []
    counts = _counts(split.targets, len(split.classes))
    told = []
    if few := [f"'{split.classes[i]}' {counts[i]}" for i in np.argsort(counts, kind="stable") if counts[i] < FEW]:
        whole = dict(zip(listing.classes, _counts(listing.targets, len(listing.classes)), strict=True))
        rare = [name for name in split.classes if whole[name] < FEW]
        more = "" if rare else "; look at more of each (--budget)"
        told.append(f"classes of under {FEW} {doctor.things(split.images)} tell little: {first_few(few)}{more}")
        if len(rare) > len(counts) / 2 and len(rare) >= MANY and all(map(_is_number, split.classes)):
            kind = "a table and --task regression" if len(split.images) else "--task text_regression"
            told.append(f"the labels are numbers, most of them rare: if they are amounts, give {kind}")
    if counts.max() > IMBALANCE * counts.min():
        large, small = split.classes[int(counts.argmax())], split.classes[int(counts.argmin())]
        told.append(
            f"classes are out of balance: {counts.max()} {doctor.things(split.images)} of '{large}', {counts.min()} of "
            f"'{small}'; accuracy is mostly that of the large ones"
        )
    return told


def _is_number(name: str) -> bool:
    try:
        return math.isfinite(float(name))
    except ValueError:
        return False


def left_aside(path: Path, listing: Listing) -> tuple[list[str], list[str]]:
    """Of a folder of classes: notes on what lies in it and is no image of any, and warnings; else nothing.

    Raises TargetError where there is one class folder alone, DataError where splits are taken for classes.
    """
    if not path.is_dir() or (path / "metadata.csv").exists() or not (path / listing.names[0]).exists():
        return [], []
    top = Path(listing.names[0]).parts[0]
    root = path if top in listing.classes else path / top  # of splits the one that was taken
    entries = sorted(entry for entry in root.iterdir() if not entry.name.startswith("."))
    if len(listing.classes) == 1:
        inner = root / listing.classes[0]
        nested = any(map(Path.is_dir, inner.iterdir()))
        deeper = f"; if its folders are the classes, give {shown(inner)}" if nested else ""
        raise TargetError(f"{shown(root)} has one class; a ranking needs at least two folders of images{deeper}")
    lost = []
    if empty := [shown(e.name) for e in entries if e.is_dir() and shown(e.name) not in listing.classes]:
        lost.append(f"{counted(len(empty), 'folder')} without images ({first_few(empty)})")
    if loose := sum(entry.suffix.lower() in SUFFIXES for entry in entries):
        lost.append(f"{counted(loose, 'image')} in no class folder")
    if others := Counter(suffix for entry in entries if entry.is_dir() for suffix in _others(entry)):
        each = first_few([f"{suffix or 'no suffix'} {count}" for suffix, count in others.most_common()])
        lost.append(f"{counted(others.total(), 'file')} without an image's suffix ({each})")
    notes = [f"left out: {', '.join(lost)}"] if lost else []
    called = [name for name in listing.classes if name.lower() in SPLITS]
    if len(called) == len(listing.classes):
        raise DataError(f"{shown(root)}: its folders of images are splits ({', '.join(called)}); give that of one")
    warned = f"classes are called {first_few(called)}: if these are splits, give the folder of one"
    return notes, [warned] if len(called) > 1 else []


def _others(folder: Path) -> Iterator[str]:
    """The suffixes of files below a folder that are not read as images; hidden ones left out."""
    for _, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        suffixes = (Path(name).suffix.lower() for name in files if not name.startswith("."))
        yield from (suffix for suffix in suffixes if suffix not in SUFFIXES)
