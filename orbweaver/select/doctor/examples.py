"""A few samples of one's own data, to look at."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from orbweaver.data.images import in_colour
from orbweaver.data.split import Split

EXAMPLES, SIDE, LETTERS = 12, 112, 180


@dataclass(frozen=True)
class Example:
    """A sample to look at: `picture` a data URI, or `text`; and what it is labelled."""

    label: str
    picture: str = ""
    text: str = ""


@dataclass(frozen=True)
class Shown:
    """What figures and the page need beside the table: scores and the probe's results on half-samples, examples."""

    halves: pd.DataFrame
    levels: pd.DataFrame
    examples: list[Example]
    classes: list[str]


def examples(split: Split, classes: list[str]) -> list[Example]:
    """A few samples, spread over the classes in turn or over the values."""
    targets = split.targets
    if targets.ndim == 1 and split.classes:
        rows = [np.flatnonzero(targets == label) for label in range(len(split.classes))]
        turn = [of[k] for k in range(EXAMPLES) for of in rows if k < len(of)]
        chosen = turn[:EXAMPLES]
    else:
        order = np.argsort(targets) if targets.ndim == 1 else np.arange(len(split))
        chosen = order[np.linspace(0, len(split) - 1, min(EXAMPLES, len(split))).astype(int)].tolist()
    return [_example(split, int(row)) for row in chosen]


def _example(split: Split, row: int) -> Example:
    target = split.targets[row]
    if not split.classes:
        label = ", ".join(f"{value:.3g}" for value in np.atleast_1d(target))
    else:
        label = split.classes[target] if np.ndim(target) == 0 else ", ".join(np.array(split.classes)[target]) or "none"
    if not len(split.images):
        text = " / ".join(str(values[row]) for values in split.texts.values())
        return Example(label, text=text if len(text) <= LETTERS else text[:LETTERS] + "…")
    with Image.open(io.BytesIO(split.images[row])) as image:
        small = in_colour(image)
        small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return Example(label, picture="data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode())
