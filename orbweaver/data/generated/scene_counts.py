"""How many things are there? Scenes of coloured shapes as in `scenes`, of one to eight things."""

from __future__ import annotations

import numpy as np

from orbweaver.data.generated.scene_pictures import COLOURS, GRID, SHAPES, SIZES, STYLES, Scene, Thing, draw
from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {"family": "scenes", "licence": "MIT", "origin": "generated, in the manner of ShapeWorld and CLEVR"}
MOST = 8


def _scene(things: int, random: np.random.Generator) -> Scene:
    cells = random.permutation(GRID * GRID)[:things]
    kinds = random.integers((len(SHAPES), len(COLOURS), len(SIZES)), size=(things, 3))
    return tuple(
        Thing(SHAPES[shape], COLOURS[colour], SIZES[size], int(cell) // GRID, int(cell) % GRID)
        for cell, (shape, colour, size) in zip(sorted(cells), kinds, strict=True)
    )


def _scenes(count: int, seed: int) -> list[Scene]:
    """`count` scenes, no two the same, of one to eight things in turn; with one thing there are only 432."""
    random = np.random.default_rng([seed, 7])
    drawn: dict[Scene, None] = {}
    for things in balanced_labels(count, MOST) + 1:
        before = len(drawn)
        while len(drawn) == before:
            drawn.setdefault(_scene(int(things), random))
    return list(drawn)


def photo_count(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: how many things, one to eight? In the style `photo`, on noise."""
    random, scenes, parts = np.random.default_rng(seed), _scenes(train + test, seed), {}
    for split, some in (("train", scenes[:train]), ("test", scenes[train:])):
        images = [png(draw(STYLES["photo"], scene, image_size, random)) for scene in some]
        parts[split] = (images, np.array([len(scene) for scene in some], np.float64))
    return splits("photo_count", (), parts, task="regression", **ABOUT)


def crowd_shape(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which shape is most frequent? Three things have it, one has each other shape. In the style `crowd`."""
    random, parts = np.random.default_rng([seed, 9]), {}
    drawn: set[Scene] = set()
    for split, count in (("train", train), ("test", test)):
        labels, images = balanced_labels(count, len(SHAPES)), []
        for label in labels:
            scene: Scene = ()
            while not scene or scene in drawn:
                shapes = random.permutation([label, label, *range(len(SHAPES))])
                scene = tuple(
                    Thing(SHAPES[shape], thing.colour, thing.size, thing.row, thing.column)
                    for shape, thing in zip(shapes, _scene(len(shapes), random), strict=True)
                )
            drawn.add(scene)
            images.append(png(draw(STYLES["crowd"], scene, image_size, random)))
        parts[split] = (images, labels)
    return splits("crowd_shape", [f"mostly {shape}" for shape in SHAPES], parts, task="image_classification", **ABOUT)
