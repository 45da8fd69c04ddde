"""What is inside a benchmark: its PTMs, its datasets with examples, and what the numbers were made with."""

import base64
import io
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from stages import files
from stages.params import Params
from stages.zoo.cards import read_card

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


def inside(p: Params) -> Inside:
    """Reads cards, splits and params.yaml. Raises FileError where one is missing or damaged."""
    cards = {ptm: read_card(ptm) for ptm in p.ptms}
    rows = [
        {
            "PTM": ptm,
            "architecture": card.architecture,
            "trained on": card.source,
            "parameters": f"{card.n_parameters:,}",
            "features": str(card.feature_width),
            "input": f"{card.preprocessing.input_size[1]} px",
            "source accuracy": "-" if card.source_accuracy is None else f"{card.source_accuracy:.3f}",
            "licence": card.licence,
        }
        for ptm, card in cards.items()
    ]
    datasets, digests = [], {}
    for role in ("sources", "targets"):
        for name in getattr(p, role):
            train, test = (files.read_images(files.dataset_path(role, name, split)) for split in ("train", "test"))
            digests |= {f"{name}, {split}": part.digest for split, part in (("train", train), ("test", test))}
            about = {
                "dataset": name,
                "role": role.removesuffix("s"),
                "kind": train.kind,
                "classes": str(len(train.classes) or "-"),
                "train": str(len(train) or "-"),
                "test": str(len(test) or "-"),
                "licence": train.licence,
                "origin": train.origin,
            }
            datasets.append(Dataset(about, examples(train)))
    digests |= {ptm: card.checkpoint for ptm, card in cards.items()}
    versions = {"Python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
    parameters = Path("params.yaml").read_text(encoding="utf-8")
    return Inside(pd.DataFrame(rows), datasets, versions | digests, parameters)


def examples(split: files.Images) -> list[tuple[str, str]]:
    """A few samples that differ in their targets, in the order of these: pictures as data URIs, targets as text."""
    if not len(split):
        return []
    if split.targets.ndim == 1:  # classes in turn, or quantiles of the values
        first = np.unique(split.targets, return_index=True)[1]
        rows = first[np.unique(np.linspace(0, len(first) - 1, EXAMPLES).astype(int))]
    else:
        rows = np.arange(min(EXAMPLES, len(split)))
    return [(_picture(split.images[row]) if split.images else "", _target(split, row)) for row in rows]


def _picture(encoded: bytes) -> str:
    with Image.open(io.BytesIO(encoded)) as image:
        small = image.convert("RGB")
        small.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        small.save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _target(split: files.Images, row: int) -> str:
    target = split.targets[row]
    texts = {name: values[row] for name, values in split.texts.items()}
    match split.kind:
        case "classification":
            return split.classes[target]
        case "multilabel":
            return ", ".join(np.array(split.classes)[target]) or "none"
        case "regression":
            return ", ".join(f"{value:.3g}" for value in np.atleast_1d(target))
        case "caption":
            return texts["captions"][0]
        case "vqa":
            return f"{texts['question']} {split.classes[target]}"
        case "tqa":
            return f"{texts['question']} {texts['answers'][0]}"
    return texts["phrase"]
