"""Data: every dataset, small. Splits share no image, bytes do not change, classes can be read."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from stages.data import CORPORA, DATASETS, games
from stages.data.images import stratified_split
from stages.data.sprites import SIZES
from stages.files import FileError, Images


def grey(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("L"), dtype=np.float32)


@pytest.fixture(scope="module", params=list(DATASETS))
def parts(request: pytest.FixtureRequest) -> dict[str, Images]:
    return DATASETS[request.param](40, 30, 32, 0)


def test_splits_have_what_was_asked_for(parts: dict[str, Images]) -> None:
    for split, count in (("train", 40), ("test", 30)):
        images = parts[split]
        assert len(images) == len(images.targets) == count
        assert {grey(i).shape for i in images.images} == {(32, 32)}
        assert images.licence
        assert images.origin
        if images.kind == "classification":
            assert len(set(images.classes)) == len(images.classes) >= 2
            assert all(name.strip() and not any(c in name for c in "_/") for name in images.classes)
            assert images.targets.min() >= 0
            assert images.targets.max() < len(images.classes)
        else:
            assert np.ptp(images.targets) > 0


def test_splits_share_no_image(parts: dict[str, Images]) -> None:
    assert not {*parts["train"].images} & {*parts["test"].images}
    assert len({*parts["train"].images}) == 40


@pytest.mark.parametrize("name", ["digits", "letters", "sprites_shape", "sprites_direction", "games_modern"])
def test_bytes_depend_on_the_seed_alone(name: str) -> None:
    first, again, other = (DATASETS[name](30, 20, 32, seed)["train"] for seed in (0, 0, 1))
    assert first.images == again.images
    assert first.images != other.images


def test_games_share_neither_games_nor_near_frames() -> None:
    assert not set(games.CLASSIC) & set(games.MODERN)
    parts = games.games_modern(60, 60, games.CROP, 0)
    train, test = (np.stack([games._thumbnail(grey(i)) for i in parts[s].images]) for s in ("train", "test"))
    for label in range(10):
        alike = test[parts["test"].targets == label] @ train[parts["train"].targets == label].T
        assert alike.max() <= games.NEAR


def test_direction_turns_hearts_and_nothing_else() -> None:
    parts = DATASETS["sprites_direction"](80, 8, 64, 0)
    classes, targets = parts["train"].classes, parts["train"].targets

    def hearts(direction: str) -> list[np.ndarray]:
        chosen = np.flatnonzero(targets == classes.index(direction))
        return [grey(parts["train"].images[row]) for row in chosen]

    def mass_above_middle(image: np.ndarray) -> float:  # the heart's lobes are wider than its tip
        rows = np.flatnonzero(image.sum(axis=1))
        middle = (rows[0] + rows[-1]) // 2
        return image[: middle + 1].sum() / image.sum()

    assert min(map(mass_above_middle, hearts("down"))) > 0.5 > max(map(mass_above_middle, hearts("up")))
    assert SIZES == (3, 6, 40, 32, 32)


def test_too_many_images_are_refused_by_name() -> None:
    with pytest.raises(FileError, match=r"dataset 'digits' has 1797 images; 1500 train \+ 500 test"):
        DATASETS["digits"](1500, 500, 32, 0)


def test_stratified_split_keeps_shares() -> None:
    labels = np.repeat([0, 1], [80, 20])
    train, test = stratified_split(labels, 50, 50, 0, "x")
    assert labels[train].sum() == labels[test].sum() == 10
    assert not set(train) & set(test)


def test_a_corpus_has_classes_and_no_images() -> None:
    imagenet = CORPORA["imagenet"]()["train"]
    assert len(imagenet) == 0
    assert len(imagenet.classes) == 1000
    assert imagenet.classes[0].startswith("tench")
