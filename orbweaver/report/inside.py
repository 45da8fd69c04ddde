"""What is inside a benchmark: its PTMs, its datasets with examples, and what the numbers were made with."""

from __future__ import annotations

import base64
import io
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from orbweaver.core.workspace import Workspace
from orbweaver.data.images import in_colour
from orbweaver.data.split import Split, read_dataset
from orbweaver.models.card import Card, read_card
from orbweaver.tasks import task

if TYPE_CHECKING:
    from orbweaver.pipeline.params import Params

EXAMPLES, SIDE = 8, 64
LIBRARIES = ("torch", "torchvision", "timm", "numpy", "scipy", "scikit-learn", "pillow", "pandas")


@dataclass(frozen=True)
class Dataset:
    """about: its row of the table. examples: pairs of a picture (a data URI; empty for a text) and its target."""

    about: dict[str, object]
    examples: list[tuple[str, str]]


@dataclass(frozen=True)
class Inside:
    """ptms: one row a PTM. datasets: sources first. provenance: name -> version or digest. parameters: as text."""

    ptms: pd.DataFrame
    datasets: list[Dataset]
    provenance: dict[str, str]
    parameters: str


def inside(workspace: Workspace, params: Params) -> Inside:
    """Reads cards, splits and params.yaml. Raises FileError where one is missing or damaged."""
    cards = {ptm: read_card(workspace, ptm) for ptm in params.ptms}
    datasets, digests = [], {}
    for role in ("sources", "targets"):
        for name in getattr(params, role):
            train, test = (read_dataset(workspace, role, name, split) for split in ("train", "test"))
            digests |= {f"{name}, train": train.digest, f"{name}, test": test.digest}
            datasets.append(Dataset(_about_dataset(name, role, train, test), examples(train)))
    digests |= {ptm: card.checkpoint for ptm, card in cards.items()}
    versions = {"Python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    parameters = workspace.params.read_text(encoding="utf-8")
    ptms = pd.DataFrame([_about_ptm(card, params.ptms[ptm].candidate) for ptm, card in cards.items()])
    return Inside(ptms, datasets, versions | digests, parameters)


def _about_ptm(card: Card, candidate: bool) -> dict[str, str]:
    side = card.preprocessing.input_size[1]
    return {
        "PTM": card.name if candidate else f"{card.name} (encoder only)",
        "task": card.task,
        "architecture": card.architecture,
        "trained on": card.source,
        "parameters": f"{card.n_parameters:,}",
        "features": str(card.feature_width),
        "input": f"{side} px" if side > 1 else "-",  # one that reads texts alone is given an empty pixel
        "source accuracy": "-" if card.source_accuracy is None else f"{card.source_accuracy:.3f}",
        "licence": card.licence,
    }


def _about_dataset(name: str, role: str, train: Split, test: Split) -> dict[str, object]:
    return {
        "dataset": name,
        "role": role.removesuffix("s"),
        "task": train.task,
        "family": train.family or "-",
        "classes": str(len(train.classes) or "-"),
        "train": str(len(train) or "-"),
        "test": str(len(test) or "-"),
        "licence": train.licence,
        "origin": train.origin,
    }


def examples(split: Split) -> list[tuple[str, str]]:
    """A few samples that differ in their targets, in the order of these: pictures as data URIs, targets as text."""
    if not len(split):
        return []
    if split.targets.ndim == 1:  # classes in turn, or quantiles of the values
        first = np.unique(split.targets, return_index=True)[1]
        rows = first[np.unique(np.linspace(0, len(first) - 1, EXAMPLES).astype(int))]
    else:
        rows = np.arange(min(EXAMPLES, len(split)))
    example = task(split.task).example
    return [(_picture(split.images[row]) if len(split.images) else "", example(split, int(row))) for row in rows]


def _picture(encoded: bytes) -> str:
    with Image.open(io.BytesIO(encoded)) as image:
        small = in_colour(image)
        small.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        small.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
