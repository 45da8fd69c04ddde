"""Images as a PTM's input pixels: decoded once for all PTMs that crop and scale them alike."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path

import numpy as np
import torch
from timm.data import create_transform
from torch.utils.data import DataLoader, Dataset

from orbweaver.core.cache import Cache, kept
from orbweaver.core.device import workers
from orbweaver.core.errors import FileError
from orbweaver.core.files import atomic
from orbweaver.data.images import decode, open_image
from orbweaver.data.split import Split
from orbweaver.models.card import Preprocessing
from orbweaver.models.networks import transform

DECODERS = 2  # threads
KEPT = 2**30  # bytes; a split that needs more is decoded anew each time rather than kept


def _decoded(split: Split, config: Preprocessing, batch_size: int) -> Iterator[np.ndarray]:
    """Batches decoded in the background: the next one is made while the caller works on this one."""
    apply = transform(config)
    with ThreadPoolExecutor(DECODERS) as pool, ThreadPoolExecutor(1) as ahead:
        parts = [split.images[i : i + batch_size] for i in range(0, len(split), batch_size)]
        coming = ahead.submit(decode, parts[0], apply, pool, split.name)
        for part in parts[1:]:
            ready, coming = coming, ahead.submit(decode, part, apply, pool, split.name)
            yield ready.result()
        yield coming.result()


def _geometry(config: Preprocessing) -> Preprocessing:
    """What pixels depend on: PTMs that differ in mean and deviation alone share them."""
    return config.model_copy(update={"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)})


@kept("pixels", ".npy")
def _kept_pixels(path: Path, cache: Cache, split: Split, config: Preprocessing) -> None:
    with atomic(path) as temporary:
        out = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(split), *config.input_size))
        with open(temporary, "rb+") as file:  # reserves the space: on a full disk, writing to the map would crash
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        row = 0
        for images in _decoded(split, config, 256):
            out[row : row + len(images)] = images
            row += len(images)
        out.flush()


def pixels(split: Split, config: Preprocessing, cache: Cache) -> np.ndarray:
    """A whole split, uint8 (N, 3, H, W), memory-mapped from the cache; decoded into it on first use; PTMs share it."""
    # Copy on write: torch wants memory that it may write to.
    return np.load(_kept_pixels(cache, split, _geometry(config)), mmap_mode="c")


class Stream(Dataset):
    """Images that are decoded when asked for, in worker processes: for splits that are too large to keep as pixels.

    It stands where a tensor of all pixels would, uint8 (N, 3, H, W): `stream[rows]` is the stream of these rows.
    augment: a random crop (8 to 100 % of the area, sides 3:4 to 4:3) and a flip instead of the evaluation transform,
    drawn anew each time an image is asked for, from the seed that is asked for with it.
    """

    def __init__(self, split: Split, config: Preprocessing, augment: bool, rows: np.ndarray | None = None) -> None:
        self.split, self.config, self.augment = split, config, augment
        self.rows = np.arange(len(split)) if rows is None else rows
        self.apply = (
            create_transform(config.input_size, is_training=True, interpolation=config.interpolation, hflip=0.5,
                             color_jitter=None, use_prefetcher=True)
            if augment else transform(config)
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, asked: np.ndarray | tuple[int, int]) -> Stream | torch.Tensor | FileError:
        if not isinstance(asked, tuple):
            return Stream(self.split, self.config, self.augment, self.rows[asked])
        row, draw = asked
        random.seed(draw)  # seeds this worker process only
        torch.manual_seed(draw)
        try:
            image = open_image(self.split.images[int(self.rows[row])], self.split.name, int(self.rows[row]))
        except FileError as error:
            return error  # a DataLoader would wrap it in a traceback
        return torch.from_numpy(np.ascontiguousarray(self.apply(image)))

    def batches(self, wanted: Sequence[np.ndarray], draws: np.random.Generator) -> Iterator[torch.Tensor]:
        """The batches of these rows, in order; decoded ahead. Raises FileError for an image that cannot be read."""
        asked = [
            [*zip(batch.tolist(), draws.integers(2**31, size=len(batch)).tolist(), strict=True)] for batch in wanted
        ]
        loader = DataLoader(self, batch_sampler=asked, num_workers=workers(), collate_fn=_together,
                            pin_memory=torch.cuda.is_available(), prefetch_factor=4)  # fmt: skip
        for batch in loader:
            if isinstance(batch, FileError):
                raise batch
            yield batch


def look(whole: torch.Tensor | Stream, rows: np.ndarray | slice) -> torch.Tensor:
    """Some of the images, decoded in this process, uint8 (B, 3, H, W)."""
    if isinstance(whole, torch.Tensor):
        return whole[rows]
    encoded = [whole.split.images[int(i)] for i in whole.rows[rows]]
    with ThreadPoolExecutor(DECODERS) as pool:
        return torch.from_numpy(decode(encoded, whole.apply, pool, whole.split.name))


def _together(batch: list[torch.Tensor | FileError]) -> torch.Tensor | FileError:
    return next((one for one in batch if isinstance(one, FileError)), None) or torch.stack(batch)


def large(split: Split, config: Preprocessing) -> bool:
    return len(split) * prod(config.input_size) > KEPT


def images(split: Split, config: Preprocessing, cache: Cache, augment: bool = False) -> torch.Tensor | Stream:
    """A split to train or to measure on: its pixels, or a stream where they are too many or change each time.

    Of a dataset without images: blank pixels.
    """
    if not len(split.images):
        return torch.zeros((len(split), *config.input_size), dtype=torch.uint8)
    if augment or large(split, config):
        return Stream(split, config, augment)
    return torch.from_numpy(pixels(split, config, cache))


def batches(split: Split, config: Preprocessing, cache: Cache, batch_size: int) -> Iterator[np.ndarray]:
    """The split batch by batch, uint8 (B, 3, H, W), in bounded memory whatever its size."""
    if large(split, config):
        wanted = [np.arange(row, min(row + batch_size, len(split))) for row in range(0, len(split), batch_size)]
        for batch in Stream(split, config, False).batches(wanted, np.random.default_rng(0)):
            yield batch.numpy()
    else:
        whole = pixels(split, config, cache)
        for row in range(0, len(split), batch_size):
            yield whole[row : row + batch_size]
