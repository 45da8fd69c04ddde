"""Photographs of solar cells under electroluminescence (ELPV): kind of silicon, and probability of a defect."""

from __future__ import annotations

from importlib.resources import files as package_files

import numpy as np
import pandas as pd
from PIL import Image

from orbweaver.data.images import png
from orbweaver.data.sampling import stratified_split
from orbweaver.data.split import Split, splits

ABOUT = {
    "family": "solar cells",
    "licence": "CC-BY-NC-SA-4.0",
    "origin": "elpv-dataset (Buerhop-Lutz et al. 2018), 2,624 cells at 300 px",
}
CLASSES = ("monocrystalline", "polycrystalline")


def _cells() -> pd.DataFrame:
    """One row a cell: file (of the package), probability (0, 1/3, 2/3, 1), type (mono, poly)."""
    folder = package_files("elpv_dataset") / "data"
    cells = pd.read_csv(folder / "labels.csv", sep=r"\s+", names=["file", "probability", "type"])
    return cells.assign(file=[folder / name for name in cells["file"]])


def _parts(
    name: str,
    cells: pd.DataFrame,
    strata: np.ndarray,
    targets: np.ndarray,
    train: int,
    test: int,
    image_size: int,
    seed: int,
) -> dict[str, tuple[list[bytes], np.ndarray]]:
    def photograph(row: int) -> bytes:
        with Image.open(cells["file"][row]) as image:
            return png(image.convert("L"), image_size)

    chosen = zip(("train", "test"), stratified_split(strata, train, test, seed, name), strict=True)
    return {split: ([photograph(row) for row in rows], targets[rows]) for split, rows in chosen}


def solar_type(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Classification: is the cell cut from one crystal or cast from many?"""
    cells = _cells()
    labels = (cells["type"] == "poly").to_numpy().astype(np.int64)
    parts = _parts("solar_type", cells, labels, labels, train, test, image_size, seed)
    return splits("solar_type", CLASSES, parts, task="image_classification", **ABOUT)


def solar_defect(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Regression: probability that the cell is defective, as experts gave it (0, 1/3, 2/3, 1)."""
    cells = _cells()
    levels = np.round(cells["probability"].to_numpy() * 3).astype(np.int64)
    parts = _parts("solar_defect", cells, levels, levels / 3, train, test, image_size, seed)
    return splits("solar_defect", (), parts, task="regression", **ABOUT)
