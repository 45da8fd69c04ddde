"""What every reader returns: samples, each with its target in final form; and a split made of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from orbweaver.core.errors import FileError
from orbweaver.data.images import Encoded, size_of
from orbweaver.data.split import Split, relative_boxes


class Sample(NamedTuple):
    """image: a file, or a function that gives encoded bytes, or None (text).

    target: class index; list of the indices of the classes that apply; number, or list of numbers; or None, where the
    target is texts or a box. box: x, y, width and height in pixels. texts: as `Split.texts`, of this sample.
    """

    image: Path | Callable[[], bytes] | None
    target: Any
    texts: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    box: list[float] | None = None


# Class names in label order (answers, for questions; none for texts and values), and samples by split.
Parts = tuple[list[str], dict[str, list[Sample]]]


def readable(name: str) -> str:
    """A class name as people write it: `001.Black_footed_Albatross` is Black footed Albatross."""
    return re.sub(r"[_/]+", " ", re.sub(r"^(n\d{8}-|\d{3}\.)", "", name)).strip()


def lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank. Raises FileError when it is not there.

    Nothing but "\n" (or "\r\n") ends a line: sentences that people wrote hold form feeds, lone carriage returns and
    Unicode's line separators.
    """
    try:
        text = path.read_bytes().decode(errors="replace")  # as text, a lone "\r" would become a "\n"
        return [line for each in text.split("\n") if (line := each.removesuffix("\r")).strip()]
    except FileNotFoundError:
        raise FileError(f"{path}: not found; is the dataset unpacked there completely?") from None


def targets_of(samples: list[Sample], classes: list[str]) -> np.ndarray:
    """The samples' targets as `Split` has them; (N, 0) where they have none, or boxes."""
    targets = [sample.target for sample in samples]
    if not targets or targets[0] is None:
        return np.zeros((len(samples), 0))
    if classes and isinstance(targets[0], list):
        present = np.zeros((len(samples), len(classes)), bool)
        for row, labels in enumerate(targets):
            present[row, labels] = True
        return present
    return np.array(targets, np.int64 if isinstance(targets[0], int) else np.float64)


def split_of(samples: list[Sample], classes: list[str], **about: str) -> Split:
    """A split of these samples, whose images stay where they are. about: name, task, licence, origin and family."""
    images = Encoded(sample.image for sample in samples if sample.image is not None)
    targets = targets_of(samples, classes)
    if samples and samples[0].box is not None:
        sizes = np.array([size_of(image) for image in images])
        targets = relative_boxes(np.array([sample.box for sample in samples]), sizes)
    texts = {key: [sample.texts[key] for sample in samples] for key in (samples[0].texts if samples else {})}
    return Split(classes=classes, images=images, targets=targets, texts=texts, **about)
