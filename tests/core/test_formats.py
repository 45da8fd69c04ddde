"""Formats: readers refuse what is not whole, or not what was asked for."""

from __future__ import annotations

import resource
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from orbweaver.core.errors import FileError
from orbweaver.core.formats import hdf5
from orbweaver.core.formats.arrays import read_arrays, write_arrays
from orbweaver.core.formats.features import read_features, writing_features
from orbweaver.core.formats.labels import LabelEmbeddings, read_labels, write_labels
from orbweaver.core.formats.tables import csv_text, read_csv, read_published, write_csv
from orbweaver.core.workspace import Workspace

VALUES = np.zeros(4), "regression", {}  # of a file that is not finished: targets, task, what it was made from


def write_features(path: Path, rows: int = 4, fill: float = 1.0, **made_from: str) -> None:
    with writing_features(path, rows, np.arange(rows) % 2, "image_classification", made_from) as out:
        out["features"] = np.full((rows, 3), fill, np.float32)
        out["probabilities"] = np.full((rows, 2), 0.5, np.float32)


def test_features_come_back_with_equal_bytes(tmp_path: Path) -> None:
    write_features(tmp_path / "a.h5", ptm="p")
    write_features(tmp_path / "b.h5", ptm="p")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    found = read_features(tmp_path / "a.h5", {"ptm": "p"})
    assert found.features.shape == (4, 3)
    assert found.task == "image_classification"
    assert found.probabilities.shape == (4, 2) and found.targets.tolist() == [0, 1, 0, 1]


def test_what_the_disk_refuses_of_features_is_an_error(tmp_path: Path) -> None:
    """HDF5 on disk flushes an array when it is closed, and says nothing when that fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with (
            pytest.raises(RuntimeError, match="too large"),
            writing_features(tmp_path / "a.h5", 2000, np.zeros(2000), "regression", {}) as out,
        ):
            hdf5.put_empty(out, "features", (2000, 64), 64)
            for start in range(0, 2000, 64):
                out["features"][start : start + 64] = np.ones((min(64, 2000 - start), 64))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_features_of_another_checkpoint_are_refused(tmp_path: Path) -> None:
    write_features(tmp_path / "a.h5", ptm="p", checkpoint="1")
    with pytest.raises(FileError, match=r"a.h5: made from another checkpoint"):
        read_features(tmp_path / "a.h5", {"ptm": "p", "checkpoint": "2"})


@pytest.mark.parametrize("keep", [0, 10, 1000, 3000])
def test_truncated_features_are_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "a.h5"
    write_features(path, ptm="p")
    assert path.stat().st_size > keep
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FileError, match=r"a.h5: truncated or not a feature file"):
        read_features(path)


def test_foreign_unfinished_and_missing_features_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = [1]
    with pytest.raises(FileError, match=r"foreign.h5: not a complete feature file"):
        read_features(tmp_path / "foreign.h5")
    with (
        pytest.raises(ZeroDivisionError),
        writing_features(tmp_path / "half.h5", 4, np.zeros(4), "regression", {}) as out,
    ):
        out["features"] = np.ones((4, 3))
        raise ZeroDivisionError
    with pytest.raises(FileError, match=r"half.h5: not found"):
        read_features(tmp_path / "half.h5")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_features_are_refused(tmp_path: Path, bad: float) -> None:
    write_features(tmp_path / "a.h5", fill=bad)
    with pytest.raises(FileError, match=r"a.h5: 12 values of 'features' are NaN or infinite"):
        read_features(tmp_path / "a.h5")


def test_rows_that_do_not_add_up_are_refused(tmp_path: Path) -> None:
    with writing_features(tmp_path / "a.h5", 5, np.ones(4), "regression", {}) as out:
        out["features"] = np.ones((4, 3))
    with pytest.raises(FileError, match="says 5 rows but holds 4 features"):
        read_features(tmp_path / "a.h5")


def test_label_embeddings_come_back_and_bad_ones_are_refused(tmp_path: Path) -> None:
    made = LabelEmbeddings(np.eye(2, 3, dtype=np.float32), ["cat", "dog"], "class", {"encoder": "e"})
    write_labels(tmp_path / "a.h5", made)
    back = read_labels(tmp_path / "a.h5", {"encoder": "e"})
    np.testing.assert_array_equal(back.embeddings, made.embeddings)
    assert (back.texts, back.per, back.made_from) == (made.texts, made.per, made.made_from)
    with pytest.raises(FileError, match=r"a.h5: made from another encoder"):
        read_labels(tmp_path / "a.h5", {"encoder": "f"})
    write_labels(tmp_path / "b.h5", LabelEmbeddings(made.embeddings, ["cat"], "class", made.made_from))
    with pytest.raises(FileError, match="holds 2 embeddings of 1 texts"):
        read_labels(tmp_path / "b.h5")
    with pytest.raises(FileError, match="e: embeddings are NaN or infinite; take another text encoder"):
        write_labels(tmp_path / "c.h5", LabelEmbeddings(made.embeddings * np.nan, ["a", "b"], "class", made.made_from))


def test_arrays_come_back_and_damaged_ones_are_named(tmp_path: Path) -> None:
    write_arrays(tmp_path / "a.safetensors", x=np.arange(6.0).reshape(2, 3).T, y=np.zeros(0))
    back = read_arrays(tmp_path / "a.safetensors")
    assert back["x"].tolist() == [[0, 3], [1, 4], [2, 5]] and back["y"].shape == (0,)
    (tmp_path / "a.safetensors").write_bytes(b"x")
    for name in ("a", "b"):
        with pytest.raises(FileError, match=rf"{name}\.safetensors: missing or damaged"):
            read_arrays(tmp_path / f"{name}.safetensors")


def test_weights_are_written_as_torch_writes_them(tmp_path: Path) -> None:
    """Whatever lies in memory in another order, and scalars, which batch normalisation counts its batches in."""
    tensors = {
        "b.weight": torch.arange(24.0).reshape(2, 3, 2, 2).to(memory_format=torch.channels_last),
        "a.count": torch.tensor(3),
        "c": torch.arange(6.0, dtype=torch.float16).reshape(2, 3).T,
    }
    write_arrays(tmp_path / "ours", {"truth": "0.5"}, **{name: tensor.numpy() for name, tensor in tensors.items()})
    theirs = {name: tensor.contiguous() for name, tensor in tensors.items()}
    safetensors.torch.save_file(theirs, tmp_path / "theirs", metadata={"truth": "0.5"})
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


def test_csv_floats_have_twelve_digits_and_absent_ones_stay_absent(tmp_path: Path) -> None:
    table = pd.DataFrame({"name": ["a", "b"], "x": [1 / 3, np.nan], "n": [1, 2]})
    assert csv_text(table) == "name,x,n\na,0.333333333333,1\nb,,2\n"
    write_csv(table, tmp_path / "a.csv")
    back = read_csv(tmp_path / "a.csv", ["x"])
    assert back["x"].isna().tolist() == [False, True] and abs(back["x"][0] - 1 / 3) < 1e-12


def test_tables_that_are_not_ours_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="not found"):
        read_csv(tmp_path / "a.csv", ["x"])
    (tmp_path / "a.csv").write_text("")
    with pytest.raises(FileError, match="not a table"):
        read_csv(tmp_path / "a.csv", ["x"])
    (tmp_path / "a.csv").write_text("y\n1\n")
    with pytest.raises(FileError, match="has no column 'x'"):
        read_csv(tmp_path / "a.csv", ["x"])
    with pytest.raises(FileError, match=r"not found; `git checkout .*data/published"):
        read_published(Workspace(tmp_path).published / "a/truth.csv", ["x"])
