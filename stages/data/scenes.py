"""Scenes of coloured shapes in the manner of ShapeWorld and CLEVR, drawn anew, with texts that are true of them.

A scene is two to five things on a 3 x 3 grid, no two in one cell: a shape, a colour, a size each. Five styles draw
them and word their texts differently, and each style gives a dataset of every task:

    <style>_image      which colour and shape has the one large thing?
    <style>_caption    two captions an image, each of two things and how they stand to one another
    <style>_vqa        a question and its answer: a colour, a shape, a number, yes or no
    <style>_tqa        a passage about the scene, a question, the words of the passage that answer it; no image
    <style>_grounding  a phrase that fits one thing, and its box

The training and the test split share no scene: not the same things in the same cells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from stages.data.images import png
from stages.files import Images

SHAPES = ("square", "circle", "triangle", "cross")
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange")
SIZES = ("small", "large")
NUMBERS = ("zero", "one", "two", "three", "four", "five")
GRID = 3
ABOUT = {"licence": "MIT", "origin": "generated, in the manner of ShapeWorld and CLEVR"}


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
    """How scenes look and are told. palette: RGB of each of COLOURS; radii: of small and large, in cells."""

    palette: tuple[tuple[int, int, int], ...]
    ground: str
    things: tuple[int, int]
    radii: tuple[float, float]
    turned: bool
    wording: int


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
}  # fmt: skip


# --- scenes ---------------------------------------------------------------------------------------------------------


def _scene(style: Style, task: str, random: np.random.Generator, number: int) -> Scene:
    """`number`: how many there are before it; an image's class is the next one in turn."""
    count = int(random.integers(style.things[0], style.things[1] + 1))
    if task == "caption":  # a caption tells of two things; a third would leave open of which
        count = 2
    cells = random.choice(GRID * GRID, count, replace=False)
    kinds = [
        (SHAPES[s], COLOURS[c], SIZES[z])
        for s, c, z in random.permutation([(s, c, z) for s in range(4) for c in range(6) for z in range(2)])
    ]
    if task in ("image", "vqa"):  # one large thing, which is asked for
        large = next(k for k in kinds if k[2] == "large")
        if task == "image":
            large = SHAPES[number % 4], COLOURS[number // 4 % 4], "large"
        kinds = [large, *(k for k in kinds if k[2] == "small")]
    things = [Thing(*kind, int(cell) // GRID, int(cell) % GRID) for kind, cell in zip(kinds, cells, strict=False)]
    return tuple(sorted(things, key=lambda thing: thing.cell))


def relations(a: Thing, b: Thing) -> list[str]:
    """How a stands to b."""
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


def _ground(kind: str, side: int, random: np.random.Generator) -> np.ndarray:
    """(side, side, 3) background."""
    if kind == "light":
        return np.full((side, side, 3), random.uniform(225, 250)) + random.normal(0, 3, (side, side, 1))
    if kind == "dark":
        return np.full((side, side, 3), 25.0) + random.normal(0, 12, (side, side, 3))
    if kind == "gradient":
        way = np.linspace(0, 1, side)[:, None] * random.normal() + np.linspace(0, 1, side)[None] * random.normal()
        way = (way - way.min()) / np.ptp(way)
        first, second = random.uniform(20, 140, (2, 3))
        return first + (second - first) * way[..., None]
    if kind == "noise":  # amplitudes fall as 1/f, as in photographs
        frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
        frequency[0, 0] = np.inf
        waves = random.normal(size=(3, *frequency.shape)) + 1j * random.normal(size=(3, *frequency.shape))
        field = np.fft.irfft2(waves / frequency, (side, side))
        field = field / field.std(axis=(1, 2), keepdims=True) * 28 + random.uniform(70, 150, (3, 1, 1))
        return field.transpose(1, 2, 0)
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
        ImageDraw.Draw(mask).polygon([tuple(p * big) for p in points], fill=255)
        cover = np.asarray(mask.resize((side, side), Image.Resampling.BOX), dtype=np.float64)[..., None] / 255
        paint = np.array(style.palette[COLOURS.index(thing.colour)], dtype=np.float64)
        if style.ground == "noise":
            paint = paint + random.normal(0, 14, (side, side, 1))
        pixels = pixels + cover * (paint - pixels)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


# --- texts ----------------------------------------------------------------------------------------------------------


def captions(style: Style, scene: Scene, random: np.random.Generator) -> list[str]:
    """Two sentences: the first thing by the second, and the second by the first."""
    template = (
        "a {a} is {r} a {b} .",
        "there is a {a} {r} a {b} .",
        "{r} a {b} stands a {a} .",
        "we see one {a} which lies {r} another thing , a {b} .",
    )[style.wording]
    first, second = scene[:2]
    way = int(random.integers(len(relations(first, second))))
    return [
        template.format(a=name(a), b=name(b), r=relations(a, b)[way]) for a, b in ((first, second), (second, first))
    ]


def name(thing: Thing) -> str:
    return f"{thing.size} {thing.colour} {thing.shape}"


QUESTIONS = {  # in the four wordings
    "colour": ("what colour is the large thing ?", "which colour has the large thing ?",
               "the large thing is of what colour ?", "can you name the colour of the large thing ?"),
    "shape": ("what shape is the large thing ?", "which shape has the large thing ?", "the large thing is a what ?",
              "can you name the shape of the large thing ?"),
    "count": ("how many things are there ?", "what is the number of things ?", "count the things .",
              "can you count all things in the picture ?"),
    "exists": ("is there any {c} thing ?", "does it show any {c} thing ?", "any {c} thing , yes or no ?",
               "can you find any {c} thing in the picture ?"),
    "relation": ("is the {a} {r} the {b} ?", "does the {a} lie {r} the {b} ?", "the {a} is {r} the {b} , yes or no ?",
                 "can you say whether the {a} stands {r} the {b} ?"),
}  # fmt: skip
TOPICS = ("colour", "colour", "shape", "shape", "count", "exists", "relation")
OPPOSITE = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}


def question(style: Style, scene: Scene, random: np.random.Generator) -> tuple[str, str]:
    """A question about the picture, and its answer."""
    topic = TOPICS[random.integers(len(TOPICS))]
    thing, other = (scene[i] for i in random.permutation(len(scene))[:2])
    large = next(t for t in scene if t.size == "large")
    words = {"a": name(thing), "b": name(other)}
    answer = {"colour": large.colour, "shape": large.shape, "count": NUMBERS[len(scene)]}.get(topic, "yes")
    if topic == "exists":
        absent = [colour for colour in COLOURS if all(t.colour != colour for t in scene)]
        answer = "no" if absent and random.random() < 0.5 else "yes"
        words["c"] = absent[random.integers(len(absent))] if answer == "no" else thing.colour
    elif topic == "relation":
        true = relations(thing, other)
        words["r"] = true[random.integers(len(true))]
        if random.random() < 0.5:
            words["r"], answer = OPPOSITE[words["r"]], "no"
    return QUESTIONS[topic][style.wording].format(**words), answer


def passage(style: Style, scene: Scene, random: np.random.Generator) -> tuple[str, str, str, int]:
    """A passage, a question, the answer and the place of its first character in the passage.

    One sentence a thing tells its size and colour, one its place beside the next thing; things go by their shape and
    a number where shapes repeat, and the question asks for what one sentence says.
    """
    order = [scene[i] for i in random.permutation(len(scene))]
    names = [f"{thing.shape} {NUMBERS[i + 1]}" for i, thing in enumerate(order)]
    tell = (
        ("the {n} is {z} and {c} .", "it is {r} the {m} ."),
        ("there is a {z} {c} thing , the {n} .", "the {n} lies {r} the {m} ."),
        ("{c} and {z} is the {n} .", "{r} the {m} stands the {n} ."),
        ("we see the {n} which is painted {c} and looks {z} .", "its place is {r} the {m} ."),
    )[style.wording]
    ask = (
        ("what colour is the {n} ?", "what size is the {n} ?", "what is the {n} {r} ?"),
        ("which colour has the {n} ?", "which size has the {n} ?", "the {n} lies {r} what ?"),
        ("the {n} is of what colour ?", "the {n} is of what size ?", "{r} what stands the {n} ?"),
        ("name the colour of the {n} .", "name the size of the {n} .", "name what the {n} is {r} ."),
    )[style.wording]  # fmt: skip
    sentences: list[str] = []
    asked: list[tuple[str, str, int]] = []  # question, answer, sentence
    for i, thing in enumerate(order):
        values = {"n": names[i], "z": thing.size, "c": thing.colour}
        asked += [(ask[0].format(**values), thing.colour, len(sentences))]
        asked += [(ask[1].format(**values), thing.size, len(sentences))]
        sentences.append(tell[0].format(**values))
        if i + 1 < len(order):
            found = relations(thing, order[i + 1])
            values |= {"m": names[i + 1], "r": found[random.integers(len(found))]}
            asked += [(ask[2].format(**values), names[i + 1], len(sentences))]
            sentences.append(tell[1].format(**values))
    text, answer, place = asked[random.integers(len(asked))]
    start = sum(len(sentence) + 1 for sentence in sentences[:place]) + sentences[place].index(answer)
    return " ".join(sentences), text, answer, start


def phrase(style: Style, scene: Scene, random: np.random.Generator) -> tuple[str, Thing]:
    """Words that fit one thing of the scene, which is told by the fewest of shape, colour and size, and the thing."""
    thing = scene[random.integers(len(scene))]
    told = ("{} {} {}", "the {} {} {}", "find the {} {} {}", "where is the {} {} {} ?")[style.wording]
    for attributes in (("colour", "shape"), ("size", "colour", "shape")):
        if sum(all(getattr(t, a) == getattr(thing, a) for a in attributes) for t in scene) == 1:
            words = [getattr(thing, a) if a in attributes else "" for a in ("size", "colour", "shape")]
            return " ".join(told.format(*words).split()), thing
    raise AssertionError("no two things of a scene are alike in all three")


# --- datasets -------------------------------------------------------------------------------------------------------


def scenes_of(style: str, task: str, count: int, seed: int) -> list[Scene]:
    """`count` scenes, no two the same."""
    random = np.random.default_rng([seed, *f"{style} {task}".encode()])
    drawn: dict[Scene, None] = {}
    while len(drawn) < count:
        drawn.setdefault(_scene(STYLES[style], task, random, len(drawn)))
    return list(drawn)


def _dataset(style: str, task: str, train: int, test: int, image_size: int, seed: int) -> dict[str, Images]:
    scenes = scenes_of(style, task, train + test, seed)
    parts = {"train": (1, scenes[:train]), "test": (2, scenes[train:])}
    return {
        split: _split(style, task, part, image_size, np.random.default_rng([seed, number]))
        for split, (number, part) in parts.items()
    }


def _split(style_name: str, task: str, scenes: list[Scene], image_size: int, random: np.random.Generator) -> Images:
    style = STYLES[style_name]
    pictures = [] if task == "tqa" else [png(draw(style, scene, image_size, random)) for scene in scenes]
    kind, classes, targets, texts = task, [], np.zeros((len(scenes), 0)), {}
    if task == "image":
        kind, classes = "classification", [f"{colour} {shape}" for colour in COLOURS[:4] for shape in SHAPES]
        largest = [next(thing for thing in scene if thing.size == "large") for scene in scenes]
        targets = np.array([classes.index(f"{thing.colour} {thing.shape}") for thing in largest])
    elif task == "caption":
        texts = {"captions": [captions(style, scene, random) for scene in scenes]}
    elif task == "vqa":
        asked = [question(style, scene, random) for scene in scenes]
        classes = [*COLOURS, *SHAPES, *NUMBERS[2:], "yes", "no"]
        targets = np.array([classes.index(answer) for _, answer in asked])
        texts = {"question": [text for text, _ in asked]}
    elif task == "tqa":
        rows = [passage(style, scene, random) for scene in scenes]
        texts = {
            "context": [row[0] for row in rows],
            "question": [row[1] for row in rows],
            "answers": [[row[2]] for row in rows],
            "starts": [[row[3]] for row in rows],
        }
    else:
        told = [phrase(style, scene, random) for scene in scenes]
        texts = {"phrase": [text for text, _ in told]}
        targets = np.array([box(style, thing) for _, thing in told])
    return Images(f"{style_name}_{task}", kind, classes, pictures, targets, **ABOUT, texts=texts)


SCENES: dict[str, Callable[[int, int, int, int], dict[str, Images]]] = {
    f"{style}_{task}": partial(_dataset, style, task)
    for style in STYLES
    for task in ("image", "caption", "vqa", "tqa", "grounding")
}
