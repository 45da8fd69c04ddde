"""Scenes of coloured shapes on a grid: what they are made of, how things lie to one another, how a style draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

SHAPES = ("square", "circle", "triangle", "cross")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
SIZES = ("small", "large")
NUMBERS = ("zero", "one", "two", "three", "four", "five")
GRID = 3


@dataclass(frozen=True)
class Thing:
    shape: str
    colour: str
    size: str
    row: int
    column: int

    @property
    def cell(self) -> tuple[int, int]:
        return self.row, self.column


Scene = tuple[Thing, ...]


@dataclass(frozen=True)
class Style:
    """How scenes are drawn and worded. palette: RGB of each of COLOURS; radii: of small and large, in cells.

    fill: whole shapes, outlines, or stripes. asks: kinds of questions; one listed twice is asked twice as often.
    """

    palette: tuple[tuple[int, int, int], ...]
    ground: str
    things: tuple[int, int]
    radii: tuple[float, float]
    turned: bool
    wording: int
    fill: Literal["whole", "outline", "stripes"] = "whole"
    asks: tuple[str, ...] = ("colour", "colour", "shape", "shape", "count", "exists", "relation")


STYLES = {
    "plain": Style(
        ((230, 30, 30), (30, 200, 40), (40, 70, 240), (240, 230, 40), (160, 40, 200), (250, 140, 20)),
        "black", (2, 3), (0.24, 0.44), False, 0,
    ),
    "photo": Style(
        ((190, 50, 50), (60, 150, 70), (60, 80, 180), (200, 190, 70), (130, 60, 150), (210, 130, 60)),
        "noise", (2, 3), (0.26, 0.44), True, 1,
    ),
    "pastel": Style(
        ((240, 150, 150), (150, 215, 160), (150, 170, 235), (235, 220, 130), (200, 160, 220), (245, 190, 140)),
        "light", (2, 4), (0.24, 0.42), False, 2,
    ),
    "night": Style(
        ((110, 30, 35), (35, 95, 45), (40, 50, 120), (115, 105, 40), (85, 35, 100), (120, 75, 30)),
        "dark", (2, 3), (0.24, 0.42), False, 1,
    ),
    "crowd": Style(
        ((220, 60, 80), (40, 180, 110), (70, 110, 230), (230, 210, 60), (170, 70, 220), (240, 150, 50)),
        "gradient", (3, 5), (0.22, 0.36), True, 3,
    ),
    "chalk": Style(
        ((235, 140, 140), (150, 230, 160), (150, 180, 250), (240, 235, 150), (215, 160, 240), (245, 190, 130)),
        "board", (2, 4), (0.26, 0.44), False, 4, "outline", ("shape", "count", "relation"),
    ),
    "paper": Style(
        ((190, 40, 50), (30, 130, 70), (40, 60, 170), (190, 160, 20), (120, 40, 150), (215, 110, 20)),
        "ruled", (2, 3), (0.22, 0.42), True, 5, "stripes", ("colour", "exists"),
    ),
}  # fmt: skip


def relations(a: Thing, b: Thing) -> list[str]:
    """Where a is, relative to b."""
    found = ["above"] if a.row < b.row else ["below"] if a.row > b.row else []
    return found + (["left of"] if a.column < b.column else ["right of"] if a.column > b.column else [])


def _radius(style: Style, thing: Thing) -> float:
    """Half the side of a thing's box, in shares of the image."""
    return style.radii[SIZES.index(thing.size)] / GRID


def box(style: Style, thing: Thing) -> tuple[float, float, float, float]:
    """x0, y0, x1, y1 in shares of the image."""
    x, y, r = (thing.column + 0.5) / GRID, (thing.row + 0.5) / GRID, _radius(style, thing)
    return x - r, y - r, x + r, y + r


# --- pictures -------------------------------------------------------------------------------------------------------

OUTLINES = {
    "square": [(-1, -1), (1, -1), (1, 1), (-1, 1)],
    "circle": [(np.cos(t), np.sin(t)) for t in np.linspace(0, 2 * np.pi, 40, endpoint=False)],
    "triangle": [(0, -1), (1, 1), (-1, 1)],
    "cross": [(-0.35, -1), (0.35, -1), (0.35, -0.35), (1, -0.35), (1, 0.35), (0.35, 0.35),
              (0.35, 1), (-0.35, 1), (-0.35, 0.35), (-1, 0.35), (-1, -0.35), (-0.35, -0.35)],
}  # fmt: skip


def _ground(ground: str, side: int, random: np.random.Generator) -> np.ndarray:
    """(side, side, 3) background."""
    if ground == "light":
        return np.full((side, side, 3), random.uniform(225, 250)) + random.normal(0, 3, (side, side, 1))
    if ground == "dark":
        return np.full((side, side, 3), 25.0) + random.normal(0, 12, (side, side, 3))
    if ground == "gradient":
        way = np.linspace(0, 1, side)[:, None] * random.normal() + np.linspace(0, 1, side)[None] * random.normal()
        way = (way - way.min()) / np.ptp(way)
        first, second = random.uniform(20, 140, (2, 3))
        return first + (second - first) * way[..., None]
    if ground == "noise":  # amplitudes fall as 1/f, as in photographs
        frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
        frequency[0, 0] = np.inf
        waves = random.normal(size=(3, *frequency.shape)) + 1j * random.normal(size=(3, *frequency.shape))
        field = np.fft.irfft2(waves / frequency, (side, side))
        field = field / field.std(axis=(1, 2), keepdims=True) * 28 + random.uniform(70, 150, (3, 1, 1))
        return field.transpose(1, 2, 0)
    if ground == "board":  # green, wiped in one direction
        wiped = random.normal(0, 10, (side, 1, 1)) + random.normal(0, 6, (side, side, 1))
        return np.array([28.0, 62.0, 48.0]) + wiped
    if ground == "ruled":  # pale, with blue lines
        paper = np.full((side, side, 3), random.uniform(235, 250)) + random.normal(0, 2, (side, side, 1))
        paper[random.integers(4) :: max(4, side // 10)] -= [50, 35, 5]
        return paper
    return np.zeros((side, side, 3))


def draw(style: Style, scene: Scene, side: int, random: np.random.Generator) -> Image.Image:
    """The scene, side x side pixels, anti-aliased."""
    pixels, big = _ground(style.ground, side, random), 4 * side
    for thing in scene:
        x0, y0, x1, y1 = box(style, thing)
        points = np.array(OUTLINES[thing.shape])
        if style.turned:  # by quarters of a turn, so that the box stays the box
            points = points @ np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), int(random.integers(4)))
        points = (points + 1) / 2 * [x1 - x0, y1 - y0] + [x0, y0]
        mask = Image.new("L", (big, big))
        corners = [tuple(p * big) for p in points]
        if style.fill == "outline":
            ImageDraw.Draw(mask).polygon(corners, outline=255, width=max(4, round(0.035 * big)))
        else:
            ImageDraw.Draw(mask).polygon(corners, fill=255)
        if style.fill == "stripes":
            stripes = np.asarray(mask) * (np.add.outer(np.arange(big), np.arange(big)) // (big // 24) % 3 > 0)
            mask = Image.fromarray(stripes.astype(np.uint8))
        cover = np.asarray(mask.resize((side, side), Image.Resampling.BOX), dtype=np.float64)[..., None] / 255
        paint = np.array(style.palette[COLOURS.index(thing.colour)], dtype=np.float64)
        if style.ground == "noise":
            paint = paint + random.normal(0, 14, (side, side, 1))
        pixels = pixels + cover * (paint - pixels)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
