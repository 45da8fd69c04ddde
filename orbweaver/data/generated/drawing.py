"""What several generated datasets share: whose images go to which split, colours, glyphs on a ground."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels

WEIGHTS = np.array([0.299, 0.587, 0.114])  # of red, green and blue in perceived brightness


def package_folder(package: str) -> Path:
    """Where a package lies, without importing it. Raises ModuleNotFoundError when it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)
    return Path(spec.submodule_search_locations[0])


def halves(things: Sequence, random: np.random.Generator) -> dict[str, list]:
    """Which things the training and the test split may show: half of them each, none in both."""
    order = random.permutation(len(things))
    cut = (len(things) + 1) // 2
    return {"train": [things[i] for i in order[:cut]], "test": [things[i] for i in order[cut:]]}


def turns(things: Sequence, random: np.random.Generator) -> Iterator[Any]:
    """The things in random order, again and again: none is shown twice before all were shown once."""
    while True:
        for i in random.permutation(len(things)):
            yield things[i]


def classified(groups: list[dict[str, list]], train: int, test: int, image_size: int, random: np.random.Generator,
               draw: Callable[[Any], Image.Image]) -> dict[str, tuple[list[bytes], np.ndarray]]:  # fmt: skip
    """Images and labels of both splits: groups[label][split] are the things to show, draw(thing) gives their image."""
    parts = {}
    for split, count in (("train", train), ("test", test)):
        labels = balanced_labels(count, len(groups))
        waiting = [turns(group[split], random) for group in groups]
        parts[split] = ([png(draw(next(waiting[label])), image_size) for label in labels], labels)
    return parts


def ink_and_ground(random: np.random.Generator, contrast: float = 90) -> tuple[np.ndarray, np.ndarray]:
    """Two colours, RGB, that differ in brightness by `contrast` of 255 at least."""
    while True:
        ink, ground = random.integers(0, 256, (2, 3))
        if abs((ink - ground) @ WEIGHTS) >= contrast:
            return ink, ground


def cover(text: str, font: ImageFont.FreeTypeFont, side: int, random: np.random.Generator, *, turn: float = 12,
          shift: float = 0.08) -> np.ndarray:  # fmt: skip
    """(side, side) how much of each pixel the text covers, 0 to 1: turned by up to `turn` degrees, moved a little."""
    glyph = Image.new("L", (side, side))
    x, y = side * (0.5 + random.uniform(-shift, shift, 2))
    left, top, right, bottom = font.getbbox(text)
    ImageDraw.Draw(glyph).text((x - (left + right) / 2, y - (top + bottom) / 2), text, 255, font)
    glyph = glyph.rotate(random.uniform(-turn, turn), Image.Resampling.BICUBIC)
    return np.asarray(glyph, dtype=np.float64) / 255


def paint(mask: np.ndarray, ink: np.ndarray, ground: np.ndarray) -> Image.Image:
    """Ink where the mask (H, W) is 1, ground (RGB, or an image of them) where it is 0."""
    pixels = ground + mask[..., None] * (np.asarray(ink, np.float64) - ground)
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))
