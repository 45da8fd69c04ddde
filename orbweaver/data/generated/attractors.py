"""Paths of ten chaotic systems in space, seen from random directions: which system is it?

A picture shows a few turns of a path, as a line of a random thickness, after the path has come close to its
attractor. Every path starts elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from orbweaver.data.generated.drawing import classified, ink_and_ground, paint
from orbweaver.data.split import Split, splits

ABOUT = {"family": "attractors", "licence": "none needed: published equations", "origin": "equations, solved here"}
Rates = tuple[np.ndarray, np.ndarray, np.ndarray]


def _langford(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Rates:
    up = 0.6 + 0.95 * z - z * z * z / 3 - (x * x + y * y) * (1 + 0.25 * z) + 0.1 * z * x * x * x
    return (z - 0.7) * x - 3.5 * y, 3.5 * x + (z - 0.7) * y, up


def _chua(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Rates:
    diode = -5 / 7 * x - 3 / 14 * (np.abs(x + 1) - np.abs(x - 1))
    return 15.6 * (y - x - diode), x - y + z, -28 * y


# Rates of change after those named, with parameters that are usual for them; where to start; and the time of a step:
# some 40 to 250 make a turn. Nothing but sums, products and absolute values: those are the same to the last bit on
# every machine, and chaos would make any difference large.
SYSTEMS: dict[str, tuple[Callable[[np.ndarray, np.ndarray, np.ndarray], Rates], tuple[float, ...], float]] = {
    # Arneodo, Coullet and Tresser 1981
    "Arneodo": (lambda x, y, z: (y, z, 5.5 * x - 3.5 * y - z - x * x * x), (0.2, 0.2, -0.75), 0.04),
    # Shaw 1981
    "Burke-Shaw": (lambda x, y, z: (-10 * (x + y), -y - 10 * x * z, 10 * x * y + 4.272), (0.6, 0, 0), 0.008),
    # Chen and Ueta 1999
    "Chen": (lambda x, y, z: (35 * (y - x), -7 * x - x * z + 28 * y, x * y - 3 * z), (-3, 2, 20), 0.004),
    # Matsumoto 1984
    "Chua": (_chua, (0.7, 0, 0), 0.025),
    # Dadras and Momeni 2009
    "Dadras": (lambda x, y, z: (y - 3 * x + 2.7 * y * z, 1.7 * y - x * z + z, 2 * x * y - 9 * z), (1, 1, 0), 0.02),
    # Halvorsen, as Sprott gives it
    "Halvorsen": (
        lambda x, y, z: (
            -1.27 * x - 4 * y - 4 * z - y * y, -1.27 * y - 4 * z - 4 * x - z * z, -1.27 * z - 4 * x - 4 * y - x * x
        ), (-5, 0, 0), 0.012,
    ),
    # Langford 1984, also named after Aizawa
    "Langford": (_langford, (0.1, 0, 0), 0.018),
    # Lorenz 1963
    "Lorenz": (lambda x, y, z: (10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z), (1, 1, 20), 0.007),
    # Rossler 1976
    "Rossler": (lambda x, y, z: (-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)), (-6, 0, 0), 0.06),
    # Rucklidge 1992
    "Rucklidge": (lambda x, y, z: (-2 * x + 6.7 * y - y * z, x, -z + y * y), (1, 0, 4.5), 0.03),
}  # fmt: skip
START = 0.1  # how far from the point in the table a path starts, in each direction
BEFORE, LONGEST = 1000, 1200  # steps that are not drawn, and at most drawn
SHORTEST = 400
SIDE = 256


def _paths(system: str, count: int, random: np.random.Generator) -> np.ndarray:
    """(count, 3, steps) of paths, by the classical method of Runge and Kutta."""
    rates, start, step = SYSTEMS[system]
    at = np.array(start)[:, None] + random.uniform(-START, START, (3, count))
    path = []
    for _ in range(BEFORE + LONGEST):
        first = np.stack(rates(*at))
        second = np.stack(rates(*(at + step / 2 * first)))
        third = np.stack(rates(*(at + step / 2 * second)))
        fourth = np.stack(rates(*(at + step * third)))
        at = at + step / 6 * (first + 2 * second + 2 * third + fourth)
        path.append(at)
    return np.stack(path[BEFORE:], axis=-1).swapaxes(0, 1)


def _seen(path: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(2, steps) of a path from a random direction: turned by a random quaternion of length 1."""
    while not 0.1 < (length := np.sum((q := random.uniform(-1, 1, 4)) * q)) <= 1:
        pass
    w, x, y, z = q / np.sqrt(length)
    right = (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y))
    up = (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x))
    return np.stack([sum(a * b for a, b in zip(axis, path, strict=True)) for axis in (right, up)])


def _draw(path: np.ndarray, random: np.random.Generator) -> Image.Image:
    """A part of a path, as large as most of the picture, as a line."""
    steps = int(random.integers(SHORTEST, LONGEST + 1))
    first = random.integers(path.shape[1] - steps + 1)
    seen = _seen(path[:, first : first + steps], random)
    low, high = seen.min(axis=1, keepdims=True), seen.max(axis=1, keepdims=True)
    size = SIDE * random.uniform(0.7, 0.95) / (high - low).max()
    places = SIDE / 2 + random.uniform(-12, 12, (2, 1)) + size * (seen - (low + high) / 2)
    page = Image.new("L", (SIDE, SIDE))
    pen, thick = ImageDraw.Draw(page), int(random.integers(3, 8))
    pen.line([*map(tuple, places.T)], 255, thick, joint="curve")
    return paint(np.asarray(page, np.float64) / 255, *ink_and_ground(random))


def attractors_system(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of ten systems?"""
    random = np.random.default_rng(seed)
    counts = {"train": train, "test": test}
    groups = [
        {split: list(_paths(system, -(-count // len(SYSTEMS)), random)) for split, count in counts.items()}
        for system in SYSTEMS
    ]
    parts = classified(groups, train, test, image_size, random, lambda path: _draw(path, random))
    return splits("attractors_system", SYSTEMS, parts, task="image_classification", **ABOUT)
