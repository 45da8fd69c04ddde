"""Datasets whose images are arrays of pixels in one file."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from orbweaver.core.errors import FileError
from orbweaver.data.images import png
from orbweaver.data.readers.sample import Parts, Sample, lines


def _arrays(pixels: np.ndarray, targets: np.ndarray | list) -> list[Sample]:
    """Samples of an array of images (N, H, W) or (N, H, W, 3)."""
    return [Sample(partial(png, pixels[i]), target) for i, target in enumerate(targets)]


def dsprites(root: Path, images: int) -> Parts:
    """HDF5: imgs (737280, 64, 64) of 0 and 1, latents/values (737280, 6), whose last four are the targets:
    scale, orientation, x and y.

    Images are drawn as by Model Spider, `np.random.seed(42); np.random.choice(N, images, replace=False)`; ones become
    white.
    """
    import h5py

    path = root / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"
    with h5py.File(path) as file:
        values = file["latents/values"][:, 2:]
        chosen = np.sort(np.random.RandomState(42).choice(len(values), images, replace=False))
        pixels = file["imgs"][:][chosen] * np.uint8(255)
    return [], {"all": _arrays(pixels, values[chosen].tolist())}


def stl10(root: Path) -> Parts:
    """Raw bytes, (N, 3, 96, 96) column by column, labels from 1."""
    base = root / "stl10_binary"
    samples = {}
    for split in ("train", "test"):
        pixels = np.fromfile(base / f"{split}_X.bin", np.uint8).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
        samples[split] = _arrays(pixels, (np.fromfile(base / f"{split}_y.bin", np.uint8).astype(int) - 1).tolist())
    return lines(base / "class_names.txt"), samples


def _norb(path: Path) -> np.ndarray:
    """NORB's binary matrices: magic number, rank, at least three sizes, then the values."""
    raw = path.read_bytes()
    magic, rank = np.frombuffer(raw, "<i4", 2)
    kinds = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}
    if int(magic) not in kinds:
        raise FileError(f"{path}: not one of NORB's matrices")
    sizes = np.frombuffer(raw, "<i4", max(rank, 3), 8)
    return np.frombuffer(raw, kinds[int(magic)], offset=8 + 4 * max(rank, 3)).reshape(sizes[:rank])


def smallnorb(root: Path, label: str = "category", cameras: int = 1) -> Parts:
    """Matrices (N, 2, 96, 96) of pairs of grey images, categories (N,), and (N, 4) instance, elevation, azimuth, light.

    label: category, or as VTAB has them elevation (9, five degrees apart) or azimuth (18, twenty degrees apart).
    cameras: 1 for the left ones' images, 2 for both, pair by pair.
    """
    classes, column, step = {
        "category": (["four-legged animal", "human figure", "airplane", "truck", "car"], None, 1),
        "elevation": ([f"{30 + 5 * i} degrees above" for i in range(9)], 1, 1),
        "azimuth": ([f"turned by {20 * i} degrees" for i in range(18)], 2, 2),  # 0, 2, ... 34
    }[label]
    samples = {}
    for split, part in (("train", "5x46789x9x18x6x2x96x96-training"), ("test", "5x01235x9x18x6x2x96x96-testing")):
        pixels = _norb(root / f"smallnorb-{part}-dat.mat")
        found = _norb(root / f"smallnorb-{part}-{'cat' if column is None else 'info'}.mat")
        targets = found if column is None else found[:, column] // step
        pixels = pixels[:, :cameras].reshape(-1, *pixels.shape[2:])
        samples[split] = _arrays(pixels, targets.repeat(cameras).tolist())
    return classes, samples


def svhn(root: Path) -> Parts:
    """X (32, 32, 3, N), y (N, 1) in which 10 stands for the digit 0."""
    from scipy.io import loadmat

    samples = {}
    for split in ("train", "test"):
        mat = loadmat(root / f"{split}_32x32.mat")
        samples[split] = _arrays(mat["X"].transpose(3, 0, 1, 2), (mat["y"][:, 0].astype(int) % 10).tolist())
    return [str(digit) for digit in range(10)], samples
