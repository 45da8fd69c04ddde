"""Files of F-labels: a target's texts as one text encoder embeds them, in HDF5."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from orbweaver.core.errors import FileError
from orbweaver.core.files import AGAIN
from orbweaver.core.formats import hdf5


@dataclass(frozen=True)
class LabelEmbeddings:
    """F-labels: embeddings (R, E) float32 of R texts, per "class" or per "sample".

    A regression has none (R = 0, per "nothing").
    """

    embeddings: np.ndarray
    texts: list[str]
    per: str
    made_from: dict


def write_labels(path: Path, labels: LabelEmbeddings) -> None:
    """Raises FileError when an embedding is NaN or infinite: a text encoder that overflows is of no use."""
    if not np.isfinite(labels.embeddings).all():
        raise FileError(f"{labels.made_from['encoder']}: embeddings are NaN or infinite; take another text encoder")
    with hdf5.writing(path) as file:
        hdf5.put(file, "embeddings", labels.embeddings.astype(np.float32))
        file.create_dataset("texts", data=labels.texts, dtype=h5py.string_dtype())
        file.attrs.update(per=labels.per, made_from=json.dumps(labels.made_from, sort_keys=True))


def read_labels(path: Path, made_from: dict | None = None) -> LabelEmbeddings:
    """Reads F-labels; with `made_from`, refuses those that another encoder, dataset or pooling made.

    Raises FileError when the file is missing, truncated, foreign, incomplete or mismatched.
    """
    with hdf5.reading(path, "file of F-labels", "labels") as file:
        found = json.loads(file.attrs["made_from"])
        embeddings, texts = file["embeddings"][:], file["texts"].asstr()[:].tolist()
        per = str(file.attrs["per"])
    hdf5.check_origin(path, found, made_from)
    if len(embeddings) != len(texts):
        raise FileError(f"{path}: holds {len(embeddings)} embeddings of {len(texts)} texts; {AGAIN}")
    return LabelEmbeddings(embeddings, texts, per, found)
