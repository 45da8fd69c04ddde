"""F-labels: a target's texts embedded by a text encoder (EMMS, arXiv 2308.06262)."""

from __future__ import annotations

from pathlib import Path

from orbweaver.core.cache import Cache, kept
from orbweaver.core.device import repeatable
from orbweaver.core.formats.labels import LabelEmbeddings, write_labels
from orbweaver.core.settings import LabelsSettings
from orbweaver.data.split import Split
from orbweaver.models import text_encoders
from orbweaver.models.text_encoders import Encoder
from orbweaver.tasks.base import Task

NEIGHBOURS = 100  # samples that EMMS' published code pads together; texts of classes are all padded together


@kept("labels", ".h5")
def embed_labels(
    path: Path, cache: Cache, task: Task, encoder: Encoder, split: Split, p: LabelsSettings, threads: int
) -> None:
    """Writes the F-labels of a split; those of a regression have no rows."""
    repeatable(0, threads)
    texts = task.label_texts(split, p.template)
    together = {"class": len(texts), "sample": NEIGHBOURS, "nothing": 0}[task.label_rows]
    padded = together if p.pooling == "padded_mean" else 0
    rows = text_encoders.embed(encoder, texts, padded, p.batch_size)
    origin = {
        "encoder": encoder.model,
        "weights": encoder.weights,
        "pooling": p.pooling,
        "template": p.template,
        "dataset": split.digest,
    }
    write_labels(path, LabelEmbeddings(rows, texts, task.label_rows, origin))
