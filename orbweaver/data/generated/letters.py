"""Printed letters A to J, both cases, in the fonts that matplotlib ships: turned, shifted, on any ground."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

CLASSES = tuple("ABCDEFGHIJ")  # ten of them, as in notMNIST
ABOUT = {
    "task": "image_classification",
    "family": "fonts",
    "licence": "Bitstream Vera / OFL",
    "origin": "generated with the fonts that matplotlib ships",
}


def _fonts() -> list[Path]:
    """Text fonts: the maths and display fonts beside them have no letters at the letters' places."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = [*folder.glob("DejaVuS*.ttf"), *folder.glob("STIXGeneral*.ttf")]
    return sorted(font for font in fonts if "Display" not in font.name)


def letters(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Ten classes; each image is drawn anew, and no two have the same drawing."""
    random = np.random.default_rng(seed)
    fonts = [ImageFont.truetype(str(path), 72) for path in _fonts()]
    parts = {}
    for split, count in (("train", train), ("test", test)):
        labels = balanced_labels(count, len(CLASSES))
        parts[split] = ([png(_draw(CLASSES[c], fonts, random), image_size) for c in labels], labels)
    return splits("letters", [f"letter {c}" for c in CLASSES], parts, **ABOUT)


def _draw(letter: str, fonts: list[ImageFont.FreeTypeFont], random: np.random.Generator) -> Image.Image:
    text = letter if random.random() < 0.5 else letter.lower()
    ground, ink = random.choice([random.integers(0, 90), random.integers(165, 256)], size=2, replace=False)
    glyph = Image.new("L", (128, 128))
    font = fonts[random.integers(len(fonts))]
    ImageDraw.Draw(glyph).text((64 + random.uniform(-12, 12), 64 + random.uniform(-12, 12)), text, 255, font, "mm")
    glyph = glyph.rotate(random.uniform(-20, 20), Image.Resampling.BICUBIC)
    mask = np.asarray(glyph, dtype=np.float32) / 255
    pixels = ground + (float(ink) - float(ground)) * mask + random.normal(0, 8, (128, 128))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
