"""PTMs forwarded over a user's data: each once, as what it gave is kept; and what scores take from that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orbweaver.core.cache import Cache
from orbweaver.core.formats.features import Features, read_features
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split
from orbweaver.methods import ScoreInputs
from orbweaver.select.settings import Settings
from orbweaver.tasks import task
from orbweaver.tasks.extract import extract
from orbweaver.tasks.score_inputs import score_inputs
from orbweaver.tasks.stored import Stored


@dataclass(frozen=True)
class Data:
    """A user's data, and what ranking PTMs for it takes. rows: the samples to rank by, of those in `split`."""

    split: Split
    rows: np.ndarray
    settings: Settings
    cache: Cache
    benchmark: Workspace | None = None


def _asked(ptm: Stored, data: Data) -> tuple:
    return task(ptm.card.task), ptm, data.split, data.settings.features.batch_size, data.settings.threads


def is_kept(ptm: Stored, data: Data) -> bool:
    """Was the PTM forwarded over these data before?"""
    return extract.place(data.cache, *_asked(ptm, data)).exists()


def features_of(ptm: Stored, data: Data) -> Features:
    """A PTM's features of all samples; they are forwarded now if they were not before."""
    return read_features(extract(data.cache, *_asked(ptm, data)))


def inputs_of(ptm: Stored, data: Data) -> ScoreInputs:
    """What methods may ask for about one PTM and the rows to rank by."""
    card, source = ptm.card, None
    if data.benchmark is not None and (path := data.benchmark.features(card.name, card.source)).exists():
        source = read_features(path)
    return ScoreInputs(**score_inputs(features_of(ptm, data), card, data.settings.seed, source)).take(data.rows)
