"""Photographs of solar cells under electroluminescence (ELPV): kind of silicon, and probability of a defect."""

from __future__ import annotations

import numpy as np

from stages.data.images import png, splits, stratified_split
from stages.files import Images

ABOUT = {"licence": "CC-BY-NC-SA-4.0", "origin": "elpv-dataset (Buerhop-Lutz et al. 2018), 2,624 cells at 300 px"}


def _cells() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    from elpv_dataset.utils import load_dataset

    return load_dataset()


def solar_type(train: int, test: int, image_size: int, seed: int) -> dict[str, Images]:
    """Classification: is the cell cut from one crystal or cast from many?"""
    pixels, _, types = _cells()
    labels = (types == "poly").astype(np.int64)
    rows = zip(("train", "test"), stratified_split(labels, train, test, seed, "solar_type"), strict=True)
    parts = {split: ([png(pixels[i], image_size) for i in chosen], labels[chosen]) for split, chosen in rows}
    return splits("solar_type", "classification", ("monocrystalline", "polycrystalline"), parts, **ABOUT)


def solar_defect(train: int, test: int, image_size: int, seed: int) -> dict[str, Images]:
    """Regression: probability that the cell is defective, as experts gave it (0, 1/3, 2/3, 1)."""
    pixels, probability, _ = _cells()
    levels = np.round(probability * 3).astype(np.int64)
    rows = zip(("train", "test"), stratified_split(levels, train, test, seed, "solar_defect"), strict=True)
    parts = {split: ([png(pixels[i], image_size) for i in chosen], levels[chosen] / 3) for split, chosen in rows}
    return splits("solar_defect", "regression", (), parts, **ABOUT)
