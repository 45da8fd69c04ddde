"""A look at every picture before a PTM sees one: what cannot be read, and what would spoil a ranking."""

from __future__ import annotations

import hashlib
import io
import json
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import PIL
from PIL import Image
from tqdm import tqdm

from stages import files
from stages.rank.reading import DataError, Listing
from stages.zoo.cards import Card

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # no format that runs another program
UNREADABLE = 0.01  # share of unreadable pictures above which something is wrong with all of them
FEW, IMBALANCE = 5, 20
NAMED = 5  # how many of many a message names
BLOCK = 256


@dataclass(frozen=True)
class Look:
    """One picture: digest of its RGB pixels, width and height; or why it cannot be read."""

    pixels: str
    width: int
    height: int
    reason: str = ""


def look(encoded: bytes) -> Look:
    """Decodes a picture whole, which alone finds out a truncated one; a decompression bomb is refused undecoded."""
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            width, height = image.size
            if width * height > Image.MAX_IMAGE_PIXELS:
                return Look("", width, height, f"{width} x {height} pixels, as in a decompression bomb")
            pixels = hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()[:32]
            return Look(f"{width}x{height}:{pixels}", width, height)
    except PIL.UnidentifiedImageError:
        return Look("", 0, 0, f"empty or not one of {', '.join(FORMATS)}")
    except Exception as error:  # Pillow's many decoders raise many kinds
        return Look("", 0, 0, str(error) or type(error).__name__)


def looks(pictures: Sequence[bytes]) -> tuple[list[str], list[Look]]:
    """Digest of each picture's bytes, and a look at it; kept, so that the same pictures are decoded for this once."""
    digests: list[str] = []
    seen: dict[str, Look] = {}
    version = files.code_version(sys.modules[__name__]), PIL.__version__
    blocks = range(0, len(pictures), BLOCK)
    with ThreadPoolExecutor(2) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own about large or odd pictures
        for start in tqdm(blocks, desc="looking at the images", unit=f"x{BLOCK}", disable=None, leave=False):
            block = pictures[start : start + BLOCK]
            shas = [hashlib.sha256(encoded).hexdigest() for encoded in block]
            kept = files.stored("looks", files.key_of(*version, shas), ".json")
            if not kept.exists():
                files.write_text(kept, json.dumps([vars(one) for one in pool.map(look, block)]))
            seen |= {start + i: Look(**one) for i, one in enumerate(json.loads(kept.read_text()))}
            digests += shas
    return digests, [seen[i] for i in range(len(digests))]


def checked(listing: Listing, rows: np.ndarray) -> tuple[files.Images, list[Look], list[str]]:
    """The readable ones of the chosen pictures as a split, a look at each, and warnings.

    Raises DataError when more than one in a hundred cannot be read, or what is left is nothing to rank on.
    """
    pictures = listing.load(rows)
    if not len(pictures):
        raise DataError(f"'{listing.name}': no images")
    digests, seen = looks(pictures)
    bad = [i for i, one in enumerate(seen) if one.reason]
    named = "; ".join(f"{listing.names[rows[i]]} ({seen[i].reason})" for i in bad[:NAMED])
    named += f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
    if len(bad) > UNREADABLE * len(seen):
        raise DataError(
            f"'{listing.name}': {len(bad)} of {len(seen)} images cannot be read, more than 1 %: {named}; "
            "repair or remove them"
        )
    good = [i for i in range(len(seen)) if not seen[i].reason]
    targets = listing.targets[rows[good]]
    classes = listing.classes
    if listing.kind != "regression":
        counts = _counts(targets, len(classes))
        present = np.flatnonzero(counts)
        classes = [classes[i] for i in present]
        targets = targets[:, present] if listing.kind == "multilabel" else np.searchsorted(present, targets)
    split = files.Images(
        name=listing.name,
        kind=listing.kind,
        classes=classes,
        images=_only(pictures, good),
        targets=targets,
        licence="",
        origin="",
        digest=files.USERS + files.key_of([digests[i] for i in good], listing.kind, classes, targets.tolist()),
    )
    _nothing_to_rank(split)
    seen = [seen[i] for i in good]
    told = [f"{len(bad)} of {len(digests)} images cannot be read and were skipped: {named}"] if bad else []
    told += _class_sizes(split) + _duplicates(split, seen, [listing.names[rows[i]] for i in good])
    return split, seen, told


def _counts(targets: np.ndarray, classes: int) -> np.ndarray:
    return targets.sum(axis=0) if targets.ndim == 2 else np.bincount(targets, minlength=classes)


def _only(pictures: Sequence[bytes], good: list[int]) -> Sequence[bytes]:
    if hasattr(pictures, "paths"):
        return type(pictures)([pictures.paths[i] for i in good])
    return [pictures[i] for i in good]


def _nothing_to_rank(split: files.Images) -> None:
    if split.kind == "classification" and len(split.classes) < 2:
        raise DataError(f"'{split.name}': one class ('{split.classes[0]}'); a ranking needs two or more")
    constant = np.ptp(split.targets.astype(float), axis=0) == 0
    if split.kind != "classification" and np.all(constant):
        raise DataError(f"'{split.name}': all images have the same target; there is nothing to predict")


def _class_sizes(split: files.Images) -> list[str]:
    if split.kind == "regression":
        return []
    counts = _counts(split.targets, len(split.classes))
    told = []
    if few := [f"'{split.classes[i]}' {counts[i]}" for i in np.argsort(counts, kind="stable") if counts[i] < FEW]:
        more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
        told.append(f"classes of under {FEW} images tell little: {', '.join(few[:NAMED])}{more}")
    if counts.max() > IMBALANCE * counts.min():
        large, small = split.classes[int(counts.argmax())], split.classes[int(counts.argmin())]
        told.append(
            f"classes are out of balance: {counts.max()} images of '{large}', {counts.min()} of '{small}'; "
            "accuracy is mostly that of the large ones"
        )
    return told


def _duplicates(split: files.Images, seen: list[Look], names: list[str]) -> list[str]:
    """Pictures of equal pixels: under two targets nobody can tell them apart, under one they count as several."""
    same: dict[str, list[int]] = {}
    for i, one in enumerate(seen):
        same.setdefault(one.pixels, []).append(i)
    groups = [rows for rows in same.values() if len(rows) > 1]
    across = [rows for rows in groups if len({split.targets[row].tobytes() for row in rows}) > 1]
    told = []
    if across:
        first = " = ".join(names[row] for row in across[0][:3])
        told.append(f"{len(across)} pictures occur under more than one target, such as {first}")
    if within := sum(len(rows) - 1 for rows in groups if rows not in across):
        told.append(f"{within} images repeat another of the same target; scores that leave one out are flattered")
    return told


def about_ptms(split: files.Images, seen: list[Look], cards: Sequence[Card]) -> list[str]:
    """Warnings about PTMs: an input larger than the pictures, a pre-training that has seen them or their classes."""
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
    mine = {one.pixels for one in seen}
    trained_on: dict[str, list[str]] = {}
    for card in cards:
        trained_on.setdefault(card.source, []).append(card.name)
    classes = {name.lower() for name in split.classes}
    for source, ptms in trained_on.items():
        path = files.dataset_path("sources", source, "train")
        images = files.read_images(path).images if path.exists() else []
        if shared := len(mine & {one.pixels for one in looks(images)[1]}):
            told.append(f"{_few(ptms)} were trained on '{source}', which holds {shared} of these images")
            continue
        theirs = {part.strip().lower() for card in cards if card.source == source for name in card.source_classes
                  for part in name.split(",")}  # fmt: skip
        if len(classes & theirs) >= max(2, len(classes) / 2):
            told.append(
                f"{_few(ptms)} were trained on '{source}', which has the classes {_few(sorted(classes & theirs))}: "
                "these images may be among its own"
            )
    return told


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
