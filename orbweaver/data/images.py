"""Images to and from bytes, and lists of images that are read only when they are asked for."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from orbweaver.core.errors import FileError


def shown(path: str | Path) -> str:
    """A path that can be printed: file systems allow names that are not text."""
    return os.fsencode(path).decode("utf-8", "replace")


class Encoded(Sequence[bytes]):
    """Encoded images: bytes, files, or functions that give bytes. Files are read, and functions asked, one by one.

    Raises FileError naming a file that cannot be read.
    """

    def __init__(self, images: Iterable[bytes | Path | Callable[[], bytes]]) -> None:
        self.images = list(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        image = self.images[row]
        if not isinstance(image, Path):
            return image if isinstance(image, bytes) else image()
        try:
            return image.read_bytes()
        except FileNotFoundError:
            told = "not found, but the dataset's lists name it; is the dataset there completely?"
            raise FileError(f"{shown(image)}: {told}") from None
        except OSError as error:
            raise FileError(f"{shown(image)}: {error.strerror}") from None

    def take(self, rows: Iterable[int]) -> Encoded:
        return Encoded(self.images[row] for row in rows)

    def at_hand(self) -> Encoded:
        """For access in any order: images that a function gives are read into memory; files are read when asked for."""
        return Encoded(image if isinstance(image, Path) else self[i] for i, image in enumerate(self.images))


def png(pixels: np.ndarray | Image.Image, size: int | None = None) -> bytes:
    """Encodes an image, shrunk or enlarged to `size` x `size` pixels when given."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def size_of(encoded: bytes) -> tuple[int, int]:
    """Width and height in pixels."""
    with Image.open(io.BytesIO(encoded)) as image:
        return image.size


def in_colour(image: Image.Image) -> Image.Image:
    """Converts to RGB. Of 16-bit integers the upper eight bits are kept; Pillow would clip all values above 255."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return image.convert("RGB")


def open_image(encoded: bytes, name: str, row: int) -> Image.Image:
    """Decodes one image. Raises FileError naming the dataset and the row where it cannot be read."""
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return in_colour(image)
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
