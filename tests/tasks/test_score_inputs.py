"""What scores may ask for, task by task: from feature files and F-labels to the fields of ScoreInputs."""

from __future__ import annotations

import numpy as np
import pytest

from orbweaver.core.cache import Cache
from orbweaver.core.formats.features import Features, read_features
from orbweaver.core.formats.labels import LabelEmbeddings, read_labels
from orbweaver.core.settings import EncoderSettings, LabelsSettings
from orbweaver.methods import ScoreInputs, score
from orbweaver.models import text_encoders
from orbweaver.tasks import ZOO, task
from orbweaver.tasks.extract import extract
from orbweaver.tasks.labels import embed_labels
from orbweaver.tasks.score_inputs import score_inputs

from .examples import MakePtm, both

ALWAYS = {
    "features", "probabilities", "n_parameters", "source_accuracy", "gmacs", "feature_width", "weight_spectra", "seed",
    "ptm",
}  # fmt: skip
GIVEN = {
    "image_classification": {"labels", "class_embeddings"},
    "multilabel": {"targets", "class_embeddings"},
    "regression": {"targets"},
    "caption": {"label_embeddings"},
    "vqa": {"labels", "class_embeddings"},
    "extractive_qa": {"label_embeddings"},
    "grounding": {"targets", "label_embeddings"},
    "text_classification": {"labels", "class_embeddings"},
    "text_multilabel": {"targets", "class_embeddings"},
    "text_regression": {"targets"},
}
# Sources with classes, which stand in labels.
LABELLED = {name for name, zoo in ZOO.items() if zoo in ("image_classification", "vqa", "text_classification")}


@pytest.fixture
def known(ptm_for: MakePtm, store: Cache):
    """Features and F-labels of a task's target, and features of its PTM's source."""

    def known(of: str) -> tuple[Features, list[LabelEmbeddings], Features]:
        ptm, (train, _), (source, _) = ptm_for(of), both(of), both(ZOO[of])
        encoder = text_encoders.load("x", EncoderSettings(model="wordllama"))
        p = LabelsSettings(pooling="masked_mean", template="{}", batch_size=32)
        labels = read_labels(embed_labels(store, task(of), encoder, train, p, 1))
        features, of_source = (
            read_features(extract(store, task(ptm.card.task), ptm, split, 16, 1)) for split in (train, source)
        )
        return features, [labels, labels], of_source

    return known


@pytest.mark.parametrize("of", ZOO)
def test_every_task_gives_what_it_has(of: str, known, ptm_for: MakePtm) -> None:
    features, labels, source = known(of)
    card = ptm_for(of).card
    alone = score_inputs(features, card, 7, labels=labels)
    assert alone.keys() == ALWAYS | GIVEN[of]
    assert (alone["seed"], alone["ptm"], alone["n_parameters"]) == (7, card.name, card.n_parameters)
    assert alone["source_accuracy"] == card.source_accuracy
    rows = len(features.features)
    if "labels" in alone:
        np.testing.assert_array_equal(alone["labels"], both(of)[0].targets)
    if "targets" in alone:
        targets = both(of)[0].targets
        np.testing.assert_array_equal(alone["targets"], targets.reshape(rows, -1).astype(float))
    for name, count in (("class_embeddings", len(both(of)[0].classes)), ("label_embeddings", rows)):
        if name in alone:
            assert [each.shape for each in alone[name]] == [(count, 256)] * 2
    with_source = score_inputs(features, card, 7, source, labels)
    assert with_source.keys() == alone.keys() | {"source_features", "source_labels"}
    assert with_source["source_features"].shape == (len(source.features), card.feature_width)
    assert (with_source["source_labels"] is not None) == (of in LABELLED)
    inputs = ScoreInputs(**with_source)  # which holds lengths against each other
    assert len(inputs.take(np.arange(4)).features) == 4


def test_without_labels_there_are_no_embeddings(known, ptm_for: MakePtm) -> None:
    features, _, _ = known("multilabel")
    assert score_inputs(features, ptm_for("multilabel").card, 0).keys() == ALWAYS | {"targets"}


@pytest.mark.parametrize("of", ZOO)
def test_scores_of_every_task_are_numbers_or_have_a_reason(of: str, known, ptm_for: MakePtm) -> None:
    """Of several labels too, on which EMMS and LogME are defined and LEEP is not."""
    features, labels, source = known(of)
    inputs = ScoreInputs(**score_inputs(features, ptm_for(of).card, 0, source, labels))
    rows = {row["method"]: row for row in score(["parameters", "logme", "leep", "emms_gcv"], inputs)}
    assert np.isfinite(rows["parameters"]["score"])
    assert all(np.isfinite(row["score"]) != bool(row["reason"]) for row in rows.values())
    finite = {name for name, row in rows.items() if np.isfinite(row["score"])}
    assert ("logme" in finite) == ("labels" in GIVEN[of] or "targets" in GIVEN[of])
    assert ("leep" in finite) == ("labels" in GIVEN[of])
    if of in ("multilabel", "text_multilabel"):
        assert "emms_gcv" in finite
