"""Data: every dataset, small. Splits share no image, bytes do not change, classes can be read."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from stages.data import CORPORA, DATASETS, games
from stages.data.images import stratified_split
from stages.data.scenes import SCENES
from stages.files import FileError, Images


def grey(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("L"), dtype=np.float32)


@pytest.fixture(scope="module", params=[name for name in DATASETS if name not in SCENES])  # theirs: test_scenes
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


def test_direction_is_where_the_hearts_point() -> None:
    parts = DATASETS["sprites_direction"](120, 8, 64, 0)["train"]

    def lobes(image: np.ndarray) -> np.ndarray:
        """Unit vector (down, right) of the third moment about the centre of mass: a heart's is drawn by its lobes."""
        place = np.stack(np.mgrid[:64, :64])
        place = place - (place * image).sum(axis=(1, 2), keepdims=True) / image.sum()
        moment = (image * (place**2).sum(axis=0) * place).sum(axis=(1, 2))
        return moment / np.linalg.norm(moment)

    away = np.array([lobes(grey(encoded)) for encoded in parts.images])
    for direction, axis in {"down": (1, 0), "left": (0, -1), "up": (-1, 0), "right": (0, 1)}.items():
        assert (away[parts.targets == parts.classes.index(direction)] @ axis).max() < -np.cos(np.pi / 4) + 0.1


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
