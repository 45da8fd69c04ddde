"""Reading what the other stages wrote."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from orbweaver.core.errors import FileError
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.settings import DatasetSettings, PtmSettings, RankerSettings, SpiderSettings
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.params import Params
from orbweaver.report import results
from orbweaver.report.priors import BLIND
from orbweaver.tasks import ZOO

TARGETS = {"digits": "image_classification", "scale": "regression", "night": "caption"}
PTMS = {"vit": "image_classification", "resnet": "image_classification", "teller": "caption"}


class FakeSplit(list):
    """A split of 30 or 7 samples."""

    family, classes = "drawn", ("a", "b")

    def __init__(self, part: str) -> None:
        super().__init__(range({"train": 30, "test": 7}[part]))


@pytest.fixture
def params() -> Params:
    """Two image PTMs with two targets, a captioner with one; one PTM that is no candidate; one ranker that is a method,
    and one that is none."""
    ranker = RankerSettings(supervision=["held_out"])
    ptms = {name: PtmSettings(task=task, architecture="x", source="y") for name, task in PTMS.items()}
    ptms["eye"] = PtmSettings(task="extractive_qa", architecture="x", source="y", candidate=False)
    return Params.model_construct(
        targets=dict.fromkeys(TARGETS, DatasetSettings()),
        ptms=ptms,
        methods=["logme", "spider"],
        spider=SpiderSettings(rankers={"spider": ranker, "other": ranker}),
    )


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Truths, scores and cards of these, and in each table something that is not asked for."""
    workspace = Workspace(tmp_path)
    for number, (ptm, zoo) in enumerate(PTMS.items()):
        of_zoo = [target for target, task in TARGETS.items() if ZOO[task] == zoo]
        runs = [
            {"dataset": target, "seed": seed, "test": 0.1 * number + 0.2 * seed, "chosen": chosen}
            for target in [*of_zoo, "gone"]
            for seed, chosen in ((0, 1), (1, 1), (2, 0))
        ]
        table = pd.DataFrame(runs).assign(learning_rate=0.1, validation=0.5)
        write_csv(table.assign(task=table["dataset"].map(TARGETS | {"gone": "vqa"})), workspace.truth(ptm))
    for target, task in TARGETS.items():
        ptms = [ptm for ptm, zoo in PTMS.items() if ZOO[task] == zoo]
        methods = ["logme", "spider", "spider_k0", "spider_constant", "other_k0", "gone", "borda_all"]
        rows = [{"dataset": target, "ptm": ptm, "method": m, "score": 1.0} for ptm in ptms for m in methods]
        write_csv(pd.DataFrame(rows).assign(reason=""), workspace.scores(target))
    monkeypatch.setattr(results, "read_dataset", lambda workspace, role, name, part: FakeSplit(part))
    monkeypatch.setattr(results, "chosen_k", lambda workspace, params: {"spider": 2, "other": 1})
    card = SimpleNamespace(architecture="x", source="y", n_parameters=1, source_accuracy=0.5)
    monkeypatch.setattr(results, "read_card", lambda workspace, ptm: card)
    return workspace


def test_a_zoo_has_its_ptms_and_the_targets_of_their_truth(workspace: Workspace, params: Params) -> None:
    zoos = results.zoos(workspace, params)
    assert [*zoos] == ["image_classification", "caption"]
    images, captions = zoos.values()
    assert {*images.truth["dataset"]} == {"digits", "scale"} and {*captions.truth["dataset"]} == {"night"}
    assert images.truth.set_index(["dataset", "ptm"])["task"]["scale", "vit"] == "regression"
    assert images.cards["ptm"].tolist() == ["vit", "resnet"]
    assert {*captions.scores["ptm"]} == {"teller"} and {*captions.scores["dataset"]} == {"night"}
    assert {*images.scores["method"]} == {"logme", "spider", "spider_k0", "spider_constant", "borda_all"}
    assert images.blind == (*BLIND, "spider_constant")
    about = images.truth[["family", "classes", "train", "test"]].drop_duplicates()
    assert about.to_numpy().tolist() == [["drawn", 2, 30, 7]]
    assert images.forwards == {"spider": 3, "spider_k0": 1}


def test_rows_that_left_the_family_out_are_those_of_their_method(workspace: Workspace, params: Params) -> None:
    table = pd.read_csv(workspace.scores("scale"))
    more = [
        table.assign(method=name) for name in ("spider_family_out", "spider_constant_family_out", "gone_family_out")
    ]
    write_csv(pd.concat([table, *(each.drop_duplicates(["ptm"]) for each in more)]), workspace.scores("scale"))
    methods = {*results.scores(workspace, params, "image_classification")["method"]}
    assert methods >= {"spider_family_out", "spider_constant_family_out"} and "gone_family_out" not in methods


def test_truth_is_the_mean_of_the_chosen_runs(workspace: Workspace, params: Params) -> None:
    row = results.truth(workspace, params, "caption").iloc[0]
    assert row["value"] == pytest.approx(0.3) and row["noise"] == pytest.approx(0.02**0.5) and row["seeds"] == 2


def test_a_zoo_without_targets_is_no_part_of_the_report(workspace: Workspace, params: Params) -> None:
    without = params.model_copy(update={"targets": {"digits": DatasetSettings()}})
    assert [*results.zoos(workspace, without)] == ["image_classification"]


def test_a_table_that_is_missing_is_named(workspace: Workspace, params: Params) -> None:
    workspace.truth("vit").unlink()
    with pytest.raises(FileError, match=r"finetune/vit\.csv: not found"):
        results.zoos(workspace, params)


def test_weights_are_those_of_emms_or_none(tmp_path: Path, params: Params) -> None:
    """A target without EMMS, or one that is its own label, has no weights: they are missing, not an error."""
    workspace = Workspace(tmp_path)
    assert results.weights(workspace, params) is None
    without = pd.DataFrame({"dataset": ["digits"], "ptm": ["vit"], "encoder": ["wordllama"]})
    write_csv(without.assign(logme_labels=0.5), workspace.weights("digits"))
    assert results.weights(workspace, params) is None
    write_csv(without.assign(dataset="scale", weight=1.0), workspace.weights("scale"))
    assert results.weights(workspace, params)["dataset"].tolist() == ["scale"]


def test_seconds_are_shown_where_all_was_scored_here(tmp_path: Path, params: Params) -> None:
    workspace = Workspace(tmp_path)
    for target in TARGETS:
        assert results.seconds(workspace, params) is None
        row = pd.DataFrame({"dataset": [target], "ptm": "vit", "method": "logme", "seconds": 0.5})
        write_csv(row, workspace.seconds(target))
    assert {*results.seconds(workspace, params)["dataset"]} == {*TARGETS}
