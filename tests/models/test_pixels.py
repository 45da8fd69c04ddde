"""Images as input pixels: as timm has them, kept or streamed alike, and named where they cannot be read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform

from orbweaver.core.cache import Cache
from orbweaver.core.errors import FileError
from orbweaver.data import split as splits
from orbweaver.data.split import Split
from orbweaver.models import networks, pixels
from orbweaver.models.pixels import Stream

from .splits import CONFIG, UNREADABLE, fifty_digits


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "store")


@pytest.fixture
def split() -> Split:
    return fifty_digits()


def test_normalise_is_what_timm_does() -> None:
    config = networks.preprocessing("test_efficientnet", 48)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 60, 3), dtype=np.uint8))
    theirs = create_transform(**config.model_dump())(image)
    ours = networks.normalise(torch.from_numpy(np.asarray(networks.transform(config)(image)))[None], config)[0]
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_pixels_are_kept_and_batches_equal_them(split: Split, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pixels.pixels(split, CONFIG, cache)
    assert whole.shape == (50, 3, 32, 32)
    assert len(list((cache.root / "pixels").rglob("*.npy"))) == 1
    np.testing.assert_array_equal(np.concatenate(list(pixels.batches(split, CONFIG, cache, 7))), whole)
    monkeypatch.setattr(pixels, "KEPT", 0)
    np.testing.assert_array_equal(np.concatenate(list(pixels.batches(split, CONFIG, cache, 7))), whole)


def test_ptms_that_differ_in_mean_and_deviation_share_pixels(split: Split, cache: Cache) -> None:
    other = CONFIG.model_copy(update={"mean": (0.1, 0.2, 0.3), "std": (0.5, 0.6, 0.7)})
    larger = CONFIG.model_copy(update={"input_size": (3, 48, 48)})
    for config in (CONFIG, other):
        pixels.pixels(split, config, cache)
    assert len(list((cache.root / "pixels").rglob("*.npy"))) == 1
    assert pixels.pixels(split, larger, cache).shape == (50, 3, 48, 48)


def test_an_unreadable_image_is_named(cache: Cache) -> None:
    with pytest.raises(FileError, match="dataset 'toy': image 0"):
        pixels.pixels(UNREADABLE, CONFIG, cache)
    assert not list(cache.root.rglob("*.npy"))


def test_a_stream_gives_the_pixels_that_are_kept(split: Split, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pixels.pixels(split, CONFIG, cache)
    monkeypatch.setattr(pixels, "KEPT", 0)
    monkeypatch.setattr(pixels, "workers", lambda: 2)
    stream = pixels.images(split, CONFIG, cache)
    assert isinstance(stream, Stream)
    rows = [np.array([3, 1, 40]), np.array([7])]
    for batch, wanted in zip(stream.batches(rows, np.random.default_rng(0)), rows, strict=True):
        np.testing.assert_array_equal(batch.numpy(), whole[wanted])
    np.testing.assert_array_equal(np.concatenate(list(pixels.batches(split, CONFIG, cache, 16))), whole)
    part = stream[np.array([5, 6])]
    assert len(part) == 2
    np.testing.assert_array_equal(
        next(iter(part.batches([np.array([1])], np.random.default_rng(0)))).numpy(), whole[6:7]
    )
    for some in (slice(4, 7), np.array([9, 2])):
        for images in (stream, torch.from_numpy(whole)):
            np.testing.assert_array_equal(pixels.look(images, some).numpy(), whole[some])


def test_augmentation_is_drawn_anew_and_repeatable(split: Split, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "workers", lambda: 2)
    stream = pixels.images(split, CONFIG, cache, augment=True)
    rows = [np.array([0, 0, 0, 1])]
    (first,), (again,), (other,) = (list(stream.batches(rows, np.random.default_rng(seed))) for seed in (0, 0, 1))
    assert first.shape == (4, *CONFIG.input_size)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    assert first.float().std() > 0


def test_an_unreadable_image_of_a_stream_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "workers", lambda: 1)
    with pytest.raises(FileError, match=r"^dataset 'toy': image 1 of the batch cannot be read"):
        list(Stream(UNREADABLE, CONFIG, False).batches([np.array([1])], np.random.default_rng(0)))


def test_images_of_a_large_file_are_read_when_asked_for(
    split: Split, cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "GROUP", 7)
    path = tmp_path / "x.parquet"
    splits.write_split(path, split)
    small = splits.read_split(path, cache)
    monkeypatch.setattr(splits, "WHOLE", 0)
    large = splits.read_split(path, cache)
    assert isinstance(large.images, splits.Rows)
    assert list(large.images) == small.images == list(split.images)
    assert large.images[-1] == small.images[-1]
    assert large.images[5:9] == small.images[5:9]
    with pytest.raises(IndexError):
        large.images[50]
    assert pickle.loads(pickle.dumps(large.images))[13] == small.images[13]  # noqa: S301 (our own, for a worker)
