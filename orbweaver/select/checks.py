"""A look at every image or text before a PTM sees one: what cannot be read, and what would spoil a ranking."""

from __future__ import annotations

import numpy as np

from orbweaver.core.cache import Cache
from orbweaver.core.keys import key_of
from orbweaver.core.names import first_few
from orbweaver.data.readers.own import DataError, Listing
from orbweaver.data.split import Split
from orbweaver.select import doctor
from orbweaver.select.looks import Look, looks, looks_of_texts

UNREADABLE = 0.01  # share of unreadable pictures above which something is wrong with all of them
FEW, IMBALANCE = 5, 20


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
            "repair or remove them"
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
    told += _class_sizes(split) + doctor.odd(split, seen, [listing.names[rows[i]] for i in good], cache)
    return split, seen, told


def _counts(targets: np.ndarray, classes: int) -> np.ndarray:
    return targets.sum(axis=0) if targets.ndim == 2 else np.bincount(targets, minlength=classes)


def _class_sizes(split: Split) -> list[str]:
    if not split.classes:
        return []
    counts = _counts(split.targets, len(split.classes))
    told = []
    if few := [f"'{split.classes[i]}' {counts[i]}" for i in np.argsort(counts, kind="stable") if counts[i] < FEW]:
        told.append(f"classes of under {FEW} {doctor.things(split.images)} tell little: {first_few(few)}")
    if counts.max() > IMBALANCE * counts.min():
        large, small = split.classes[int(counts.argmax())], split.classes[int(counts.argmin())]
        told.append(
            f"classes are out of balance: {counts.max()} {doctor.things(split.images)} of '{large}', {counts.min()} of "
            f"'{small}'; accuracy is mostly that of the large ones"
        )
    return told
