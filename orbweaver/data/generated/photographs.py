"""Patches of the photographs that come with scikit-image and scikit-learn: of which picture, of what stuff, how large?

A photograph is cut into tiles; half of them, as on a chessboard, are for training, and no patch leaves its tile.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import package_folder
from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {
    "licence": "CC0, CC-BY or public domain, picture by picture",
    "origin": "pictures that come with scikit-image and scikit-learn",
}
PHOTOGRAPHS = {"an astronaut": "astronaut.png", "a cat": "chelsea.png", "a cup of coffee": "coffee.png",
               "a motorcycle": "motorcycle_left.png", "a flower": "flower.jpg", "a temple in China": "china.jpg",
               "a rocket": "rocket.jpg", "a retina": "retina.jpg"}  # fmt: skip
STUFFS = {"brick": "brick.png", "grass": "grass.png", "gravel": "gravel.png", "the moon": "moon.png",
          "stained tissue": "ihc.png", "galaxies": "hubble_deep_field.jpg"}  # fmt: skip


def _read(file: str) -> np.ndarray:
    """(H, W, 3) of a photograph, by the name of its file."""
    if file in ("china.jpg", "flower.jpg"):
        folder = package_folder("sklearn") / "datasets" / "images"
    else:
        folder = package_folder("skimage") / "data"
    with Image.open(folder / file) as image:
        return np.asarray(image.convert("RGB"))


def _tiles(pixels: np.ndarray, side: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Tiles for training and for tests, without those of uniform colour."""
    found: tuple[list, list] = ([], [])
    for row in range(pixels.shape[0] // side):
        for column in range(pixels.shape[1] // side):
            tile = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]
            if tile.std(axis=(0, 1)).max() > 8:
                found[(row + column) % 2].append(tile)
    return found


def _patch(tile: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """A square of a tile, mirrored or not."""
    top, left = random.integers(len(tile) - side + 1, size=2)
    patch = tile[top : top + side, left : left + side]
    return patch[:, ::-1] if random.random() < 0.5 else patch


def _in_other_light(patch: np.ndarray, random: np.random.Generator, grey: bool) -> np.ndarray:
    """Brighter or darker, with more or less contrast, and of another tint; or in grey."""
    pixels = patch.astype(np.float64)
    if grey:
        pixels = pixels.mean(axis=2, keepdims=True).repeat(3, axis=2)
        pixels = (pixels - pixels.mean()) / (pixels.std() + 1e-9) * random.uniform(25, 60) + random.uniform(90, 160)
    else:
        pixels = pixels * random.uniform(0.7, 1.3) * random.uniform(0.8, 1.25, 3)
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def _png(patch: np.ndarray, image_size: int) -> bytes:
    return png(Image.fromarray(patch).resize((image_size, image_size), Image.Resampling.BICUBIC))


def _which(name: str, files: dict[str, str], sides: tuple[int, int], grey: bool, train: int, test: int,
           image_size: int, seed: int) -> dict[str, Split]:  # fmt: skip
    random = np.random.default_rng([seed, *name.encode()])
    tiles = [_tiles(_read(file), 64) for file in files.values()]
    parts = {}
    for part, (split, count) in enumerate((("train", train), ("test", test))):
        labels, images = balanced_labels(count, len(files)), []
        for label in labels:
            of = tiles[label][part]
            patch = _patch(of[random.integers(len(of))], int(random.integers(*sides)), random)
            patch = np.rot90(patch, random.integers(4)) if grey else patch
            images.append(_png(_in_other_light(patch, random, grey), image_size))
        parts[split] = (images, labels)
    return splits(name, files, parts, task="image_classification", family=name, **ABOUT)


def photographs(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Of which of eight photographs is the patch? In colour."""
    return _which("photographs", PHOTOGRAPHS, (32, 65), False, train, test, image_size, seed)


def textures(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """What is it made of? Small patches of six textures in grey, all of one brightness."""
    return _which("textures", STUFFS, (16, 29), True, train, test, image_size, seed)


def textures_zoom(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: how much of a texture is seen? The logarithm to base 2 of the patch's side, 16 to 128 pixels."""
    random = np.random.default_rng([seed, 5])
    tiles = [_tiles(_read(file), 128) for file in STUFFS.values()]
    parts = {}
    for part, (split, count) in enumerate((("train", train), ("test", test))):
        images, sides = [], np.round(2 ** random.uniform(4, 7, count))
        for stuff, side in zip(balanced_labels(count, len(STUFFS)), sides, strict=True):
            of = tiles[stuff][part]
            patch = np.rot90(_patch(of[random.integers(len(of))], int(side), random), random.integers(4))
            images.append(_png(_in_other_light(patch, random, True), image_size))
        parts[split] = (images, np.log2(sides))
    return splits("textures_zoom", (), parts, task="regression", family="textures", **ABOUT)
