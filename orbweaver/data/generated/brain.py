"""Slices of a brain, the average of 152 people's in magnetic resonance: how is it cut, and where?

An image shows a part of a slice, 80 to 130 mm wide, turned a little and in a random contrast. The splits show different
slices, 3 mm or more apart.
"""

from __future__ import annotations

import gzip
from functools import cache

import numpy as np
from PIL import Image

from orbweaver.data.generated.drawing import package_folder
from orbweaver.data.images import png
from orbweaver.data.sampling import balanced_labels
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "brain",
    "licence": "BSD-3-Clause package; MNI's template may be used and passed on with its copyright notice",
    "origin": "nilearn's copy of the template ICBM 152, symmetric, of 2009, weighted by T1",
}
FILE = "mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"
SHAPE = (189, 233, 197)  # millimetres: up, forward, to the right
HEADER = 352  # bytes
SLICES = {  # axis, first slice, end; both sides of the brain are the same, so one is enough
    "horizontal, low": (0, 8, 53), "horizontal, middle": (0, 53, 98), "horizontal, high": (0, 98, 143),
    "frontal, at the back": (1, 35, 90), "frontal, middle": (1, 90, 145), "frontal, at the front": (1, 145, 200),
    "lengthwise, inner": (2, 98, 120), "lengthwise, middle": (2, 120, 142), "lengthwise, outer": (2, 142, 164),
}  # fmt: skip
GAP = 2  # slices between training and tests that neither shows
TURN = np.pi / 6
BLANK = 20  # brighter than this is the brain, of 255


@cache
def _brain() -> np.ndarray:
    """(189, 233, 197) brightness, 0 to 255: cubes of a millimetre."""
    content = gzip.decompress((package_folder("nilearn") / "datasets" / "data" / FILE).read_bytes())
    return np.frombuffer(content, np.uint8, offset=HEADER).reshape(SHAPE)


def _of_part(first: int, end: int, part: int) -> list[int]:
    """A class's slices for training (0) or for tests (1): two of four stretches, without their ends."""
    stretches = np.array_split(np.arange(first, end), 4)
    return [int(number) for stretch in stretches[part::2] for number in stretch[:-GAP]]


def _draw(numbers: list[int], axis: int, image_size: int, random: np.random.Generator) -> Image.Image:
    """A part of one of the slices, turned, mirrored or not, that shows enough of the brain."""
    while True:
        pixels = _brain().take(numbers[random.integers(len(numbers))], axis)[::-1]
        inside = np.argwhere(pixels > BLANK)
        y, x = inside[random.integers(len(inside))]
        scale, angle = random.uniform(80, 130) / image_size, random.uniform(-TURN, TURN)
        a, b = scale * np.cos(angle), scale * np.sin(angle)
        mirrored = -1 if random.random() < 0.5 else 1
        half = image_size / 2
        where = (mirrored * a, -b, x - half * (mirrored * a - b), mirrored * b, a, y - half * (mirrored * b + a))
        image = Image.fromarray(pixels).transform(
            (image_size, image_size), Image.Transform.AFFINE, where, Image.Resampling.BICUBIC
        )
        shown = np.asarray(image, np.float64)
        if np.mean(shown > BLANK) > 0.4:
            break
    low, high = random.uniform((0, 130), (80, 255))
    return Image.fromarray(np.round(low + (high - low) * shown / 255).astype(np.uint8))


def brain_slice(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which way is it cut, and in which third?"""
    random = np.random.default_rng(seed)
    parts = {}
    for part, (split, count) in enumerate((("train", train), ("test", test))):
        labels, images = balanced_labels(count, len(SLICES)), []
        for label in labels:
            axis, first, end = [*SLICES.values()][label]
            images.append(png(_draw(_of_part(first, end, part), axis, image_size, random), image_size))
        parts[split] = (images, labels)
    return splits("brain_slice", SLICES, parts, task="image_classification", **ABOUT)
