"""PTMs forwarded over a user's data: each part once, as what it gave is kept; and what scores take from that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from orbweaver.core.formats.features import Features, read_features
from orbweaver.methods import ScoreInputs
from orbweaver.select.cost import batch_size
from orbweaver.select.data import Data
from orbweaver.tasks import task
from orbweaver.tasks.extract import extract
from orbweaver.tasks.score_inputs import score_inputs
from orbweaver.tasks.stored import Stored


def _asked(ptm: Stored, data: Data, part: np.ndarray) -> tuple:
    return task(ptm.card.task), ptm, data.split.take(part), batch_size(ptm, data), data.settings.threads


def missing(ptm: Stored, data: Data, looks: int | None = None) -> int:
    """Samples of the first looks that the PTM was not forwarded over yet."""
    parts = data.parts[:looks]
    return sum(len(part) for part in parts if not extract.place(data.cache, *_asked(ptm, data, part)).exists())


def features_of(ptm: Stored, data: Data, looks: int | None = None) -> Features:
    """A PTM's features of the samples of the first looks, in the order of the split.

    What was not forwarded before is forwarded now, and kept part by part.
    """
    parts = data.parts[:looks]
    found = [read_features(extract(data.cache, *_asked(ptm, data, part))) for part in parts]
    order = np.argsort(np.concatenate(parts), kind="stable")
    heads = [one.probabilities for one in found]
    return replace(
        found[0],
        features=np.concatenate([one.features for one in found])[order],
        probabilities=None if heads[0] is None else np.concatenate(heads)[order],
        targets=np.concatenate([one.targets for one in found])[order],
        task=data.split.task,
    )


def inputs_of(ptm: Stored, data: Data, looks: int | None = None) -> ScoreInputs:
    """What methods may ask for about one PTM and the rows to rank by, of the first looks."""
    card, source = ptm.card, None
    if data.benchmark is not None and (path := data.benchmark.features(card.name, card.source)).exists():
        source = read_features(path)
    inputs = ScoreInputs(**score_inputs(features_of(ptm, data, looks), card, data.settings.seed, source))
    return inputs.take(np.isin(np.sort(np.concatenate(data.parts[:looks])), data.rows))
