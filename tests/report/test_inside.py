"""Examples of a dataset, to be looked at."""

from __future__ import annotations

import base64
import io
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from orbweaver.data.split import Split
from orbweaver.report import inside


def picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 100), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


def split(images: list[bytes], targets: np.ndarray, **texts: list) -> Split:
    return Split("d", "some_task", ["a", "b", "c"], images, targets, "a licence", "an origin", texts=texts)


@pytest.fixture(autouse=True)
def some_task(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task whose examples tell the row that was asked for."""
    task = SimpleNamespace(example=lambda split, row: f"row {row}")
    monkeypatch.setattr(inside, "task", {"some_task": task}.__getitem__)


def test_one_example_a_class_with_its_picture() -> None:
    found = inside.examples(split([picture(shade) for shade in (0, 50, 100, 150)], np.array([2, 0, 0, 1])))
    assert [said for _, said in found] == ["row 1", "row 3", "row 0"]  # classes in turn
    shown = Image.open(io.BytesIO(base64.b64decode(found[0][0].removeprefix("data:image/png;base64,"))))
    assert shown.size == (64, 32) and shown.getpixel((0, 0)) == (50, 50, 50)


def test_texts_are_shown_without_a_picture() -> None:
    many = split([], np.zeros((20, 0)), question=["?"] * 20)
    assert inside.examples(many) == [("", f"row {row}") for row in range(inside.EXAMPLES)]


def test_quantiles_of_values() -> None:
    shown = inside.examples(split([], np.linspace(0, 1, 15), passage=["x"] * 15))
    assert [said for _, said in shown] == [f"row {row}" for row in range(0, 15, 2)]


def test_a_corpus_without_samples_has_no_example() -> None:
    assert inside.examples(split([], np.zeros((0, 0)))) == []
