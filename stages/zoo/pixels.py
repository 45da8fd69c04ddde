"""Images as a PTM's input pixels: decoded once for all PTMs that look at them alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path

import numpy as np
import PIL
import timm

from stages import files
from stages.data.images import decode
from stages.zoo.cards import Preprocessing
from stages.zoo.models import transform

DECODERS = 2  # threads
KEPT = 2**30  # bytes; a split that needs more is decoded anew each time rather than kept


def _decoded(split: files.Images, config: Preprocessing, batch_size: int) -> Iterator[np.ndarray]:
    """Batches decoded in the background: the next one is made while the caller works on this one."""
    apply = transform(config)
    with ThreadPoolExecutor(DECODERS) as pool, ThreadPoolExecutor(1) as ahead:
        parts = [split.images[i : i + batch_size] for i in range(0, len(split), batch_size)]
        coming = ahead.submit(decode, parts[0], apply, pool, split.name)
        for part in parts[1:]:
            ready, coming = coming, ahead.submit(decode, part, apply, pool, split.name)
            yield ready.result()
        yield coming.result()


def kept_pixels(split_digest: str, config: Preprocessing) -> Path:
    """Where the store keeps a split's pixels, which depend on the geometry of a preprocessing and not on the PTM."""
    geometry = config.model_dump(mode="json", exclude={"mean", "std"})
    versions = (PIL.__version__, timm.__version__, files.code_version(sys.modules[__name__]))
    return files.stored("pixels", files.key_of(versions, split_digest, geometry), ".npy")


def pixels(split: files.Images, config: Preprocessing) -> np.ndarray:
    """A whole split, uint8 (N, 3, H, W), memory-mapped from the store; decoded into it on first use; PTMs share it."""
    kept = kept_pixels(split.digest, config)
    if not kept.exists():
        with files.atomic(kept) as temporary:
            out = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(split), *config.input_size))
            with open(temporary, "rb+") as file:  # where the disk is full, writing to the map is a crash
                os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
            row = 0
            for images in _decoded(split, config, 256):
                out[row : row + len(images)] = images
                row += len(images)
            out.flush()
    return np.load(kept, mmap_mode="c")  # copy on write: torch wants memory that it may write to


def batches(split: files.Images, config: Preprocessing, batch_size: int) -> Iterator[np.ndarray]:
    """The split batch by batch, uint8 (B, 3, H, W), in bounded memory whatever its size."""
    if len(split) * prod(config.input_size) > KEPT:
        yield from _decoded(split, config, batch_size)
    else:
        whole = pixels(split, config)
        for row in range(0, len(split), batch_size):
            yield whole[row : row + batch_size]
