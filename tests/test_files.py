"""Files: writes are all or nothing, readers refuse what is not whole or not what was asked for."""

from __future__ import annotations

import resource
import types
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from stages import files
from stages.data.images import png


def images(n: int = 5, kind: str = "classification") -> files.Images:
    pixels = [png(np.full((8, 8), 10 * i, np.uint8)) for i in range(n)]
    targets = np.arange(n) % 2 if kind == "classification" else np.linspace(0, 1, n)
    return files.Images("toy", kind, ["no", "yes"] if kind == "classification" else [], pixels, targets, "MIT", "here")


def write_features(path: Path, rows: int = 4, fill: float = 1.0, **made_from: str) -> None:
    with files.features_writer(path, rows, made_from) as out:
        out.attrs["kind"] = "classification"
        out["features"] = np.full((rows, 3), fill, np.float32)
        out["probabilities"] = np.full((rows, 2), 0.5, np.float32)
        out["targets"] = np.arange(rows) % 2


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old")
    with pytest.raises(ZeroDivisionError), files.atomic(path) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    stale, alive = tmp_path / ".a.txt.999999999.tmp", tmp_path / ".a.txt.1.tmp"
    stale.touch()
    alive.touch()
    files.write_text(tmp_path / "a.txt", "new")
    assert sorted(tmp_path.iterdir()) == [alive, tmp_path / "a.txt"]


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_images_come_back_and_pandas_opens_them(tmp_path: Path, kind: str) -> None:
    path, split = tmp_path / "train.parquet", images(kind=kind)
    files.write_images(path, split)
    first = path.read_bytes()
    back = files.read_images(path)
    assert (back.name, back.kind, back.classes, back.licence) == ("toy", kind, split.classes, "MIT")
    assert back.images == split.images
    np.testing.assert_array_equal(back.targets, split.targets)
    assert back.digest == files.digest(path)
    frame = pd.read_parquet(path)
    assert frame["image"][1]["bytes"] == split.images[1]
    files.write_images(path, split)
    assert path.read_bytes() == first


def scenes(kind: str) -> files.Images:
    """Three samples of any kind, with what is awkward about it: unequal lists, quotes, no label at all."""
    targets: dict[str, np.ndarray] = {
        "classification": np.array([1, 0, 1]),
        "multilabel": np.array([[True, True], [False, False], [False, True]]),
        "regression": np.array([[0.5, -1.0], [0.25, 2.0], [0.0, 1e9]]),
        "vqa": np.array([1, 1, 0]),
        "grounding": np.array([[0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], [0.5, 0, 0.75, 0.125]]),
    }
    texts: dict[str, dict] = {
        "caption": {"captions": [["a red square"], ["two", 'three, "quoted"'], ["é"]]},
        "vqa": {"question": ["what?", "which one?", "is it?"]},
        "tqa": {
            "context": ["the square is red", "a", "b"],
            "question": ["which colour?", "?", "?"],
            "answers": [["red"], ["a", "A"], ["none"]],
            "starts": [[14], [0, -1], [-1]],
        },
        "grounding": {"phrase": ["all", "left", "right"]},
    }
    classes = ["no", "yes"] if kind in ("classification", "multilabel", "vqa") else []
    encoded = [] if kind == "tqa" else images(3).images
    return files.Images("toy", kind, classes, encoded, targets.get(kind, np.zeros((3, 0))), "MIT", "here",
                        texts=texts.get(kind, {}))  # fmt: skip


@pytest.mark.parametrize("kind", files.KINDS)
def test_every_kind_comes_back(tmp_path: Path, kind: str) -> None:
    path, split = tmp_path / "train.parquet", scenes(kind)
    files.write_images(path, split)
    first, back = path.read_bytes(), files.read_images(path)
    assert (back.kind, back.classes, back.images, back.texts) == (kind, split.classes, split.images, split.texts)
    assert (len(back), back.targets.dtype) == (3, split.targets.dtype)
    np.testing.assert_array_equal(back.targets, split.targets)
    assert back.rows.tolist() == ([0, 1, 1, 2] if kind == "caption" else [0, 1, 2])
    files.write_images(path, back)
    assert path.read_bytes() == first


def test_columns_are_those_of_the_convention(tmp_path: Path) -> None:
    def first_row(kind: str) -> dict:
        files.write_images(tmp_path / kind, scenes(kind))
        row = pd.read_parquet(tmp_path / kind).drop(columns="image", errors="ignore").iloc[0].to_dict()
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in row.items()}

    assert first_row("multilabel") == {"labels": [0, 1]}
    assert first_row("vqa") == {"question": "what?", "answer": "yes"}
    assert first_row("grounding") == {"phrase": "all", "box": [0, 0, 1, 1]}
    assert first_row("tqa")["answers"] == {"text": ["red"], "answer_start": [14]}


def test_columns_of_unequal_length_and_unknown_kinds_are_refused(tmp_path: Path) -> None:
    wrong = replace(scenes("vqa"), texts={"question": ["only one"]})
    with pytest.raises(files.FileError, match="dataset 'toy': 3 targets, but columns of"):
        files.write_images(tmp_path / "a.parquet", wrong)
    with pytest.raises(files.FileError, match="dataset 'toy': unknown kind 'video'"):
        files.write_images(tmp_path / "a.parquet", replace(scenes("vqa"), kind="video"))


def test_results_on_a_users_own_images_lie_apart() -> None:
    theirs = replace(images(), digest=files.USERS + "abc").take(np.array([0, 2]))
    assert files.room_of("features", theirs.digest) == "rank/features"
    assert files.room_of("features", "abc") == "features"


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"GIF89a" + b[6:]])
def test_damaged_parquet_is_named(tmp_path: Path, damage) -> None:
    path = tmp_path / "train.parquet"
    files.write_images(path, images())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(files.FileError, match=r"train.parquet: truncated or not Parquet"):
        files.read_images(path)


def test_foreign_and_missing_parquet(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(files.FileError, match="without Orbweaver's metadata"):
        files.read_images(tmp_path / "x.parquet")
    with pytest.raises(files.FileError, match="not found"):
        files.read_images(tmp_path / "y.parquet")


def test_features_come_back_with_equal_bytes(tmp_path: Path) -> None:
    write_features(tmp_path / "a.h5", ptm="p")
    write_features(tmp_path / "b.h5", ptm="p")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    found = files.read_features(tmp_path / "a.h5", {"ptm": "p"})
    assert found.features.shape == (4, 3)
    assert found.kind == "classification"


def test_what_the_disk_refuses_of_features_is_an_error(tmp_path: Path) -> None:
    """HDF5 on disk flushes an array when it is closed, and says nothing when that fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(RuntimeError, match="too large"), files.features_writer(tmp_path / "a.h5", 2000, {}) as out:
            files.put_empty(out, "features", (2000, 64), 64)
            for start in range(0, 2000, 64):
                out["features"][start : start + 64] = np.ones((min(64, 2000 - start), 64))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_features_of_another_checkpoint_are_refused(tmp_path: Path) -> None:
    write_features(tmp_path / "a.h5", ptm="p", checkpoint="1")
    with pytest.raises(files.FileError, match=r"a.h5: made from another checkpoint"):
        files.read_features(tmp_path / "a.h5", {"ptm": "p", "checkpoint": "2"})


@pytest.mark.parametrize("keep", [0, 10, 1000, 3000])
def test_truncated_features_are_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.h5"
    write_features(path, ptm="p")
    assert path.stat().st_size > keep
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(files.FileError, match=r"a.h5: truncated or not a feature file"):
        files.read_features(path)


def test_foreign_unfinished_and_missing_features_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(files.FileError, match=r"foreign.h5: not a complete feature file"):
        files.read_features(tmp_path / "foreign.h5")
    with pytest.raises(ZeroDivisionError), files.features_writer(tmp_path / "half.h5", 4, {}) as out:
        out["features"] = np.ones((4, 3))
        raise ZeroDivisionError
    with pytest.raises(files.FileError, match=r"half.h5: not found"):
        files.read_features(tmp_path / "half.h5")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_features_are_refused(tmp_path: Path, bad: float) -> None:
    write_features(tmp_path / "a.h5", fill=bad)
    with pytest.raises(files.FileError, match=r"a.h5: 12 values of 'features' are NaN or infinite"):
        files.read_features(tmp_path / "a.h5")


def test_rows_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    with files.features_writer(tmp_path / "a.h5", 5, {}) as out:
        out.attrs["kind"] = "classification"
        out["features"], out["targets"] = np.ones((4, 3)), np.ones(4)
    with pytest.raises(files.FileError, match="says 5 rows but holds 4 features"):
        files.read_features(tmp_path / "a.h5")


def test_tables_that_are_not_ours_are_named(tmp_path: Path) -> None:
    with pytest.raises(files.FileError, match="not found"):
        files.read_csv(tmp_path / "a.csv", ["x"])
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(files.FileError, match="not a table"):
        files.read_csv(tmp_path / "a.csv", ["x"])
    (tmp_path / "a.csv").write_text("y\n1\n")
    with pytest.raises(files.FileError, match="has no column 'x'"):
        files.read_csv(tmp_path / "a.csv", ["x"])
    with pytest.raises(files.FileError, match="not found; `git checkout data/published"):
        files.read_csv(files.PUBLISHED / "a/truth.csv", ["x"])


def test_code_version_sees_code_and_not_comments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def version(source: str) -> str:
        monkeypatch.setattr(files.inspect, "getsource", lambda module: source)
        return files.code_version(types.ModuleType("m"))

    assert version("a = 1  # one\n\n") == version("a = 1")
    assert version("a = 1") != version("a = 2")


def test_link_replaces_and_survives_the_loss_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("new")
    (tmp_path / "out").write_text("old")
    files.link(tmp_path / "kept", tmp_path / "out")
    (tmp_path / "kept").unlink()
    assert (tmp_path / "out").read_text() == "new"
