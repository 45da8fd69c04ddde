"""A workspace in which everything that Model Spider reads is there: cards, features, F-labels; no PTM has to run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbweaver.core.files import digest
from orbweaver.core.formats import hdf5
from orbweaver.core.formats.features import writing_features
from orbweaver.core.formats.labels import LabelEmbeddings, write_labels
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split, write_split
from orbweaver.models.card import Card, Preprocessing, write_card

WIDTHS = {"a": 5, "b": 3, "c": 7, "d": 4}
SOURCES = {"s": np.repeat(np.arange(8), 30), "t": np.repeat(np.arange(4), 12)}
TARGET = np.repeat(np.arange(3), 20)


def put_features(workspace: Workspace, ptm: str, dataset: str, labels: np.ndarray, seed: int, known_as: str) -> None:
    """Features in which every class lies somewhere else, the clearer the wider the PTM."""
    random = np.random.default_rng((seed, len(labels)))
    centres, noise = max(8, labels.max() + 1), random.normal(size=(len(labels), WIDTHS[ptm]))
    features = noise + 2 * random.normal(size=(centres, WIDTHS[ptm]))[labels]
    probabilities = random.dirichlet(np.ones(8), len(labels))
    origin = {"ptm": ptm, "checkpoint": f"sha-{ptm}", "dataset": known_as}
    path = workspace.features(ptm, dataset)
    with writing_features(path, len(labels), labels, "image_classification", origin) as file:
        hdf5.put(file, "features", features.astype(np.float32))
        hdf5.put(file, "probabilities", probabilities.astype(np.float32))


def card_of(ptm: str) -> Card:
    preprocessing = Preprocessing(input_size=(3, 32, 32), interpolation="bicubic", crop_pct=1.0, crop_mode="center",
                                  mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))  # fmt: skip
    return Card(
        name=ptm, architecture="test_vit", source="s", source_classes=[str(c) for c in range(8)], source_accuracy=0.5,
        n_parameters=1000 * WIDTHS[ptm], feature_width=WIDTHS[ptm], preprocessing=preprocessing, licence="MIT",
        origin="trained here", checkpoint=f"sha-{ptm}",
    )  # fmt: skip


@pytest.fixture
def stocked(tmp_path: Path) -> Workspace:
    """Four PTMs, the sources s and t, the target x, and F-labels of x by one encoder. `none` is known by name only."""
    workspace = Workspace(tmp_path)
    pictures = [b"nobody looks at it"] * len(TARGET)
    split = Split("x", "image_classification", ["one", "two", "three"], pictures, TARGET, "MIT", "made up")
    write_split(workspace.split("targets", "x", "train"), split)
    known_as = digest(workspace.split("targets", "x", "train"))
    for source, codes in {**SOURCES, "none": np.zeros(0, int)}.items():
        names = [str(c) for c in range(8)]
        split = Split(source, "image_classification", names, [b"nor at it"] * len(codes), codes, "", "", family="toys")
        write_split(workspace.split("sources", source, "train"), split)
    for seed, ptm in enumerate(WIDTHS):
        write_card(card_of(ptm), workspace.ptm(ptm))
        for source, labels in SOURCES.items():
            put_features(workspace, ptm, source, labels, seed, source)
        put_features(workspace, ptm, "x", TARGET, seed, known_as)
    embeddings = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    origin = {"encoder": "words", "dataset": known_as}
    write_labels(workspace.labels("words", "x"), LabelEmbeddings(embeddings, ["one", "two", "three"], "class", origin))
    return workspace
