"""Images to and from bytes, and the arithmetic of splits."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from stages.files import FileError, Images


def png(pixels: np.ndarray | Image.Image, size: int | None = None) -> bytes:
    """Encodes an image, shrunk or enlarged to `size` x `size` pixels when given."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def open_image(encoded: bytes, name: str, row: int) -> Image.Image:
    """Decodes one image. Raises FileError naming the dataset and the row where it cannot be read."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return image.convert("RGB")
    except (OSError, SyntaxError) as error:
        raise FileError(f"dataset '{name}': image {row} of the batch cannot be read ({error})") from None


def decode(
    images: list[bytes], transform: Callable[[Image.Image], np.ndarray], pool: ThreadPoolExecutor, name: str
) -> np.ndarray:
    """Decodes a batch with the PTM's own transform; uint8 (N, 3, H, W). Pillow releases the GIL, so threads help.

    Raises FileError naming the dataset and the row of an image that cannot be read.
    """

    def one(row_and_bytes: tuple[int, bytes]) -> np.ndarray:
        row, encoded = row_and_bytes
        return transform(open_image(encoded, name, row))

    return np.stack(list(pool.map(one, enumerate(images))))


def stratified_split(labels: np.ndarray, train: int, test: int, seed: int, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Indices of two disjoint splits in which classes have the shares that they have in `labels`.

    Raises FileError when there are fewer than train + test images.
    """
    from sklearn.model_selection import train_test_split

    if train + test > len(labels):
        raise FileError(f"dataset '{name}' has {len(labels)} images; {train} train + {test} test were asked for")
    first, second = train_test_split(
        np.arange(len(labels)), train_size=train, test_size=test, stratify=labels, random_state=seed
    )
    return first, second


def balanced_labels(count: int, classes: int) -> np.ndarray:
    """(count,) labels 0..classes-1 in turn, so that class sizes differ by at most one."""
    return np.arange(count) % classes


def splits(
    name: str,
    kind: str,
    classes: Iterable[str],
    parts: dict[str, tuple[list[bytes], np.ndarray]],
    *,
    licence: str,
    origin: str,
) -> dict[str, Images]:
    """Wraps {split: (images, targets)} with what is known of the dataset."""
    classes = list(classes)
    return {
        split: Images(name, kind, classes, images, np.asarray(targets), licence, origin)
        for split, (images, targets) in parts.items()
    }
