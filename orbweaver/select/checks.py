"""A look at every image or text before a PTM sees one: what cannot be read, and what would spoil a ranking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orbweaver.core.cache import Cache
from orbweaver.core.keys import key_of
from orbweaver.core.workspace import Workspace
from orbweaver.data.readers.own import DataError, Listing
from orbweaver.data.split import Split, read_split
from orbweaver.models.card import Card
from orbweaver.select.looks import Look, looks, looks_of_texts

UNREADABLE = 0.01  # share of unreadable pictures above which something is wrong with all of them
FEW, IMBALANCE = 5, 20
NAMED = 5  # how many of many a message names


def things(images: Sequence[bytes]) -> str:
    """What a split holds that has these images, in a word for messages."""
    return "images" if len(images) else "texts"


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
    named = "; ".join(f"{listing.names[rows[i]]} ({seen[i].reason})" for i in bad[:NAMED])
    named += f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    what = things(images)
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
    told += _class_sizes(split) + _duplicates(split, seen, [listing.names[rows[i]] for i in good])
    return split, seen, told


def _counts(targets: np.ndarray, classes: int) -> np.ndarray:
    return targets.sum(axis=0) if targets.ndim == 2 else np.bincount(targets, minlength=classes)


def _class_sizes(split: Split) -> list[str]:
    if not split.classes:
        return []
    counts = _counts(split.targets, len(split.classes))
    told = []
    if few := [f"'{split.classes[i]}' {counts[i]}" for i in np.argsort(counts, kind="stable") if counts[i] < FEW]:
        more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
        told.append(f"classes of under {FEW} {things(split.images)} tell little: {', '.join(few[:NAMED])}{more}")
    if counts.max() > IMBALANCE * counts.min():
        large, small = split.classes[int(counts.argmax())], split.classes[int(counts.argmin())]
        told.append(
            f"classes are out of balance: {counts.max()} {things(split.images)} of '{large}', {counts.min()} of "
            f"'{small}'; accuracy is mostly that of the large ones"
        )
    return told


def _duplicates(split: Split, seen: list[Look], names: list[str]) -> list[str]:
    """Equal pixels or texts: under two targets nobody can tell them apart, under one they count as several."""
    same: dict[str, list[int]] = {}
    for i, one in enumerate(seen):
        same.setdefault(one.content, []).append(i)
    groups = [rows for rows in same.values() if len(rows) > 1]
    across = [rows for rows in groups if len({split.targets[row].tobytes() for row in rows}) > 1]
    told = []
    if across:
        first = " = ".join(names[row] for row in across[0][:3])
        told.append(f"{len(across)} {things(split.images)} occur under more than one target, such as {first}")
    if within := sum(len(rows) - 1 for rows in groups if rows not in across):
        told.append(
            f"{within} {things(split.images)} repeat another of the same target; scores that leave one out are "
            "flattered"
        )
    return told


def about_ptms(
    split: Split, seen: list[Look], cards: Sequence[Card], benchmark: Workspace | None, cache: Cache
) -> list[str]:
    """Warnings about PTMs: an input larger than the images, a pre-training that has seen them or their classes."""
    told = _small(seen, cards) if len(split.images) else []
    mine = {one.content for one in seen}
    trained_on: dict[str, list[str]] = {}
    for card in cards:
        trained_on.setdefault(card.source, []).append(card.name)
    classes = {name.lower() for name in split.classes}
    for source, ptms in trained_on.items():
        if shared := len(mine & _contents(source, benchmark, cache)):
            told.append(
                f"{_few(ptms)} were trained on '{source}', which holds {shared} of these {things(split.images)}"
            )
            continue
        theirs = {part.strip().lower() for card in cards if card.source == source for name in card.source_classes
                  for part in name.split(",")}  # fmt: skip
        if len(classes & theirs) >= max(2, len(classes) / 2):
            told.append(
                f"{_few(ptms)} were trained on '{source}', which has the classes {_few(sorted(classes & theirs))}: "
                f"these {things(split.images)} may be among its own"
            )
    return told


def _small(seen: list[Look], cards: Sequence[Card]) -> list[str]:
    told = []
    sides = np.array([min(one.width, one.height) for one in seen])
    by_input: dict[int, list[str]] = {}
    for card in cards:
        by_input.setdefault(card.preprocessing.input_size[1], []).append(card.name)
    for size, ptms in sorted(by_input.items()):
        if small := int((sides < size).sum()):
            told.append(
                f"{small} of {len(sides)} images are smaller than the {size} pixels of {_few(ptms)} and are enlarged"
            )
    return told


def _contents(source: str, benchmark: Workspace | None, cache: Cache) -> set[str]:
    """What a source of the benchmark holds, as `Look.content`; nothing where it is not here."""
    if benchmark is None or not (path := benchmark.split("sources", source, "train")).exists():
        return set()
    split = read_split(path, cache)
    seen = looks(split.images, cache) if len(split.images) else looks_of_texts(split.texts)
    return {one.content for one in seen[1]}


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
