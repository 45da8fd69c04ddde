"""What a target says, as text: one row a class, or one row a sample."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from stages.errors import UserError

PER = {
    "classification": "class",
    "multilabel": "class",
    "vqa": "class",
    "caption": "sample",
    "tqa": "sample",
    "grounding": "sample",
    "regression": "nothing",  # a number is its own label
}
BOX_UNITS = 1000


class LabelsError(UserError):
    """A target cannot be written as text, or a text encoder cannot be had."""


class Split(Protocol):
    """What is read of a dataset's split, whatever its samples are."""

    name: str
    kind: str
    classes: list[str]
    targets: np.ndarray
    texts: dict[str, list]


def texts_of(split: Split, template: str = "{}") -> list[str]:
    """The texts that stand for a split's targets, by its kind.

    classification, multilabel: the class names as the dataset spells them (underscores and slashes too, as in the
        published lists), in label order, each put in the place of {} in `template`.
    vqa: the answers that are classes, plain, in label order.
    caption: every caption, lower-cased; one row an (image, caption) pair. tqa: each sample's first answer, plain.
    grounding: each sample's box as `box_text`; targets (N, 4).
    regression: none; a number is its own label.

    The published code has classification and captions only; the rest is our choice after the paper's figure, which
    writes every label as text, boxes as "<3,20,408,307>".
    """
    if split.kind in ("classification", "multilabel"):
        return [template.replace("{}", name) for name in split.classes]
    if split.kind == "vqa":
        return list(split.classes)
    if split.kind == "caption":
        return [text.lower() for captions in split.texts["captions"] for text in captions]
    if split.kind == "tqa":
        return [answers[0] for answers in split.texts["answers"]]
    if split.kind == "grounding":
        return [box_text(box) for box in split.targets]
    if split.kind == "regression":
        return []
    raise LabelsError(f"dataset '{split.name}': targets of kind '{split.kind}' have no form as text")


def box_text(box: np.ndarray) -> str:
    """A box as "<left,top,right,bottom>", each in thousandths of the image's width or height, rounded.

    box (4,): left, top, right, bottom relative to the image, 0 to 1. Relative, so that a text does not depend on the
    size at which an image is stored; thousandths, so that no box of an image up to 1,000 pixels loses its place.
    Raises LabelsError for coordinates outside the image or out of order.
    """
    left, top, right, bottom = (float(side) for side in box)
    if not (0 <= left <= right <= 1 and 0 <= top <= bottom <= 1):
        raise LabelsError(f"box ({left}, {top}, {right}, {bottom}) is not left, top, right, bottom between 0 and 1")
    return "<" + ",".join(str(round(side * BOX_UNITS)) for side in (left, top, right, bottom)) + ">"
