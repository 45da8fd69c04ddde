"""Sprites after dSprites' definition (Matthey et al. 2017): one white shape on black, five factors.

Shape (square, ellipse, heart), scale (6 values, 0.5 to 1), orientation (40 values over a full turn), position x and y
(32 values each). Images are rendered anew, anti-aliased by supersampling, not dSprites' own pixels.
The training and the test split draw disjoint sets of factor combinations.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

SHAPES = ("square", "ellipse", "heart")
ABOUT = {
    "task": "image_classification",
    "family": "sprites",
    "licence": "Apache-2.0",
    "origin": "generated after dSprites' definition",
}
SIZES = (3, 6, 40, 32, 32)  # number of values of shape, scale, orientation, x, y


def _outline(shape: int) -> np.ndarray:
    """Points of a shape's outline within [-1, 1]^2, (P, 2)."""
    t = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    if SHAPES[shape] == "square":
        return np.array([[-0.75, -0.75], [0.75, -0.75], [0.75, 0.75], [-0.75, 0.75]])
    if SHAPES[shape] == "ellipse":
        return np.stack([np.cos(t), 0.55 * np.sin(t)], axis=1)
    heart = np.stack([16 * np.sin(t) ** 3, -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t))])
    return heart.T / 17


def _draw(factors: np.ndarray, image_size: int) -> Image.Image:
    shape, scale, orientation, x, y = factors
    big = 4 * image_size
    angle = 2 * np.pi * orientation / SIZES[2]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    size = 0.28 * (0.5 + 0.1 * scale)
    centre = 0.3 + 0.4 * np.array([x, y]) / 31
    points = (_outline(shape) @ turn.T * size + centre) * big
    image = Image.new("L", (big, big))
    ImageDraw.Draw(image).polygon([tuple(p) for p in points], fill=255)
    return image.resize((image_size, image_size), Image.Resampling.BOX)


def _sprites(name: str, classes: tuple[str, ...], fix: dict[int, np.ndarray], train: int, test: int, image_size: int,
             seed: int) -> dict[str, Split]:  # fmt: skip
    """fix: the factor that makes the classes, with the values of each class, (C, values); then constant factors."""
    (factor, values), *constants = fix.items()
    random = np.random.default_rng(seed)
    labels = np.concatenate([balanced_labels(train, len(classes)), balanced_labels(test, len(classes))])
    drawn: set[tuple[int, ...]] = set()
    rows = []
    for label in labels:
        while True:
            factors = random.integers(SIZES)
            for constant, value in constants:
                factors[constant] = value.item()
            factors[factor] = random.choice(values[label])
            if tuple(factors) not in drawn:
                break
        drawn.add(tuple(factors))
        rows.append(factors)
    images = [png(_draw(factors, image_size)) for factors in rows]
    parts = {"train": (images[:train], labels[:train]), "test": (images[train:], labels[train:])}
    return splits(name, classes, parts, **ABOUT)


def sprites_shape(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which shape?"""
    return _sprites("sprites_shape", SHAPES, {0: np.arange(3)[:, None]}, train, test, image_size, seed)


def sprites_scale(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of the six sizes?"""
    classes = ("tiny", "small", "rather small", "rather large", "large", "huge")
    return _sprites("sprites_scale", classes, {1: np.arange(6)[:, None]}, train, test, image_size, seed)


def sprites_direction(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Where does the heart point? Hearts only, the one shape without rotational symmetry; ten angles a direction."""
    angles = (np.arange(40).reshape(4, 10) - 5) % 40
    return _sprites("sprites_direction", ("down", "left", "up", "right"), {2: angles, 0: np.array(2)}, train, test,
                    image_size, seed)  # fmt: skip
