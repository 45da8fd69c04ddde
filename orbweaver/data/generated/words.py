"""Words in print: names of countries and languages, as Unicode's CLDR has them, in fonts that come with matplotlib.

In which script, which typeface? The splits show different words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFont

from orbweaver.data.generated.drawing import classified, cover, halves, package_folder, paint
from orbweaver.data.split import Split, splits

ABOUT = {
    "task": "image_classification",
    "family": "fonts",
    "licence": "Unicode-3.0 words; Bitstream Vera, OFL and Knuth's fonts",
    "origin": "babel (CLDR) and the fonts that matplotlib ships",
}
SCRIPTS = {"Arabic": ("ar", "fa", "ur"), "Armenian": ("hy",), "Cyrillic": ("ru", "uk", "bg", "kk"), "Georgian": ("ka",),
           "Greek": ("el",), "Hebrew": ("he",), "Lao": ("lo",), "Latin": ("en", "de", "fi", "vi"),
           "Tifinagh": ("zgh",)}  # fmt: skip
TYPEFACES = {  # all in their upright and bold cuts, and in their slanted ones where there are some
    "DejaVu Sans": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique"),
    "DejaVu Serif": ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic"),
    "DejaVu Sans Mono": ("DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSansMono-Oblique"),
    "STIX General": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic"),
    "Computer Modern Roman": ("cmr10", "cmb10", "cmti10"),
    "Computer Modern Sans": ("cmss10",),
    "Computer Modern Typewriter": ("cmtt10",),
}
SIDE = 128


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(package_folder("matplotlib") / "mpl-data" / "fonts" / "ttf" / f"{name}.ttf"), size)


@cache
def _letters(name: str) -> frozenset[str]:
    """Every character that a font has."""
    from fontTools.ttLib import TTFont

    path = Path(_font(name, 10).path)
    with TTFont(path) as font:
        return frozenset(map(chr, font.getBestCmap()))


@cache
def _words(language: str) -> tuple[str, ...]:
    """Words of three to seven letters in the names that a language has for countries and languages."""
    from babel import Locale

    locale = Locale(language)
    names = " ".join([*locale.territories.values(), *locale.languages.values()])
    found = {word for word in re.split(r"[\s()\[\],.;:&/’'–-]+", names) if 3 <= len(word) <= 7 and word.isprintable()}
    return tuple(sorted(word for word in found if not any(c.isdigit() for c in word)))


def _of(languages: Iterable[str], font: str, script: str) -> list[str]:
    """Words of some languages that are of one script (by the names of their letters) and that a font can print."""
    import unicodedata

    def is_of(word: str) -> bool:
        return all(c in _letters(font) and (not c.isalpha() or script in unicodedata.name(c, "")) for c in word)

    return sorted({word for language in languages for word in _words(language) if is_of(word)})


def _draw(word: str, fonts: Iterable[str], random: np.random.Generator) -> Image.Image:
    """As large as it fits, in one font of several, dark on light."""
    fonts = list(fonts)
    name, size = fonts[random.integers(len(fonts))], 60
    width = _font(name, size).getlength(word)
    size = max(12, int(min(56, size * SIDE * 0.9 / width) * random.uniform(0.8, 1)))
    ink, ground = (
        random.uniform(0, 70) + random.uniform(-8, 8, 3),
        random.uniform(175, 245) + random.uniform(-10, 10, 3),
    )
    return paint(cover(word, _font(name, size), SIDE, random, turn=5, shift=0.04), ink, ground)


def _dataset(name: str, groups: dict[str, tuple[list[str], tuple[str, ...]]], train: int, test: int, image_size: int,
             seed: int) -> dict[str, Split]:  # fmt: skip
    """groups: by class its words and its fonts."""
    random = np.random.default_rng([seed, *name.encode()])
    shown = []
    for words, fonts in groups.values():
        parts = halves(words, random)
        shown.append({split: [(word, fonts) for word in part] for split, part in parts.items()})
    parts = classified(shown, train, test, image_size, random, lambda thing: _draw(*thing, random))
    return splits(name, groups, parts, **ABOUT)


def words_script(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """In which of nine scripts? All in DejaVu Sans."""
    fonts = ("DejaVuSans", "DejaVuSans-Bold")
    groups = {script: (_of(languages, fonts[0], script.upper()), fonts) for script, languages in SCRIPTS.items()}
    return _dataset("words_script", groups, train, test, image_size, seed)


def words_typeface(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """In which of seven typefaces? English and German words in plain letters."""
    words = [word for word in _of(["en", "de"], "DejaVuSans", "LATIN") if word.isascii()]
    random = np.random.default_rng(seed)
    shown = halves(words, random)
    parts = classified(
        [{split: [(word, fonts) for word in part] for split, part in shown.items()} for fonts in TYPEFACES.values()],
        train, test, image_size, random, lambda thing: _draw(*thing, random),
    )  # fmt: skip
    return splits("words_typeface", TYPEFACES, parts, **ABOUT)
