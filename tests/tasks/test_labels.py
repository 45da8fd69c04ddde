"""F-labels: what each task writes of its targets, and the files that text encoders make of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from orbweaver.core.cache import Cache
from orbweaver.core.errors import FileError, LabelsError
from orbweaver.core.formats.labels import LabelEmbeddings, read_labels, write_labels
from orbweaver.core.settings import EncoderSettings, LabelsSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split, write_split
from orbweaver.models import text_encoders
from orbweaver.models.text_encoders import Encoder
from orbweaver.tasks import ZOO, task
from orbweaver.tasks.grounding import box_text
from orbweaver.tasks.labels import NEIGHBOURS, embed_labels
from stages import labels as stage

from .examples import both

P = LabelsSettings(pooling="masked_mean", template="a photo of a {}.", batch_size=32)


def texts_of(of: str, targets: object = (), classes: tuple = (), template: str = "{}", **texts: list) -> list[str]:
    return task(of).label_texts(Split("d", of, [*classes], [], np.asarray(targets), "", "", texts=texts), template)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return text_encoders.load("x", EncoderSettings(model="wordllama"))


def test_texts_by_task() -> None:
    names = ("water_lilly", "Pink-Yellow dahlia? ")
    assert texts_of("image_classification", classes=names) == [*names]  # as they are spelt
    photos = texts_of("multilabel", classes=("cat",), template="a photo of a {}.")
    assert photos == ["a photo of a cat."]
    assert texts_of("vqa", classes=("yes", "No"), template="the answer is {}.") == [
        "the answer is yes.",
        "the answer is No.",
    ]
    assert texts_of("caption", captions=[["A Dog."], ["two cats", "Cats"]]) == ["a dog.", "two cats", "cats"]
    assert texts_of("extractive_qa", answers=[["In Paris", "Paris"], [""]]) == ["In Paris", ""]
    assert texts_of("grounding", [[0.003, 0.02, 0.4081, 0.3069]]) == ["<3,20,408,307>"]
    assert texts_of("regression", np.zeros(3)) == texts_of("text_regression", np.zeros(3)) == []
    assert texts_of("text_multilabel", classes=("dull",), template="a {} film") == ["a dull film"]
    by_sample = {name for name in ZOO if task(name).label_rows == "sample"}
    assert by_sample == {"caption", "extractive_qa", "grounding"}
    assert {name for name in ZOO if task(name).label_rows == "nothing"} == {"regression", "text_regression"}


@pytest.mark.parametrize("box", [(0.5, 0, 0.4, 1), (-0.1, 0, 1, 1), (0, 0, 1, 30.0), (0, np.nan, 1, 1)])
def test_boxes_are_relative_and_in_order(box: tuple) -> None:
    with pytest.raises(LabelsError, match="is not left, top, right, bottom between 0 and 1"):
        box_text(np.array(box))


@pytest.mark.parametrize("of", ZOO)
def test_the_file_of_every_task(of: str, store: Cache, encoder: Encoder) -> None:
    split = both(of)[0]
    path = embed_labels(store, task(of), encoder, split, P, 1)
    found, once = read_labels(path, {"dataset": split.digest, "template": P.template}), path.read_bytes()
    assert found.per == task(of).label_rows
    assert found.texts == task(of).label_texts(split, P.template)
    assert len(found.embeddings) == len(found.texts)
    if found.texts:
        np.testing.assert_array_equal(found.embeddings, text_encoders.embed(encoder, found.texts))
    path.unlink()
    assert embed_labels(store, task(of), encoder, split, P, 1).read_bytes() == once


def test_classes_are_padded_together_and_samples_with_their_neighbours(store: Cache, encoder: Encoder) -> None:
    p = P.model_copy(update={"pooling": "padded_mean"})
    for of, together in (("image_classification", 3), ("caption", NEIGHBOURS)):
        found = read_labels(embed_labels(store, task(of), encoder, both(of)[0], p, 1))
        np.testing.assert_array_equal(found.embeddings, text_encoders.embed(encoder, found.texts, together))
        assert found.made_from["pooling"] == "padded_mean"


def test_another_encoder_pooling_or_template_is_another_file(store: Cache, encoder: Encoder) -> None:
    split = both("image_classification")[0]
    of = task("image_classification")
    paths = {
        embed_labels(store, of, encoder, split, P, 1),
        embed_labels(store, of, replace(encoder, weights="other"), split, P, 1),
        embed_labels(store, of, encoder, split, P.model_copy(update={"pooling": "padded_mean"}), 1),
        embed_labels(store, of, encoder, split, P.model_copy(update={"template": "{}"}), 1),
        embed_labels(store, of, encoder, replace(split, digest="other"), P, 1),
    }
    assert len(paths) == 5


def test_the_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.h5"
    labels = LabelEmbeddings(np.ones((2, 3), np.float32), ["é", ""], "class", {"encoder": "e", "dataset": "abc"})
    write_labels(path, labels)
    once = path.read_bytes()
    write_labels(path, labels)
    assert path.read_bytes() == once
    found = read_labels(path, {"dataset": "abc"})
    assert found.texts == labels.texts
    assert found.per == "class"
    assert np.array_equal(found.embeddings, labels.embeddings)
    with pytest.raises(FileError, match=r"labels.h5: made from another dataset than asked for"):
        read_labels(path, {"dataset": "xyz"})
    with pytest.raises(FileError, match=r"none.h5: not found"):
        read_labels(tmp_path / "none.h5")
    with h5py.File(path, "a") as file:
        del file.attrs["complete"]
    with pytest.raises(FileError, match="not a complete file of F-labels"):
        read_labels(path)
    path.write_bytes(once[: len(once) // 2])
    with pytest.raises(FileError, match="truncated or not a file of F-labels"):
        read_labels(path)
    with pytest.raises(FileError, match="e: embeddings are NaN or infinite"):
        write_labels(path, LabelEmbeddings(np.full((1, 2), np.inf), ["a"], "class", {"encoder": "e"}))


def test_the_stage_writes_every_target_the_same_twice(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, place = ["tiny", "large"], Workspace(workspace)
    for name, of, classes, targets in [
        ("digits", "image_classification", names, np.array([0, 1])),
        ("sprites_scale", "regression", [], np.array([0.5, 0.1])),
    ]:
        write_split(place.split("targets", name, "train"), Split(name, of, classes, [b"", b""], targets, "", ""))
    monkeypatch.setattr(sys, "argv", ["labels", "wordllama"])
    stage.main()
    path = place.labels("wordllama", "digits")
    once = path.read_bytes()
    found = read_labels(path)
    assert (found.texts, found.per, found.embeddings.shape) == (names, "class", (2, 256))
    nothing = read_labels(place.labels("wordllama", "sprites_scale"))
    assert (nothing.texts, nothing.per, len(nothing.embeddings)) == ([], "nothing", 0)
    for finished in (place.store / "labels").rglob("*.h5"):
        finished.unlink()
    stage.main()
    assert path.read_bytes() == once
