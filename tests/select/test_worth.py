"""What the default ranking is worth: figures that can be told by hand, and a command that writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orbweaver.core.errors import FileError
from orbweaver.select.measured import worth

PTMS = [*"abcdef"]


def made_up() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six PTMs. On three pictures' targets every method is right, but that the probe from inside puts the best one
    last; on one regression all are wrong."""
    truths, scores = [], []
    for target, task, values in (
        ("x", "image_classification", np.arange(6) / 10),
        ("y", "image_classification", 0.3 + np.arange(6) / 10),
        ("z", "image_classification", 0.2 + np.arange(6) / 10),
        ("v", "regression", -1.0 - np.arange(6)),
    ):
        truths += [(target, task, ptm, value) for ptm, value in zip(PTMS, values, strict=True)]
        for method in ("probe", "probe_inner", "logme", "logme_inner"):
            of = np.arange(6) / 10 + 0.2
            if method == "probe_inner" and task != "regression":
                of[5] = 0.0
            scores += [(target, ptm, method, value) for ptm, value in zip(PTMS, of, strict=True)]
    return (
        pd.DataFrame(truths, columns=["dataset", "task", "ptm", "value"]),
        pd.DataFrame(scores, columns=["dataset", "ptm", "method", "score"]),
    )


def test_tau_and_what_is_lost_are_told_by_task() -> None:
    table = worth.of_default(*made_up(), {"x": "f", "y": "f"}, draws=20).set_index(["task", "ranking"])
    pictures = table.loc["image_classification"]
    assert pictures.loc["probe", ["targets", "families"]].tolist() == [3, 2]
    assert pictures.loc["probe", ["tau", "tau_low", "tau_high", "lost_1", "lost_3"]].tolist() == [1, 1, 1, 0, 0]
    assert pictures.loc["probe_inner", "lost_1"] == pytest.approx(10)  # of 0.5 the second best has 0.4
    assert pictures.loc["probe_inner", "tau"] < pictures.loc["default", "tau"] < 1
    values = table.loc["regression"]
    assert values.loc["probe", "tau"] == -1 and values.loc["probe", "lost_1"] == pytest.approx(500)  # 6 instead of 1
    assert values.loc["probe", "lost_3"] == pytest.approx(300)


def test_coverage_leaves_families_out_and_is_told_where_there_are_enough() -> None:
    truth, scores = made_up()
    table = worth.of_calibration(truth, scores, {}).set_index("ranking")
    assert {*table["task"]} == {"image_classification"} and table.loc["probe", "inside"] == pytest.approx(1, abs=0.4)
    assert (table["points"] > 0).all()
    few = worth.of_calibration(truth, scores, {"x": "f", "y": "f"})
    assert few["inside"].isna().all() and not few["shown"].any()


def test_the_command_writes_both_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    truth, scores = made_up()
    (tmp_path / "docs/own").mkdir(parents=True)
    (tmp_path / "data/published/own").mkdir(parents=True)
    runs = pd.concat([truth.assign(test=truth["value"] + off, chosen=1) for off in (-0.01, 0.01)])
    runs = pd.concat([runs, truth.assign(test=9.0, chosen=0)])  # a learning rate that was not chosen
    runs.to_csv(tmp_path / "data/published/own/truth.csv", index=False)
    scores.to_csv(tmp_path / "docs/own/scores.csv", index=False)
    worth.main(["own"])
    table = pd.read_csv(tmp_path / "docs/own/default.csv")
    assert table.query("task == 'image_classification' and ranking == 'probe'")["tau"].tolist() == [1]
    assert (tmp_path / "docs/own/coverage.csv").exists()
    with pytest.raises(FileError, match="not found"):
        worth.main(["nothing"])
