"""Feature files: the same bytes twice, a row each row of the task, and no NaN in them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from orbweaver.core.cache import Cache
from orbweaver.core.errors import FileError
from orbweaver.core.formats.features import Features, read_features
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split
from orbweaver.methods import METHODS
from orbweaver.tasks import ZOO, task
from orbweaver.tasks.base import PTM
from orbweaver.tasks.extract import extract, made_from
from orbweaver.tasks.stored import Stored

from ..models.splits import CONFIG, Hungry, fifty_digits, network
from .examples import MakePtm, both, broken, scenes, trained

IMAGE = task("image_classification")


@pytest.mark.parametrize("of", ZOO)
def test_features_of_every_task_are_the_same_bytes_twice(of: str, ptm_for: MakePtm, store: Cache) -> None:
    ptm, (train, _) = ptm_for(of), both(of)
    of_ptm = task(ptm.card.task)
    path = extract(store, of_ptm, ptm, train, 16, 1)
    found, once = read_features(path, made_from(ptm.card, train)), path.read_bytes()
    rows = task(of).rows(train)
    assert found.features.shape == (len(rows), ptm.card.feature_width)
    assert found.features.dtype == np.float32
    assert found.features.std(0).max() > 0
    np.testing.assert_array_equal(found.targets, train.targets[rows])
    assert (found.task, found.made_from["ptm"]) == (of, ptm.card.name)
    if ptm.card.task in ("image_classification", "vqa", "text_classification"):
        np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-5)
        assert found.probabilities.shape == (len(rows), len(ptm.card.source_classes))
    else:
        assert found.probabilities is None
    path.unlink()
    assert extract(store, of_ptm, ptm, train, 16, 1) == path
    assert path.read_bytes() == once
    with pytest.raises(FileError, match="made from another dataset than asked for"):
        read_features(path, made_from(ptm.card, replace(train, digest="other")))


def test_batches_change_nothing_but_the_last_bits(ptm_for: MakePtm, store: Cache) -> None:
    for of in ("image_classification", "caption"):
        ptm, (train, _) = ptm_for(of), both(of)
        whole, parts = (read_features(extract(store, task(of), ptm, train, size, 1)) for size in (100, 5))
        np.testing.assert_allclose(whole.features, parts.features, rtol=1e-4, atol=1e-5)


def test_a_caption_is_a_row(ptm_for: MakePtm, store: Cache) -> None:
    """Rows of one picture differ, and each is what its caption alone would give."""
    ptm, train = ptm_for("caption"), scenes("caption", 16)["train"]
    assert task("caption").rows(train).tolist() == [i for i in range(16) for _ in range(2)]
    found = read_features(extract(store, task("caption"), ptm, train, 16, 1)).features
    assert np.abs(found[::2] - found[1::2]).max() > 1e-3
    second = replace(train, texts={"captions": [texts[1:] for texts in train.texts["captions"]]}, digest="second ones")
    alone = read_features(extract(store, task("caption"), ptm, second, 16, 1)).features
    np.testing.assert_allclose(alone, found[1::2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("of", ["image_classification", "extractive_qa"])
def test_features_that_are_no_numbers_are_refused(of: str, tmp_path: Path, store: Cache) -> None:
    ptm = broken(trained(Workspace(tmp_path), of, "broken"))
    train = replace(both(of)[0], name="mine")
    with pytest.raises(FileError, match="broken on dataset 'mine': features of rows 0 to 8 are NaN or infinite"):
        extract(store, task(of), ptm, train, 8, 1)
    assert not list(store.root.rglob("*.h5"))


# --- little memory, low precision ------------------------------------------------------------------------------------


@pytest.fixture
def split() -> Split:
    return fifty_digits()


def extracted(
    model: torch.nn.Module, split: Split, store: Cache, monkeypatch: pytest.MonkeyPatch, ptm: Stored
) -> Features:
    """Features that a given network has of a split, computed anew."""
    monkeypatch.setattr(IMAGE, "load", lambda card, folder: PTM(model, CONFIG))
    extract.__wrapped__(path := store.root / "features.h5", store, IMAGE, ptm, split, 16, 1)
    return read_features(path)


@pytest.mark.filterwarnings("ignore:out of memory")
def test_a_batch_that_does_not_fit_is_halved(
    split: Split, store: Cache, monkeypatch: pytest.MonkeyPatch, ptm_for: MakePtm
) -> None:
    ptm = ptm_for("image_classification")
    whole = extracted(network(), split, store, monkeypatch, ptm)
    hungry = Hungry(network(), 5)
    halved = extracted(hungry, split, store, monkeypatch, ptm)
    assert hungry.seen[:4] == [16, 8, 4, 4]
    assert max(hungry.seen[2:]) == 4  # remembered for the batches that follow
    np.testing.assert_allclose(halved.features, whole.features, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(halved.probabilities, whole.probabilities, rtol=1e-5, atol=1e-6)
    with pytest.raises(torch.OutOfMemoryError):
        extracted(Hungry(network(), 0), split, store, monkeypatch, ptm)


@pytest.mark.parametrize("method", ["h_score_shrunk", "logme", "gbc"])
def test_bfloat16_is_for_training_since_features_in_it_move_scores(
    split: Split, store: Cache, monkeypatch: pytest.MonkeyPatch, ptm_for: MakePtm, method: str
) -> None:
    """The reason why extraction has no precision: how far scores move is known, and is not nothing."""
    exact = extracted(network(), split, store, monkeypatch, ptm_for("image_classification")).features
    rounded = torch.from_numpy(exact).bfloat16().float().numpy()
    scores = [METHODS[method](features=f, labels=split.targets) for f in (exact, rounded)]
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], rel=0.2)
