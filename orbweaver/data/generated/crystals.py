"""Pieces of crystals, their atoms drawn as shaded balls: which structure does the crystal have?

A piece is round, of 30 to 90 atoms, cut from anywhere in a crystal. It is seen nearly along one of the directions from
a cell to those around it, turned at random. The kinds of atoms have random colours and sizes; what is far away fades.
Crystals of one structure differ in nothing else, but for the height of their cells where these are not cubes.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {"family": "crystals", "licence": "none needed: published structures", "origin": "unit cells, drawn here"}
CORNERS = ((0, 0, 0),)
CENTRE = ((0.5, 0.5, 0.5),)
FACES = ((0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5))
EDGES = ((0.5, 0, 0), (0, 0.5, 0), (0, 0, 0.5))
EIGHTHS = tuple((x, y, z) for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75))
TETRAHEDRON = ((0.25, 0.25, 0.25), (0.25, 0.75, 0.75), (0.75, 0.25, 0.75), (0.75, 0.75, 0.25))
LAYERS = ((1 / 3, 2 / 3, 0), (2 / 3, 1 / 3, 0.5))
ABOVE = ((1 / 3, 2 / 3, 0.38), (2 / 3, 1 / 3, 0.88))
AROUND = ((0.305, 0.305, 0), (0.695, 0.695, 0), (0.805, 0.195, 0.5), (0.195, 0.805, 0.5))
CUBE = (1, 1)
# Of each structure: where in a cell the atoms of each kind are, in shares of its edges; the least and the greatest
# height of a cell of width 1 among well-known crystals; and whether its base is a rhombus of 60 degrees.
STRUCTURES = {
    "bcc, as iron": ((CORNERS + CENTRE,), CUBE, False),
    "fcc, as copper": ((CORNERS + FACES,), CUBE, False),
    "hcp, as magnesium": ((LAYERS,), (1.57, 1.65), True),
    "diamond": ((CORNERS + FACES + TETRAHEDRON,), CUBE, False),
    "rock salt": ((CORNERS + FACES, EDGES + CENTRE), CUBE, False),
    "caesium chloride": ((CORNERS, CENTRE), CUBE, False),
    "zincblende": ((CORNERS + FACES, TETRAHEDRON), CUBE, False),
    "wurtzite": ((LAYERS, ABOVE), (1.60, 1.64), True),
    "fluorite": ((CORNERS + FACES, EIGHTHS), CUBE, False),
    "perovskite": ((CORNERS, CENTRE, FACES), CUBE, False),
    "rutile": ((CORNERS + CENTRE, AROUND), (0.64, 0.70), False),
}
ATOMS = (30, 91)
SIZES = (0.25, 0.5)  # of balls, in lengths of a bond
TILT = 0.15  # of a direction, in edges of a cell
CELLS = 3  # in each direction from the middle one
SIDE = 128
LIGHT = (-0.4, -0.6, 0.7)  # where it comes from: x to the right, y down, z to who looks; of length 1, about


def _piece(structure: str, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The atoms that are nearest to a random place in a crystal, and from where to look at them.

    Places (3, N) around the origin, kinds (N,), and a direction (3,): nearly that from a cell to one around it.
    """
    kinds, heights, rhombic = STRUCTURES[structure]
    cell = np.array([place for places in kinds for place in places])
    kind = np.repeat(np.arange(len(kinds)), [len(places) for places in kinds])
    steps = np.stack(np.meshgrid(*[np.arange(-CELLS, CELLS + 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 3)
    near = steps[(np.abs(steps) <= 1).all(axis=-1) & steps.any(axis=-1)]
    toward = near[random.integers(len(near))] + random.uniform(-TILT, TILT, 3)
    x, y, z = np.concatenate([(steps + cell - random.random(3)).reshape(-1, 3), toward[None]]).T
    if rhombic:
        x, y = x - y / 2, y * (np.sqrt(3) / 2)
    *places, toward = np.stack([x, y, z * random.uniform(*heights)], axis=-1)
    places = np.array(places).T
    nearest = np.argsort(sum(places * places), kind="stable")[: random.integers(*ATOMS)]
    return places[:, nearest], np.tile(kind, len(steps))[nearest], toward


def _seen(places: np.ndarray, toward: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The places as seen from a direction, turned at random around it."""
    right = np.cross(toward, random.uniform(-1, 1, 3))
    axes = [axis / np.sqrt(sum(axis * axis)) for axis in (right, np.cross(toward, right), toward)]
    return np.stack([sum(a * b for a, b in zip(axis, places, strict=True)) for axis in axes])


def _draw(structure: str, random: np.random.Generator) -> Image.Image:
    """A piece of a crystal on a ground of one colour, drawn from back to front."""
    places, kinds, toward = _piece(structure, random)
    apart = places[:, 1:] - places[:, :1]
    bond = np.sqrt(sum(apart * apart).min())  # from the atom in the middle to the one next to it
    x, y, z = _seen(places, toward, random)
    sizes = (bond * random.uniform(*SIZES, 3))[kinds]
    scale = SIDE * random.uniform(0.42, 0.48) / np.sqrt(x * x + y * y).max()
    ground, *colours = random.integers(0, 256, (4, 3))
    pixels = np.tile(ground.astype(np.float64), (SIDE, SIDE, 1))
    across = np.arange(SIDE) + 0.5 - SIDE / 2
    for i in np.argsort(z, kind="stable"):
        radius = scale * sizes[i]
        u, v = (across - scale * x[i]) / radius, (across - scale * y[i]) / radius
        rows, columns = (np.flatnonzero(np.abs(w) < 1) for w in (v, u))
        u, v = u[columns], v[rows][:, None]
        up = 1 - u * u - v * v
        shade = 0.35 + 0.65 * np.clip(LIGHT[0] * u + LIGHT[1] * v + LIGHT[2] * np.sqrt(np.maximum(up, 0)), 0, 1)
        far = 0.6 * (z.max() - z[i]) / (z.max() - z.min())
        ball = shade[..., None] * colours[kinds[i]] * (1 - far) + far * ground
        behind = pixels[np.ix_(rows, columns)]
        pixels[np.ix_(rows, columns)] = np.where(up[..., None] > 0, ball, behind)
    return Image.fromarray(np.clip(np.round(pixels), 0, 255).astype(np.uint8))


def crystals_structure(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which of eleven structures?"""
    random = np.random.default_rng(seed)
    names, parts = [*STRUCTURES], {}
    for split, count in (("train", train), ("test", test)):
        labels = balanced_labels(count, len(names))
        parts[split] = ([png(_draw(names[label], random), image_size) for label in labels], labels)
    return splits("crystals_structure", names, parts, task="image_classification", **ABOUT)
