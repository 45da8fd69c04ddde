"""The inputs of score methods, for one PTM and one target; the same for the benchmark and for ranking."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from orbweaver.core.formats.features import Features
from orbweaver.core.formats.labels import LabelEmbeddings
from orbweaver.models.card import Card
from orbweaver.tasks import task


def score_inputs(
    features: Features,
    card: Card,
    seed: int,
    source: Features | None = None,
    labels: Sequence[LabelEmbeddings] = (),
    inner: Features | None = None,
) -> dict[str, object]:
    """The fields of `orbweaver.methods.ScoreInputs` that are known.

    features: of the target. source: the PTM's features of its own source dataset, where that is here. labels: the
    target's F-labels, one a text encoder; a regression's have no rows and are left out.
    inner: of the target, from inside the PTM.
    """
    inputs: dict[str, object] = {
        "features": features.features,
        "probabilities": features.probabilities,
        "n_parameters": card.n_parameters,
        "source_accuracy": card.source_accuracy,
        "gmacs": card.gmacs,
        "feature_width": card.feature_width,
        "weight_spectra": card.weight_spectra,
        "seed": seed,
        "ptm": card.name,
    }
    inputs |= task(features.task).score_targets(features.targets)
    if inner is not None:
        inputs["inner"] = inner.features
    if source is not None:
        of_source = task(source.task).score_targets(source.targets)
        inputs |= {"source_features": source.features, "source_labels": of_source.get("labels")}
    embeddings: list[np.ndarray] = [each.embeddings for each in labels if len(each.embeddings)]
    if embeddings:
        inputs[{"class": "class_embeddings", "sample": "label_embeddings"}[labels[0].per]] = embeddings
    return inputs
