"""Icons of four design teams: what does it show? The classes are the words that a team's names often begin with.

The splits show different icons; the styles of one icon (thin, filled, outlined) stay together.
"""

from __future__ import annotations

import json
import re
from functools import cache, partial

import numpy as np
from PIL import Image, ImageFont

from orbweaver.data.generated.drawing import classified, cover, halves, ink_and_ground, package_folder, paint
from orbweaver.data.split import Split, splits

STYLES = re.compile(r"-(bold|fill|thin|light|duotone|outline|line|off|variant)(?=$|-)")
TEAMS = {  # font, list of names, licence, words
    "material": ("materialdesignicons6-webfont-6.9.96", "materialdesignicons6-webfont-charmap-6.9.96", "Apache-2.0",
        "account arrow battery book calendar car file folder format home human numeric table weather"),
    "phosphor": ("phosphor-1.3.0", "phosphor-charmap-1.3.0", "MIT",
        "arrow battery caret chat cloud currency file folder number speaker text user"),
    "remix": ("remixicon-2.5.0", "remixicon-charmap-2.5.0", "Apache-2.0",
        "arrow chat delete file folder home layout mail map user"),
    "awesome": ("fontawesome6-solid-webfont-6.7.2", "fontawesome6-solid-webfont-charmap-6.7.2", "OFL-1.1",
        "arrow building circle face file hand house person square truck user"),
}  # fmt: skip


@cache
def _icons(team: str) -> tuple[ImageFont.FreeTypeFont, dict[str, list[list[str]]]]:
    """The font, and by word its icons; an icon is the list of its styles' characters."""
    font, names, _, words = TEAMS[team]
    folder = package_folder("qtawesome") / "fonts"  # importing it needs Qt
    icons: dict[str, dict[str, list[str]]] = {word: {} for word in words.split()}
    for name, code in sorted(json.loads((folder / f"{names}.json").read_text()).items()):
        stem = STYLES.sub("", name)
        word = stem.partition("-")[0]
        if word in icons and "duotone" not in name:  # a duotone icon needs a second character
            icons[word].setdefault(stem, []).append(chr(int(code, 16)))
    return ImageFont.truetype(str(folder / f"{font}.ttf"), 96), {w: list(i.values()) for w, i in icons.items()}


def _draw(font: ImageFont.FreeTypeFont, random: np.random.Generator, character: str) -> Image.Image:
    ink, ground = ink_and_ground(random)
    return paint(cover(character, font, 128, random), ink, ground)


def _dataset(team: str, train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    random = np.random.default_rng([seed, *team.encode()])
    font, icons = _icons(team)
    groups = []
    for kinds in icons.values():
        parts = halves(kinds, random)
        groups.append({split: [character for icon in part for character in icon] for split, part in parts.items()})
    parts = classified(groups, train, test, image_size, random, partial(_draw, font, random))
    return splits(f"icons_{team}", icons, parts, task="image_classification", family="icons", licence=TEAMS[team][2],
                  origin=f"qtawesome, {TEAMS[team][0]}")  # fmt: skip


def icons_material(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Material Design Icons, 14 words."""
    return _dataset("material", train, test, image_size, seed)


def icons_phosphor(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Phosphor, five weights of each icon, 12 words."""
    return _dataset("phosphor", train, test, image_size, seed)


def icons_remix(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Remix Icon, drawn in lines and filled, ten words."""
    return _dataset("remix", train, test, image_size, seed)


def icons_awesome(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Font Awesome, filled, 11 words."""
    return _dataset("awesome", train, test, image_size, seed)
