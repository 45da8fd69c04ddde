"""Data: every dataset, small. Splits share no image, bytes do not change, classes can be read."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orbweaver.core.errors import FileError, UnknownName, UserError
from orbweaver.core.settings import DatasetSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.datasets import CORPORA, DATASETS, TASKS_OF, check, make, write
from orbweaver.data.generated import games
from orbweaver.data.generated.scenes import SCENES
from orbweaver.data.split import Split, read_dataset
from orbweaver.tasks import ZOO
from tests.data.test_standard_data import MADE


def grey(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("L"), dtype=np.float32)


# The others': test_scenes, test_standard_data, test_texts.
ELSEWHERE = {*SCENES, *MADE, *(name for name, one in DATASETS.items() if one.task == "text_classification")}


@cache
def made(name: str) -> dict[str, Split]:
    return DATASETS[name].make(40, 30, 32, 0)


@pytest.fixture(scope="module", params=[name for name in DATASETS if name not in ELSEWHERE])
def parts(request: pytest.FixtureRequest) -> dict[str, Split]:
    return made(request.param)


def test_splits_have_what_was_asked_for(parts: dict[str, Split]) -> None:
    for split, count in (("train", 40), ("test", 30)):
        images = parts[split]
        assert len(images) == len(images.targets) == count
        assert {grey(i).shape for i in images.images} == {(32, 32)}
        assert images.licence
        assert images.origin
        assert (images.task, images.family) == (DATASETS[images.name].task, DATASETS[images.name].family)
        if images.task == "image_classification":
            assert len(set(images.classes)) == len(images.classes) >= 2
            assert all(name.strip() and not any(c in name for c in "_/") for name in images.classes)
            assert images.targets.min() >= 0
            assert images.targets.max() < len(images.classes)
        else:
            assert np.ptp(images.targets.astype(float)) > 0


def test_splits_share_no_image(parts: dict[str, Split]) -> None:
    assert not {*parts["train"].images} & {*parts["test"].images}
    assert len({*parts["train"].images}) == 40


@pytest.mark.parametrize("name", ["digits", "letters", "sprites_shape", "sprites_direction", "games_modern"])
def test_bytes_depend_on_the_seed_alone(name: str) -> None:
    again, other = (DATASETS[name].make(40, 30, 32, seed)["train"] for seed in (0, 1))
    first = made(name)["train"]
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
    parts = DATASETS["sprites_direction"].make(120, 8, 64, 0)["train"]

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
        DATASETS["digits"].make(1500, 500, 32, 0)


def test_a_corpus_has_classes_and_no_images() -> None:
    imagenet = CORPORA["imagenet"]()["train"]
    assert len(imagenet) == 0
    assert len(imagenet.classes) == 1000
    assert imagenet.classes[0].startswith("tench")
    assert (imagenet.task, imagenet.family) == ("image_classification", "photographs")


def test_scenes_are_of_the_task_that_the_registry_says() -> None:
    for name in SCENES:
        split = DATASETS[name].make(4, 2, 16, 0)["test"]
        assert (split.name, split.task, split.family) == (name, DATASETS[name].task, "scenes")
    assert {DATASETS[name].task for name in SCENES} == {"image_classification", "caption", "vqa", "extractive_qa",
                                                        "grounding"}  # fmt: skip


def test_every_dataset_is_of_a_known_task() -> None:
    assert {*TASKS_OF.values()} <= {*ZOO}
    assert (TASKS_OF["voc2007"], TASKS_OF["solar_defect"], TASKS_OF["night_tqa"]) == (
        "multilabel", "regression", "extractive_qa")  # fmt: skip
    assert not {*TASKS_OF} & {*CORPORA}


def test_a_dataset_is_written_below_the_workspace_under_its_role(tmp_path: Path) -> None:
    workspace, settings = Workspace(tmp_path), DatasetSettings(train=20, test=12, image_size=16)
    write(workspace, "targets", "sprites_scale", settings, 3)
    made = make("sprites_scale", settings, 3, workspace)
    for split in ("train", "test"):
        back = read_dataset(workspace, "targets", "sprites_scale", split)
        assert list(back.images) == list(made[split].images) and back.targets.tolist() == made[split].targets.tolist()
        assert (back.task, back.family) == ("image_classification", "sprites")
    assert sorted(p.name for p in tmp_path.rglob("*.parquet")) == ["test.parquet", "train.parquet"]
    with pytest.raises(UnknownName, match="unknown dataset 'sprites_scales': did you mean 'sprites_scale'"):
        make("sprites_scales", settings, 3, workspace)
    with pytest.raises(UserError, match="'sprites_scale' needs 'train' and 'test', the numbers"):
        make("sprites_scale", DatasetSettings(train=20), 3, workspace)


def test_what_is_here_is_told_of_what_comes_from_elsewhere(tmp_path: Path) -> None:
    told = check(Workspace(tmp_path), ["digits", "pet", "aid"]).splitlines()
    assert [line.split()[0] for line in told] == ["pet", "aid"]
    assert "missing" in told[0] and "811.1 MB" in told[0] and "to be placed" in told[1]
    assert len(check(Workspace(tmp_path), ["digits"]).splitlines()) > 30  # the whole catalogue
