"""Results of a benchmark as small tables that git keeps."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from orbweaver.core.errors import FileError
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.settings import DatasetSettings, PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.params import Params
from orbweaver.pipeline.publish import publish
from orbweaver.tasks.finetune import published_runs, runs_of

RUN = {"learning_rate": 0.003, "weight_decay": 0.05, "validation": 0.5, "second": None}
RUN |= {"task": "image_classification", "protocol": "abc"}


@pytest.fixture
def params() -> Params:
    spec = PtmSettings(architecture="x", source="y")
    ptms = {"a": spec, "b": spec, "no_candidate": spec.model_copy(update={"candidate": False})}
    return Params.model_construct(targets={"digits": DatasetSettings()}, ptms=ptms, truth="finetune")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path)
    for ptm, test in (("a", 0.123456789), ("b", 0.9)):
        runs = [{"dataset": "digits", **RUN, "seed": seed, "test": test + seed, "chosen": 1} for seed in range(2)]
        write_csv(pd.DataFrame(runs), workspace.truth(ptm))
    rows = [{"dataset": "digits", "ptm": p, "method": "logme", "score": 123456.789 if p == "a" else None} for p in "ab"]
    write_csv(pd.DataFrame(rows), workspace.scores("digits"))
    write_csv(pd.DataFrame({"method": ["logme"], "mean": [0.5]}), workspace.reports() / "tau.csv")
    (workspace.reports() / "figures").mkdir()
    for name in ("regret", "scatter_logme", "vqa_scatter_logme"):  # of several zoos the zoo stands in front
        (workspace.reports() / "figures" / f"{name}.svg").write_text("<svg/>")
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n")
    return workspace


def test_the_tables_that_git_keeps(workspace: Workspace, params: Params) -> None:
    written = [path.relative_to(workspace.root).as_posix() for path in publish(workspace, params, "small")]
    assert written == [
        "data/published/small/truth.csv", "docs/small/scores.csv", "docs/small/tau.csv", "docs/small/regret.svg",
        "docs/small/dvc.lock",
    ]  # fmt: skip
    scores = pd.read_csv(workspace.root / "docs/small/scores.csv")
    assert scores["score"][0] == 123457 and pd.isna(scores["score"][1])


def test_the_published_runs_are_a_truth(workspace: Workspace, params: Params) -> None:
    publish(workspace, params, "small")
    table = published_runs(workspace.published / "small")
    rows = runs_of(table, "a", "digits", "abc")
    assert [(run.seed, run.test, run.chosen) for run in rows] == [(0, 0.123457, True), (1, 1.123457, True)]


@pytest.mark.parametrize(("truth", "written"), [("finetune", True), ("small", True), ("parc", False)])
def test_only_runs_are_published(workspace: Workspace, params: Params, truth: str, written: bool) -> None:
    """Its own table may have got seeds and PTMs that it lacked; a paper's table is nobody's runs."""
    paths = publish(workspace, params.model_copy(update={"truth": truth}), "small")
    assert any(path.name == "truth.csv" for path in paths) == written


def test_what_is_missing_is_named(workspace: Workspace, params: Params) -> None:
    workspace.truth("b").unlink()
    with pytest.raises(FileError, match=r"finetune/b\.csv: not found"):
        publish(workspace, params, "small")
