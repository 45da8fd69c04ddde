"""Forwards PTMs over a user's data, each part once, and makes of their features what methods ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from orbweaver.core.formats.features import Features, read_features
from orbweaver.methods import ScoreInputs, looks_inside
from orbweaver.select.cost import batch_size
from orbweaver.select.data import Data
from orbweaver.tasks import task
from orbweaver.tasks.extract import extract
from orbweaver.tasks.inner import extract_inner, has_inner
from orbweaver.tasks.score_inputs import score_inputs
from orbweaver.tasks.stored import Stored


def _asked(ptm: Stored, data: Data, part: np.ndarray) -> tuple:
    return task(ptm.card.task), ptm, data.split.take(part), batch_size(ptm, data), data.settings.threads


def _inside(ptm: Stored, data: Data, looks: int | None, methods: Sequence[str]) -> tuple | None:
    """What features from inside are made of: all samples of the first looks to rank by, which they are fitted to.

    None where none of the methods looks at them, or the PTM has none.
    """
    if not any(map(looks_inside, methods)) or not has_inner(ptm):
        return None
    seen = np.intersect1d(np.concatenate(data.parts[:looks]), data.rows)
    return ptm, data.split.take(seen), data.settings.threads


def missing(ptm: Stored, data: Data, looks: int | None = None, methods: Sequence[str] = ()) -> int:
    """Forward passes that scoring by these methods, after the first looks, still takes."""
    parts = data.parts[:looks]
    new = sum(len(part) for part in parts if not extract.place(data.cache, *_asked(ptm, data, part)).exists())
    inside = _inside(ptm, data, looks, methods)
    if inside and not extract_inner.place(data.cache, *inside).exists():
        new += 2 * len(inside[1])  # one of them fits the normalisation
    return new


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


def inputs_of(ptm: Stored, data: Data, looks: int | None = None, methods: Sequence[str] = ()) -> ScoreInputs:
    """What methods may ask for about one PTM and the rows to rank by, of the first looks.

    methods: those that will ask; features from inside the PTM are there for those alone that look at them. Of a PTM
    whose inside is not known they are those of its last layer, so that it has a score beside the others.
    """
    card, source = ptm.card, None
    if data.benchmark is not None and (path := data.benchmark.features(card.name, card.source)).exists():
        source = read_features(path)
    inputs = ScoreInputs(**score_inputs(features_of(ptm, data, looks), card, data.settings.seed, source))
    inputs = inputs.take(np.isin(np.sort(np.concatenate(data.parts[:looks])), data.rows))
    if not any(map(looks_inside, methods)):
        return inputs
    inside = _inside(ptm, data, looks, methods)
    inner = read_features(extract_inner(data.cache, *inside)).features if inside else inputs.features
    return replace(inputs, inner=inner)
