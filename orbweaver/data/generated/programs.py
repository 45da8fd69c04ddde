"""Pages of programs seen from afar, as listings or as an editor's map of a file: in which language are they written?

A page has 20 to 32 lines, in full or as blocks, in the colours of a style that is made up for it. The splits show
different files.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from orbweaver.data.generated.drawing import WEIGHTS, classified, halves, package_folder, paint
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "programs",
    "licence": "BSD-3-Clause and Apache-2.0",
    "origin": "files inside Cython, Django and music21, coloured by Pygments",
}
LANGUAGES = {  # where files of it lie
    "C": ("Cython", "*.c"), "CSS": ("django", "*.css"), "Cython": ("Cython", "*.pxd"), "HTML": ("django", "*.html"),
    "JavaScript": ("django", "*.js"), "Python": ("music21", "*.py"), "XML": ("music21", "*.xml"),
}  # fmt: skip
FILES = 80  # of a language are looked at
SHORTEST = 32  # lines of a file
ROWS = (20, 33)
CUTS = ("DejaVuSansMono", "DejaVuSansMono-Bold")
SIZE, WIDE, HIGH = 7, 4, 8  # of a letter, and of its cell, in pixels
KINDS = ("Comment", "Keyword", "Literal.String", "Literal.Number", "Name")  # of words; what is none of them comes last


@cache
def _files(package: str, pattern: str) -> list[list[str]]:
    """The lines of at most `FILES` files, evenly spread over all in the order of their names, no two the same."""
    texts = {
        path.read_text(encoding="utf-8-sig", errors="replace").expandtabs(4): path
        for path in sorted(package_folder(package).rglob(pattern))
    }
    found = [lines for lines in map(str.splitlines, texts) if len(lines) >= SHORTEST]
    return found[:: max(1, len(found) // FILES)][:FILES]


@cache
def _font(cut: str) -> ImageFont.FreeTypeFont:
    path = package_folder("matplotlib") / "mpl-data" / "fonts" / "ttf" / f"{cut}.ttf"
    return ImageFont.truetype(str(path), SIZE, layout_engine=ImageFont.Layout.BASIC)


def _kinds(lines: list[str], language: str, columns: int) -> np.ndarray:
    """(lines, columns) of which kind a letter is, a number of `KINDS`; -1 where nothing is written."""
    from pygments.lexers import get_lexer_by_name
    from pygments.token import string_to_tokentype

    types = [string_to_tokentype(kind) for kind in KINDS]
    written: list[int] = []  # the kind of every letter, one line after the other
    for of, text in get_lexer_by_name(language, stripnl=False).get_tokens("\n".join(lines)):
        written += [next((number for number, one in enumerate(types) if of in one), len(KINDS))] * len(text)
    kinds = np.full((len(lines), columns), -1)
    start = 0
    for row, line in enumerate(lines):
        seen = line[:columns]
        of_line = zip(seen, written[start : start + len(seen)], strict=True)
        kinds[row, : len(seen)] = [-1 if letter.isspace() else kind for letter, kind in of_line]
        start += len(line) + 1
    return kinds


def _style(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A ground, dark or light, and a colour of each kind of words that can be told from it."""
    ground = random.integers(0, 60, 3) if random.random() < 0.5 else random.integers(200, 256, 3)
    inks: list[np.ndarray] = []
    while len(inks) <= len(KINDS):
        ink = random.integers(0, 256, 3)
        if abs((ink - ground) @ WEIGHTS) >= 90:
            inks.append(ink)
    return np.array(inks), ground


def _draw(lines: list[str], language: str, random: np.random.Generator) -> Image.Image:
    """A square page of a file, with a random margin: letters are half as wide as lines are high."""
    rows = min(int(random.integers(*ROWS)), len(lines))
    top = random.integers(len(lines) - rows + 1)
    margin = " " * int(random.integers(5))
    lines = [margin + line for line in lines[top : top + rows]]
    kinds = _kinds(lines, language, 2 * rows)
    if random.random() < 0.5:
        block = np.zeros((HIGH, WIDE))
        block[: int(random.integers(HIGH // 2, HIGH))] = 1
        mask = np.kron(kinds >= 0, block)
    else:
        page = Image.new("L", (2 * rows * WIDE, rows * HIGH))
        font, pen = _font(CUTS[random.integers(len(CUTS))]), ImageDraw.Draw(page)
        for row, line in enumerate(lines):
            pen.text((0, row * HIGH), line, 255, font)
        mask = np.asarray(page, np.float64) / 255
    inks, ground = _style(random)
    return paint(mask, inks[kinds].repeat(HIGH, axis=0).repeat(WIDE, axis=1), ground)


def programs_language(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """In which of seven languages?"""
    random = np.random.default_rng(seed)
    groups = []
    for language, where in LANGUAGES.items():
        parts = halves(_files(*where), random)
        groups.append({split: [(lines, language) for lines in files] for split, files in parts.items()})
    parts = classified(groups, train, test, image_size, random, lambda page: _draw(*page, random))
    return splits("programs_language", LANGUAGES, parts, task="image_classification", **ABOUT)
