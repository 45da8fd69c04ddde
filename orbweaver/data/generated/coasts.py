"""Maps of the world's coasts, land and sea at one kilometre: which coast is it, and how many islands are there?

Squares of 64 to 96 km. The world is cut into cells, alternately for training and for tests, as on a chessboard; colours
vary from map to map.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from PIL import Image
from scipy import ndimage

from orbweaver.data.generated.drawing import package_folder, paint
from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "coasts",
    "licence": "MIT package; NOAA's GLOBE is in the public domain",
    "origin": "global-land-mask, GLOBE land mask of 30 arc seconds",
}
COASTS = {  # south, north, west, east
    "Norway and Sweden": (56, 71, 4, 24), "Britain and Ireland": (50, 61, -11, 2),
    "Greece and Turkey": (35, 41, 19, 31),
    "Chile": (-56, -41, -76, -65), "Arctic Canada": (66, 80, -125, -65), "Indonesia": (-10, 6, 95, 140),
    "Japan": (31, 45, 129, 146), "Florida to Cuba": (19, 31, -86, -72), "West Africa": (0, 28, -18, 12),
}  # fmt: skip
CELL = 128  # pixels; half the cells, as on a chessboard, are for training
LARGEST = 20  # islands


@cache
def _cells() -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
    """Of each coast, the land in its cells (CELL, CELL) that have both land and sea: for training, and for tests."""
    folder = package_folder("global_land_mask")
    with np.load(folder / "globe_combined_mask_compressed.npz") as file:
        sea = file["mask"]  # (21600, 43200) bool, from north to south and west to east: 0.9 GB, and not kept
    coasts = []
    for south, north, west, east in COASTS.values():
        found: tuple[list, list] = ([], [])
        for row in range((90 - north) * 120 // CELL, (90 - south) * 120 // CELL):
            for column in range((west + 180) * 120 // CELL, (east + 180) * 120 // CELL):
                land = ~sea[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
                if 0.03 < land.mean() < 0.97:
                    found[(row + column) % 2].append(land)
        coasts.append(found)
    return coasts


def _square(cell: np.ndarray, random: np.random.Generator) -> np.ndarray | None:
    """A square of a cell, turned by quarters of a turn, mirrored or not; None when it shows hardly any coast."""
    side = int(random.integers(64, 97))
    top, left = random.integers(CELL - side + 1, size=2)
    land = np.rot90(cell[top : top + side, left : left + side], random.integers(4))
    land = land[:, ::-1] if random.random() < 0.5 else land
    return land if 0.05 < land.mean() < 0.95 else None


def _draw(land: np.ndarray, random: np.random.Generator) -> Image.Image:
    ground, sea = random.uniform((120, 120, 60), (230, 220, 150)), random.uniform((0, 40, 110), (110, 150, 240))
    return paint(land.astype(np.float64), ground, sea)


def _islands(land: np.ndarray) -> int:
    """The number of connected pieces of land of two pixels or more, the mainland included."""
    pieces, _ = ndimage.label(land, np.ones((3, 3)))
    return int((np.bincount(pieces.ravel())[1:] > 1).sum())


def coasts_region(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of nine coasts?"""
    random = np.random.default_rng(seed)
    parts = {}
    for part, (split, count) in enumerate((("train", train), ("test", test))):
        labels, images = balanced_labels(count, len(COASTS)), []
        for label in labels:
            cells = _cells()[label][part]
            land = None
            while land is None:
                land = _square(cells[random.integers(len(cells))], random)
            images.append(png(_draw(land, random), image_size))
        parts[split] = (images, labels)
    return splits("coasts_region", COASTS, parts, task="image_classification", **ABOUT)


def coasts_islands(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: how many pieces of land? The logarithm to base 2; 1 to 20 pieces, as many maps of each number."""
    random = np.random.default_rng(seed)
    parts = {}
    for part, (split, count) in enumerate((("train", train), ("test", test))):
        cells = [cell for coast in _cells() for cell in coast[part]]
        wanted = np.bincount(balanced_labels(count, LARGEST), minlength=LARGEST)
        images: list[bytes] = []
        numbers: list[int] = []
        while len(images) < count:
            land = _square(cells[random.integers(len(cells))], random)
            number = 0 if land is None else _islands(land)
            if 1 <= number <= LARGEST and wanted[number - 1]:
                wanted[number - 1] -= 1
                images.append(png(_draw(land, random), image_size))
                numbers.append(number)
        order = random.permutation(count)  # those with many islands were found last
        parts[split] = ([images[i] for i in order], np.log2(numbers)[order])
    return splits("coasts_islands", (), parts, task="regression", **ABOUT)
