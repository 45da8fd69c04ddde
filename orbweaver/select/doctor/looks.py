"""What each image or text of a user is: a digest that equal ones share, its size, or why it is of no use."""

from __future__ import annotations

import hashlib
import io
import json
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import imagehash
import PIL
from PIL import Image

from orbweaver.core.cache import Cache, kept
from orbweaver.core.errors import FileError
from orbweaver.core.files import write_text
from orbweaver.core.keys import key_of
from orbweaver.core.machine import cores
from orbweaver.data.images import in_colour
from orbweaver.select.progress import steps

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")  # no format that runs another program
BLOCK = 256
WHITE = 255  # the largest value of a PTM's input


@dataclass(frozen=True)
class Look:
    """One image or text: digest of its RGB pixels or letters, width and height of an image; or why it is of no use.

    alike: of an image its perceptual hash in hexadecimal (C. Zauner, 2010: signs of low DCT coefficients), of a text a
    digest of its letters and digits alone. deep: has the image values of 32 bits, which decoding cuts off?
    """

    content: str
    width: int
    height: int
    reason: str = ""
    alike: str = ""
    deep: bool = False


def look(encoded: bytes) -> Look:
    """Decodes the whole picture, or a truncated one would not be noticed; a decompression bomb is refused undecoded."""
    try:
        with Image.open(io.BytesIO(encoded), formats=FORMATS) as image:
            width, height = image.size
            if width * height > Image.MAX_IMAGE_PIXELS:
                return Look("", width, height, f"{width} x {height} pixels, as in a decompression bomb")
            colours = in_colour(image)
            pixels = hashlib.sha256(colours.tobytes()).hexdigest()[:32]
            deep = image.mode == "F" or (image.mode == "I" and image.getextrema()[1] > WHITE)
            return Look(f"{width}x{height}:{pixels}", width, height, alike=str(imagehash.phash(colours)), deep=deep)
    except PIL.UnidentifiedImageError:
        return Look("", 0, 0, f"empty or not one of {', '.join(FORMATS)}")
    except Exception as error:  # Pillow's many decoders raise many kinds
        return Look("", 0, 0, str(error) or type(error).__name__)


@dataclass(frozen=True)
class _Block:
    """Some encoded images. digests: of their bytes."""

    encoded: Sequence[bytes]
    digests: list[str]

    @property
    def fingerprint(self) -> list[str]:
        return self.digests


@kept("looks", ".json")
def _looked_at(path: Path, cache: Cache, block: _Block) -> None:
    with ThreadPoolExecutor(cores()) as pool:
        write_text(path, json.dumps([vars(one) for one in pool.map(look, block.encoded)]))


def looks(images: Sequence[bytes], cache: Cache) -> tuple[list[str], list[Look]]:
    """Digest of each image's bytes, and a look at it; kept, so that the same images are decoded for this once."""
    digests: list[str] = []
    seen: list[Look] = []
    blocks = range(0, len(images), BLOCK)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own about large or odd images
        for start in steps(blocks, "looking at the images", f"blocks of {BLOCK}"):
            read = [_read(images, row) for row in range(start, min(start + BLOCK, len(images)))]
            encoded = [each for each, _ in read]
            block = _Block(encoded, [hashlib.sha256(each).hexdigest() for each in encoded])
            found = json.loads(_looked_at(cache, block).read_text())
            seen += [Look("", 0, 0, why) if why else Look(**one) for (_, why), one in zip(read, found, strict=True)]
            digests += block.digests
    return digests, seen


def _read(images: Sequence[bytes], row: int) -> tuple[bytes, str]:
    """An encoded image, and "" or why there is none: a file that is gone counts as broken."""
    try:
        return images[row], ""
    except FileError as error:
        if not isinstance(error.__context__, OSError):
            raise
        return b"", error.__context__.strerror or str(error)


def looks_of_texts(texts: dict[str, list]) -> tuple[list[str], list[Look]]:
    """As `looks`, of texts by name, a row a sample; texts that differ in white space alone are equal."""
    rows = list(zip(*texts.values(), strict=True))
    words = [[str(text).split() for text in row] for row in rows]
    letters = [[re.sub(r"[\W_]+", "", str(text).casefold()) for text in row] for row in rows]
    seen = [
        Look(key_of(each), 0, 0, "" if any(each) else "empty", key_of(alike) if any(alike) else "")
        for each, alike in zip(words, letters, strict=True)
    ]
    return [key_of(row) for row in rows], seen
