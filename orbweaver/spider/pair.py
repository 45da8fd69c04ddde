"""The methods' scores of one PTM on one target, cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from orbweaver.core.cache import Cache, kept
from orbweaver.core.device import device
from orbweaver.core.files import KnownFile, write_text
from orbweaver.core.formats.features import read_features
from orbweaver.core.formats.labels import read_labels
from orbweaver.core.machine import limit_threads
from orbweaver.methods import ScoreInputs, score
from orbweaver.methods.tables import of_encoders
from orbweaver.models.card import Card
from orbweaver.tasks.score_inputs import score_inputs

if TYPE_CHECKING:
    from orbweaver.tasks.base import Task


@kept("scores", ".json")
def pair(
    path: Path,
    cache: Cache,
    card: Card,
    target: str,
    dataset: str,
    features: KnownFile,
    source: KnownFile | None,
    inner: KnownFile | None,
    labels: list[tuple[str, KnownFile]],
    tasks: list[Task],
    methods: list[str],
    seed: int,
    threads: int,
) -> None:
    """Scores of one PTM on one target: `methods`, a row each, and `encoders`, a row each if there are F-labels.

    dataset: digest of the target's training split. features: the PTM's of it; source: those of the PTM's own source,
    inner: those from inside, where there are any; labels: F-labels of each text encoder. tasks: those whose code may be
    asked what the targets mean.
    Raises FileError when a file is damaged or was made from another PTM or dataset, MethodError naming method, PTM and
    target when a method fails.
    """
    limit_threads(threads)
    ptm = {"ptm": card.name, "checkpoint": card.checkpoint}
    found = read_features(features.path, ptm | {"dataset": dataset})
    of_source = read_features(source.path, ptm) if source else None
    embedded = [read_labels(file.path, {"dataset": dataset}) for _, file in labels]
    from_inside = read_features(inner.path, ptm | {"dataset": dataset}) if inner else None
    given = score_inputs(found, card, seed, of_source, embedded, from_inside)
    if device().type == "cuda":
        given["features"] = torch.from_numpy(given["features"]).to(device())
    inputs = ScoreInputs(**given, dataset=target)
    of_each = of_encoders(methods, [encoder for encoder, _ in labels], inputs)
    write_text(path, json.dumps({"methods": score(methods, inputs), "encoders": of_each.to_dict("records")}))
