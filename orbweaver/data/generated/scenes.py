"""Scenes of coloured shapes in the manner of ShapeWorld and CLEVR, drawn anew, with texts that are true of them.

A scene is two to five things on a 3 x 3 grid, no two in one cell: a shape, a colour, a size each. Seven styles draw
them and word their texts differently, and each style gives a dataset of every task:

    <style>_image      which colour and shape has the one large thing?
    <style>_caption    two captions an image, each of two things and how one lies to the other
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

from orbweaver.data.generated.scene_pictures import (
    COLOURS,
    GRID,
    NUMBERS,
    SHAPES,
    SIZES,
    STYLES,
    Scene,
    Style,
    Thing,
    box,
    draw,
    relations,
)
from orbweaver.data.images import png
from orbweaver.data.split import Split

ABOUT = {"family": "scenes", "licence": "MIT", "origin": "generated, in the manner of ShapeWorld and CLEVR"}


# --- scenes ---------------------------------------------------------------------------------------------------------


def _scene(style: Style, content: Content, random: np.random.Generator, number: int) -> Scene:
    """number: how many scenes were drawn before."""
    count = int(random.integers(style.things[0], style.things[1] + 1))
    if content.pair:
        count = 2
    cells = random.choice(GRID * GRID, count, replace=False)
    kinds = [
        (SHAPES[s], COLOURS[c], SIZES[z])
        for s, c, z in random.permutation([(s, c, z) for s in range(4) for c in range(6) for z in range(2)])
    ]
    if content.one_large:
        large = next(k for k in kinds if k[2] == "large")
        if content.in_turn:
            large = SHAPES[number % 4], COLOURS[number // 4 % 4], "large"
        kinds = [large, *(k for k in kinds if k[2] == "small")]
    things = [Thing(*kind, int(cell) // GRID, int(cell) % GRID) for kind, cell in zip(kinds, cells, strict=False)]
    return tuple(sorted(things, key=lambda thing: thing.cell))


# --- texts ----------------------------------------------------------------------------------------------------------


def captions(style: Style, scene: Scene, random: np.random.Generator) -> list[str]:
    """Two sentences: where the first thing is relative to the second, and the reverse."""
    template = (
        "a {a} is {r} a {b} .",
        "there is a {a} {r} a {b} .",
        "{r} a {b} stands a {a} .",
        "we see one {a} which lies {r} another thing , a {b} .",
        "somebody drew a {a} which hangs {r} a {b} .",
        "here the {a} can be found {r} the {b} .",
    )[style.wording]
    first, second = scene[:2]
    way = int(random.integers(len(relations(first, second))))
    return [
        template.format(a=name(a), b=name(b), r=relations(a, b)[way]) for a, b in ((first, second), (second, first))
    ]


def name(thing: Thing) -> str:
    return f"{thing.size} {thing.colour} {thing.shape}"


QUESTIONS = {  # in the six wordings
    "colour": ("what colour is the large thing ?", "which colour has the large thing ?",
               "the large thing is of what colour ?", "can you name the colour of the large thing ?",
               "tell me the colour of the large thing .", "of what colour did they paint the large thing ?"),
    "shape": ("what shape is the large thing ?", "which shape has the large thing ?", "the large thing is a what ?",
              "can you name the shape of the large thing ?", "tell me the shape of the large thing .",
              "of what shape did they make the large thing ?"),
    "count": ("how many things are there ?", "what is the number of things ?", "count the things .",
              "can you count all things in the picture ?", "tell me how many things somebody drew .",
              "how many did they put there ?"),
    "exists": ("is there any {c} thing ?", "does it show any {c} thing ?", "any {c} thing , yes or no ?",
               "can you find any {c} thing in the picture ?", "tell me if somebody drew any {c} thing .",
               "did they paint any thing {c} ?"),
    "relation": ("is the {a} {r} the {b} ?", "does the {a} lie {r} the {b} ?", "the {a} is {r} the {b} , yes or no ?",
                 "can you say whether the {a} stands {r} the {b} ?", "tell me if the {a} was drawn {r} the {b} .",
                 "did they put the {a} {r} the {b} ?"),
}  # fmt: skip
OPPOSITE = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}


def question(style: Style, scene: Scene, random: np.random.Generator) -> tuple[str, str]:
    """A question about the picture, and its answer."""
    topic = style.asks[random.integers(len(style.asks))]
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

    One sentence a thing tells its size and colour, one its place beside the next thing; things are
    called by their shape and a number. The question asks for what one sentence says: a size, or what the style asks.
    """
    order = [scene[i] for i in random.permutation(len(scene))]
    names = [f"{thing.shape} {NUMBERS[i + 1]}" for i, thing in enumerate(order)]
    tell = (
        ("the {n} is {z} and {c} .", "it is {r} the {m} ."),
        ("there is a {z} {c} thing , the {n} .", "the {n} lies {r} the {m} ."),
        ("{c} and {z} is the {n} .", "{r} the {m} stands the {n} ."),
        ("we see the {n} which is painted {c} and looks {z} .", "its place is {r} the {m} ."),
        ("somebody drew the {n} with {c} chalk , a {z} one .", "they drew it {r} the {m} ."),
        ("{z} , and {c} all over , they made the {n} .", "they put the {n} {r} the {m} ."),
    )[style.wording]
    ask = (
        ("what colour is the {n} ?", "what size is the {n} ?", "what is the {n} {r} ?"),
        ("which colour has the {n} ?", "which size has the {n} ?", "the {n} lies {r} what ?"),
        ("the {n} is of what colour ?", "the {n} is of what size ?", "{r} what stands the {n} ?"),
        ("name the colour of the {n} .", "name the size of the {n} .", "name what the {n} is {r} ."),
        ("tell me the colour of the {n} .", "tell me the size of the {n} .", "tell me what they drew the {n} {r} ."),
        ("which colour did they give the {n} ?", "how big is the {n} ?", "they put the {n} {r} what ?"),
    )[style.wording]  # fmt: skip
    sentences: list[str] = []
    asked: list[tuple[str, str, int]] = []  # question, answer, sentence
    for i, thing in enumerate(order):
        values = {"n": names[i], "z": thing.size, "c": thing.colour}
        if "colour" in style.asks:
            asked += [(ask[0].format(**values), thing.colour, len(sentences))]
        asked += [(ask[1].format(**values), thing.size, len(sentences))]
        sentences.append(tell[0].format(**values))
        if i + 1 < len(order):
            found = relations(thing, order[i + 1])
            values |= {"m": names[i + 1], "r": found[random.integers(len(found))]}
            if "relation" in style.asks:
                asked += [(ask[2].format(**values), names[i + 1], len(sentences))]
            sentences.append(tell[1].format(**values))
    text, answer, place = asked[random.integers(len(asked))]
    start = sum(len(sentence) + 1 for sentence in sentences[:place]) + sentences[place].index(answer)
    return " ".join(sentences), text, answer, start


def phrase(style: Style, scene: Scene, random: np.random.Generator) -> tuple[str, Thing]:
    """A phrase that fits one thing of the scene only, and that thing: its colour and shape, and its size if need be."""
    thing = scene[random.integers(len(scene))]
    told = ("{} {} {}", "the {} {} {}", "find the {} {} {}", "where is the {} {} {} ?",
            "tell me where somebody drew the {} {} {} .", "they put a {} {} {} there")[style.wording]  # fmt: skip
    for attributes in (("colour", "shape"), ("size", "colour", "shape")):
        if sum(all(getattr(t, a) == getattr(thing, a) for a in attributes) for t in scene) == 1:
            words = [getattr(thing, a) if a in attributes else "" for a in ("size", "colour", "shape")]
            return " ".join(told.format(*words).split()), thing
    raise AssertionError("no two things of a scene are alike in all three")


# --- datasets -------------------------------------------------------------------------------------------------------

Told = tuple[list[str], np.ndarray | None, dict[str, list]]  # classes, targets, texts


def _classes(style: Style, scenes: list[Scene], random: np.random.Generator) -> Told:
    classes = [f"{colour} {shape}" for colour in COLOURS[:4] for shape in SHAPES]
    largest = [next(thing for thing in scene if thing.size == "large") for scene in scenes]
    return classes, np.array([classes.index(f"{thing.colour} {thing.shape}") for thing in largest]), {}


def _captions(style: Style, scenes: list[Scene], random: np.random.Generator) -> Told:
    return [], None, {"captions": [captions(style, scene, random) for scene in scenes]}


def _questions(style: Style, scenes: list[Scene], random: np.random.Generator) -> Told:
    asked = [question(style, scene, random) for scene in scenes]
    answers = [*COLOURS, *SHAPES, *NUMBERS[2:], "yes", "no"]
    targets = np.array([answers.index(answer) for _, answer in asked])
    return answers, targets, {"question": [text for text, _ in asked]}


def _passages(style: Style, scenes: list[Scene], random: np.random.Generator) -> Told:
    rows = [passage(style, scene, random) for scene in scenes]
    texts = {"context": [row[0] for row in rows], "question": [row[1] for row in rows]}
    return [], None, texts | {"answers": [[row[2]] for row in rows], "starts": [[row[3]] for row in rows]}


def _phrases(style: Style, scenes: list[Scene], random: np.random.Generator) -> Told:
    told = [phrase(style, scene, random) for scene in scenes]
    return [], np.array([box(style, thing) for _, thing in told]), {"phrase": [text for text, _ in told]}


@dataclass(frozen=True)
class Content:
    """What a dataset says of its scenes (texts, targets), and which scenes it needs for that.

    pair: of two things, as with a third it would be open which two a caption is about. one_large: exactly one thing is
    large, and questions are about it. in_turn: the large things run through the classes in turn.
    """

    task: str
    tell: Callable[[Style, list[Scene], np.random.Generator], Told]
    pictured: bool = True
    pair: bool = False
    one_large: bool = False
    in_turn: bool = False


CONTENTS = {
    "image": Content("image_classification", _classes, one_large=True, in_turn=True),
    "caption": Content("caption", _captions, pair=True),
    "vqa": Content("vqa", _questions, one_large=True),
    "tqa": Content("extractive_qa", _passages, pictured=False),
    "grounding": Content("grounding", _phrases),
}


def scenes_of(style: str, content: str, count: int, seed: int) -> list[Scene]:
    """`count` scenes, no two the same."""
    random = np.random.default_rng([seed, *f"{style} {content}".encode()])
    drawn: dict[Scene, None] = {}
    while len(drawn) < count:
        drawn.setdefault(_scene(STYLES[style], CONTENTS[content], random, len(drawn)))
    return list(drawn)


def _dataset(style: str, content: str, train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    scenes = scenes_of(style, content, train + test, seed)
    parts = {"train": (1, scenes[:train]), "test": (2, scenes[train:])}
    return {
        split: _split(style, content, part, image_size, np.random.default_rng([seed, number]))
        for split, (number, part) in parts.items()
    }


def _split(name: str, what: str, scenes: list[Scene], image_size: int, random: np.random.Generator) -> Split:
    style, content = STYLES[name], CONTENTS[what]
    pictures = [png(draw(style, scene, image_size, random)) for scene in scenes] if content.pictured else []
    classes, targets, texts = content.tell(style, scenes, random)
    targets = np.zeros((len(scenes), 0)) if targets is None else targets
    return Split(f"{name}_{what}", content.task, classes, pictures, targets, **ABOUT, texts=texts)


SCENES: dict[str, Callable[[int, int, int, int], dict[str, Split]]] = {
    f"{style}_{content}": partial(_dataset, style, content) for style in STYLES for content in CONTENTS
}
