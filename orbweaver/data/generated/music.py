"""Printed music: 4,200 Irish, Scottish and American tunes of three old books, engraved anew. Which key
signature, which meter, how many notes?

An image shows the beginning of a tune: clef, key, time and a few bars, in a random size. The splits show different
tunes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import classified, halves, package_folder, paint
from orbweaver.data.images import png
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "music",
    "licence": "tunes in the public domain; BSD-3-Clause package, LGPL-3.0 engraver",
    "origin": "music21's corpus (O'Neill 1903, Ryan 1883, Aird 1782), engraved by verovio",
}
BOOKS = ("airdsAirs", "oneills1850", "ryansMammoth")
SIGNS = {-2: "two flats", -1: "one flat", 0: "no sign", 1: "one sharp", 2: "two sharps", 3: "three sharps"}
METERS = {"C": "common time", "2/4": "two four", "3/4": "three four", "6/8": "six eight", "9/8": "nine eight"}
MODES = {"": 0, "maj": 0, "mix": -1, "dor": -2, "m": -3, "min": -3}  # sharps more than the major key of the same tonic
KEY = re.compile(r"K: ?([A-G])(mix|dor|maj|min|m|)\s*$", re.IGNORECASE | re.MULTILINE)
METER = re.compile(r"^M: ?(\S+)\s*$", re.MULTILINE)
BESIDE_NOTES = re.compile(
    r'"[^"]*"|![^!]*!|\{[^}]*\}|[uvTHJRL~!`$\\]|%.*'
)  # chords, fingering, bowing, ornaments, comments
SIDE = 160
NOTES = range(3, 21)


@cache
def _tunes() -> list[tuple[str, int, str]]:
    """Each tune's beginning in ABC, the sharps of its key (flats are negative), and its meter."""
    tunes = []
    for book in BOOKS:
        for path in sorted((package_folder("music21") / "corpus" / book).glob("*.abc")):
            for tune in re.split(r"(?m)^(?=X: ?\d)", path.read_text(encoding="utf-8", errors="replace")):
                key, meter = KEY.search(tune), METER.search(tune)
                if tune.startswith("X") and key and meter:
                    sharps = "FCGDAEB".index(key[1].upper()) - 1 + MODES[key[2].lower()]
                    tunes.append((_beginning(tune), sharps, meter[1]))
    return tunes


def _beginning(tune: str) -> str:
    """A tune's meter, unit of length, key and first line of notes."""
    head = [re.search(f"^{field}:.*$", tune, re.MULTILINE) for field in "MLK"]
    notes = [line for line in tune.partition("K:")[2].splitlines()[1:] if "|" in line and not re.match(r"\w:", line)]
    return "\n".join(
        ["X:1", *(field[0] for field in head if field), *(BESIDE_NOTES.sub("", line) for line in notes[:1]), ""]
    )


def _engraver():
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    engraver = verovio.toolkit()
    engraver.setInputFrom("abc")
    return engraver


def _draw(engraver, tune: str, random: np.random.Generator) -> tuple[Image.Image, int]:
    """The first square page of a tune, and how many notes are on it."""
    import resvg_py

    width = int(random.integers(300, 420))
    engraver.setOptions({
        "pageWidth": width, "pageHeight": width, "scale": 100, "header": "none", "footer": "none", "svgViewBox": True,
        "pageMarginLeft": 20, "pageMarginRight": 20, "pageMarginTop": 10, "pageMarginBottom": 0, "spacingSystem": 1,
        "xmlIdSeed": 1,
    })  # fmt: skip
    engraver.loadData(tune)
    drawing = engraver.renderToSVG(1)
    encoded = bytes(resvg_py.svg_to_bytes(svg_string=drawing, background="white", width=SIDE, height=SIDE))
    with Image.open(io.BytesIO(encoded)) as image:
        mask = 1 - np.asarray(image.convert("L"), np.float64) / 255
    paper = random.uniform(200, 250) + random.uniform((-8, -8, -25), (5, 5, 0))
    return paint(mask, random.uniform(0, 60, 3), paper), drawing.count('class="note"')


def _classes(name: str, classes: Iterable[str], label: Callable[[Any], str | None], train: int, test: int,
             image_size: int, seed: int) -> dict[str, Split]:  # fmt: skip
    random = np.random.default_rng([seed, *name.encode()])
    engraver = _engraver()
    by_label: dict[str, list[str]] = {one: [] for one in classes}
    for tune in _tunes():
        if label(tune) in by_label:
            by_label[label(tune)].append(tune[0])
    groups = [halves(tunes, random) for tunes in by_label.values()]
    parts = classified(groups, train, test, image_size, random, lambda tune: _draw(engraver, tune, random)[0])
    return splits(name, classes, parts, task="image_classification", **ABOUT)


def music_key(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """How many sharps or flats? From two flats to three sharps."""
    return _classes("music_key", SIGNS.values(), lambda tune: SIGNS.get(tune[1]), train, test, image_size, seed)


def music_meter(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of five meters?"""
    return _classes("music_meter", METERS.values(), lambda tune: METERS.get(tune[2]), train, test, image_size, seed)


def music_notes(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: how many notes are there? 3 to 20."""
    random = np.random.default_rng(seed)
    engraver, parts = _engraver(), {}
    for split, tunes in halves([tune[0] for tune in _tunes()], random).items():
        images: list[bytes] = []
        numbers: list[int] = []
        for tune in tunes:
            if len(images) == {"train": train, "test": test}[split]:
                break
            image, notes = _draw(engraver, tune, random)
            if notes in NOTES:
                images.append(png(image, image_size))
                numbers.append(notes)
        parts[split] = (images, np.array(numbers, np.float64))
    return splits("music_notes", (), parts, task="regression", **ABOUT)
