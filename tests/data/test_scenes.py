"""Scenes: what texts and boxes say is true of the scene and of its picture, and splits share no scene."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from orbweaver.data.generated.scene_pictures import COLOURS, NUMBERS, SHAPES, STYLES, Scene
from orbweaver.data.generated.scenes import SCENES, scenes_of
from orbweaver.data.split import Split

TRAIN, TEST = 60, 40
NOUN = rf"(small|large) ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})"
# (row, column) of a thing, and of the other: independent of scenes.relations
TRUE = {
    "above": lambda a, b: a[0] < b[0],
    "below": lambda a, b: a[0] > b[0],
    "left of": lambda a, b: a[1] < b[1],
    "right of": lambda a, b: a[1] > b[1],
}
RELATION = "|".join(TRUE)


def split_of(style: str, task: str) -> tuple[Split, list[Scene]]:
    return SCENES[f"{style}_{task}"](TRAIN, TEST, 48, 0)["train"], scenes_of(style, task, TRAIN + TEST, 0)[:TRAIN]


def cell_of(noun: tuple[str, ...], scene: Scene) -> tuple[int, int]:
    found = [(t.row, t.column) for t in scene if (t.size, t.colour, t.shape) == noun]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("style", STYLES)
def test_captions_are_true(style: str) -> None:
    split, drawn = split_of(style, "caption")
    for captions, scene in zip(split.texts["captions"], drawn, strict=True):
        for caption in captions:
            first, second = (cell_of(noun, scene) for noun in re.findall(NOUN, caption))
            (relation,) = re.findall(RELATION, caption)
            if caption.startswith(relation):  # "above a ... stands a ..."
                first, second = second, first
            assert TRUE[relation](first, second), caption


@pytest.mark.parametrize("style", STYLES)
def test_answers_are_true(style: str) -> None:
    split, drawn = split_of(style, "vqa")
    answers = [split.classes[t] for t in split.targets]
    for question, answer, scene in zip(split.texts["question"], answers, drawn, strict=True):
        nouns, relation = re.findall(NOUN, question), re.search(RELATION, question)
        colours = [word for word in question.split() if word in COLOURS]
        (large,) = [t for t in scene if t.size == "large"]
        if relation:
            true = TRUE[relation.group()](*(cell_of(noun, scene) for noun in nouns))
            assert answer == ("yes" if true else "no"), question
        elif colours:
            assert answer == ("yes" if colours[0] in [t.colour for t in scene] else "no"), question
        elif "large" in question:
            assert answer == (large.colour if "colour" in question else large.shape), question
        else:
            assert answer == NUMBERS[len(scene)]


@pytest.mark.parametrize("style", STYLES)
def test_passages_hold_their_answers(style: str) -> None:
    split, drawn = split_of(style, "tqa")
    for row, scene in enumerate(drawn):
        context, question = split.texts["context"][row], split.texts["question"][row]
        answer, start = split.texts["answers"][row][0], split.texts["starts"][row][0]
        assert context[start : start + len(answer)] == answer
        told = [re.findall(rf"\b({'|'.join(words)})\b", context) for words in (COLOURS, ("small", "large"))]
        assert sorted(told[0]) == sorted(t.colour for t in scene)
        assert sorted(told[1]) == sorted(t.size for t in scene)
        # the answer stands in the sentence that speaks of what the question asks about
        asked = re.search(rf"({'|'.join(SHAPES)}) ({'|'.join(NUMBERS)})", question).group()
        sentences = context.split(" . ")
        at = context[:start].count(" . ")
        beside = " . ".join(sentences[max(0, at - 1) : at + 1])
        assert asked in beside, (context, question, answer)


@pytest.mark.parametrize("style", STYLES)
def test_phrases_fit_one_thing_and_boxes_hold_it(style: str) -> None:
    split, drawn = split_of(style, "grounding")
    for row, scene in enumerate(drawn):
        words = set(split.texts["phrase"][row].split()) & {*COLOURS, *SHAPES, "small", "large"}
        (thing,) = [t for t in scene if words <= {t.colour, t.shape, t.size}]
        x0, y0, x1, y1 = split.targets[row]
        assert thing.column / 3 < x0 < x1 < (thing.column + 1) / 3
        assert thing.row / 3 < y0 < y1 < (thing.row + 1) / 3


def test_a_box_is_where_the_pixels_are() -> None:
    split, drawn = split_of("plain", "grounding")
    for encoded, box, scene in zip(split.images, split.targets, drawn, strict=True):
        pixels = np.asarray(Image.open(io.BytesIO(encoded))).max(axis=2) > 20
        y0, x0 = int(box[1] * 3) * 16, int(box[0] * 3) * 16
        rows, columns = np.nonzero(pixels[y0 : y0 + 16, x0 : x0 + 16])
        seen = [x0 + columns.min(), y0 + rows.min(), x0 + columns.max() + 1, y0 + rows.max() + 1]
        np.testing.assert_allclose(np.array(seen) / 48, box, atol=1.1 / 48)
        assert len(scene) >= 2


@pytest.mark.parametrize("style", STYLES)
def test_classes_are_the_large_thing(style: str) -> None:
    split, drawn = split_of(style, "image")
    for target, scene in zip(split.targets, drawn, strict=True):
        (large,) = [t for t in scene if t.size == "large"]
        assert split.classes[target] == f"{large.colour} {large.shape}"


@pytest.mark.parametrize("name", ["night_tqa", "crowd_caption"])
def test_splits_share_no_scene(name: str) -> None:
    style, _, task = name.partition("_")
    drawn = scenes_of(style, task, TRAIN + TEST, 0)
    assert len(set(drawn)) == TRAIN + TEST
    parts = SCENES[name](TRAIN, TEST, 32, 0)
    train, test = ({str(v) for v in zip(*part.texts.values(), part.images or part.texts["context"], strict=True)}
                   for part in parts.values())  # fmt: skip
    assert not train & test
