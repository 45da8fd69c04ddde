"""Splits and their Parquet files: what was written comes back, and what is not whole is refused."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orbweaver.core.cache import Cache
from orbweaver.core.errors import FileError
from orbweaver.core.files import digest
from orbweaver.data import split as module
from orbweaver.data.images import Encoded, png
from orbweaver.data.split import Split, read_split, relative_boxes, write_split

TASKS = ("image_classification", "multilabel", "regression", "caption", "vqa", "extractive_qa", "grounding")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "store")


def images(n: int = 5, task: str = "image_classification") -> Split:
    pixels = [png(np.full((8, 8), 10 * i, np.uint8)) for i in range(n)]
    classified = task == "image_classification"
    targets = np.arange(n) % 2 if classified else np.linspace(0, 1, n)
    return Split("toy", task, ["no", "yes"] if classified else [], pixels, targets, "MIT", "here", "toys")


@pytest.mark.parametrize("task", ["image_classification", "regression"])
def test_images_come_back_and_pandas_opens_them(tmp_path: Path, cache: Cache, task: str) -> None:
    path, split = tmp_path / "train.parquet", images(task=task)
    write_split(path, split)
    first = path.read_bytes()
    back = read_split(path, cache)
    assert (back.name, back.task, back.classes, back.licence) == ("toy", task, split.classes, "MIT")
    assert (back.origin, back.family) == ("here", "toys")
    assert back.images == split.images
    np.testing.assert_array_equal(back.targets, split.targets)
    assert back.digest == digest(path)
    frame = pd.read_parquet(path)
    assert frame["image"][1]["bytes"] == split.images[1]
    write_split(path, split)
    assert path.read_bytes() == first


def scenes(task: str) -> Split:
    """Three samples of any task, with what is awkward about it: unequal lists, quotes, no label at all."""
    targets: dict[str, np.ndarray] = {
        "image_classification": np.array([1, 0, 1]),
        "multilabel": np.array([[True, True], [False, False], [False, True]]),
        "regression": np.array([[0.5, -1.0], [0.25, 2.0], [0.0, 1e9]]),
        "vqa": np.array([1, 1, 0]),
        "grounding": np.array([[0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], [0.5, 0, 0.75, 0.125]]),
    }
    texts: dict[str, dict] = {
        "caption": {"captions": [["a red square"], ["two", 'three, "quoted"'], ["é"]]},
        "vqa": {"question": ["what?", "which one?", "is it?"]},
        "extractive_qa": {
            "context": ["the square is red", "a", "b"],
            "question": ["which colour?", "?", "?"],
            "answers": [["red"], ["a", "A"], ["none"]],
            "starts": [[14], [0, -1], [-1]],
        },
        "grounding": {"phrase": ["all", "left", "right"]},
    }
    classes = ["no", "yes"] if task in ("image_classification", "multilabel", "vqa") else []
    encoded = [] if task == "extractive_qa" else images(3).images
    return Split("toy", task, classes, encoded, targets.get(task, np.zeros((3, 0))), "MIT", "here",
                        texts=texts.get(task, {}))  # fmt: skip


@pytest.mark.parametrize(
    "task", ["image_classification", "multilabel", "regression", "caption", "vqa", "extractive_qa", "grounding"]
)
def test_every_task_comes_back(tmp_path: Path, cache: Cache, task: str) -> None:
    path, split = tmp_path / "train.parquet", scenes(task)
    write_split(path, split)
    first, back = path.read_bytes(), read_split(path, cache)
    assert (back.task, back.classes, back.images, back.texts) == (task, split.classes, split.images, split.texts)
    assert (len(back), back.targets.dtype) == (3, split.targets.dtype)
    np.testing.assert_array_equal(back.targets, split.targets)
    write_split(path, back)
    assert path.read_bytes() == first


def test_columns_are_those_of_the_convention(tmp_path: Path) -> None:
    def first_row(task: str) -> dict:
        write_split(tmp_path / task, scenes(task))
        row = pd.read_parquet(tmp_path / task).drop(columns="image", errors="ignore").iloc[0].to_dict()
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}

    assert first_row("multilabel") == {"labels": [0, 1]}
    assert first_row("vqa") == {"question": "what?", "label": 1}
    assert first_row("grounding") == {"phrase": "all", "target": [0, 0, 1, 1]}
    assert first_row("extractive_qa") == {"context": "the square is red", "question": "which colour?",
                                          "answers": ["red"], "starts": [14]}  # fmt: skip
    assert first_row("caption") == {"captions": ["a red square"]}
    assert first_row("regression") == {"target": [0.5, -1.0]}


def test_columns_of_unequal_length_are_refused(tmp_path: Path) -> None:
    wrong = replace(scenes("vqa"), texts={"question": ["only one"]})
    with pytest.raises(FileError, match="dataset 'toy': 3 targets, but columns of"):
        write_split(tmp_path / "a.parquet", wrong)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"GIF89a" + b[6:]])
def test_damaged_parquet_is_named(tmp_path: Path, cache: Cache, damage) -> None:
    path = tmp_path / "train.parquet"
    write_split(path, images())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FileError, match=r"train.parquet: truncated or not Parquet"):
        read_split(path, cache)


def test_foreign_and_missing_parquet(tmp_path: Path, cache: Cache) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(FileError, match="without Orbweaver's metadata"):
        read_split(tmp_path / "x.parquet", cache)
    with pytest.raises(FileError, match="not found"):
        read_split(tmp_path / "y.parquet", cache)


def test_a_split_in_part_is_known_by_the_part() -> None:
    split = replace(scenes("grounding"), digest="abc")
    part = split.take(np.array([2, 0]))
    assert (part.texts["phrase"], part.targets.tolist()) == (["right", "all"], split.targets[[2, 0]].tolist())
    assert part.images == [split.images[2], split.images[0]]
    assert len({part.fingerprint, split.fingerprint, split.take(np.array([0, 2])).fingerprint}) == 3
    assert split.take(np.arange(3)) is split
    never = Encoded([lambda: pytest.fail("was not asked for"), *split.images[1:]])  # images stay where they are
    assert list(replace(split, images=never).take(np.array([2, 1])).images) == [split.images[2], split.images[1]]
    assert len(replace(split, images=never).take(np.array([0])).images) == 1


def test_boxes_are_shares_of_their_image() -> None:
    boxes = relative_boxes(np.array([[10, 5, 20, 10], [-5, 0, 300, 10]]), np.array([[100, 50], [200, 10]]))
    np.testing.assert_allclose(boxes, [[0.1, 0.1, 0.3, 0.3], [0, 0, 1, 1]])


def test_images_of_a_large_file_are_read_when_asked(
    tmp_path: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WHOLE", 0)
    monkeypatch.setattr(module, "GROUP", 2)
    split = images(7)
    write_split(tmp_path / "train.parquet", split)
    back = read_split(tmp_path / "train.parquet", cache)
    assert isinstance(back.images, module.Rows)
    assert list(back.images) == split.images and back.images[-1] == split.images[6]
    assert back.images[3:6] == split.images[3:6]
    (tmp_path / "train.parquet").unlink()  # what is mapped is the cache's copy
    assert back.images[4] == split.images[4]
    assert pickle.loads(pickle.dumps(back.images))[5] == split.images[5]  # noqa: S301 (our own)
    assert len(list((cache.root / "images").rglob("*.arrow"))) == 1
