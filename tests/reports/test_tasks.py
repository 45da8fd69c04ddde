"""The report of several tasks: an evaluation each, one table of all, the same bytes from run to run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from stages.reports import tasks
from stages.reports.tau import weighted_tau


def task_tables(kind: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(seed)
    ptms, targets = [f"{kind}{i}" for i in range(6)], [f"{kind}_a", f"{kind}_b"]
    pairs = [(target, ptm) for target in targets for ptm in ptms]
    truth = pd.DataFrame([{"dataset": d, "ptm": p, "kind": kind, "value": random.random()} for d, p in pairs])
    perfect = truth.rename(columns={"value": "score"}).assign(method="emms")
    silent = perfect.assign(method="logme", score=np.nan if kind == "tqa" else random.random(len(pairs)))
    cards = pd.DataFrame({"ptm": ptms, "n_parameters": random.permutation(6), "source_accuracy": random.random(6)})
    return truth, pd.concat([perfect, silent])[["dataset", "ptm", "method", "score"]], cards


def test_each_task_is_examined_by_itself(some_weights: pd.DataFrame, tmp_path: Path) -> None:
    of_task = {"caption": task_tables("caption", 0), "tqa": task_tables("tqa", 1)}
    evaluations = tasks.build(of_task, 0, tmp_path, 20, some_weights)
    first = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    tasks.build(of_task, 0, tmp_path, 20, some_weights)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == first

    tau = pd.read_csv(tmp_path / "tau.csv").set_index(["task", "method"])["mean"]
    assert tau["caption", "emms"] == tau["tqa", "emms"] == 1
    truth, scores, _ = of_task["caption"]
    ours = scores.query("method == 'logme'").merge(truth, on=["dataset", "ptm"])
    expected = np.mean([weighted_tau(rows["value"], rows["score"]) for _, rows in ours.groupby("dataset")])
    assert np.isclose(tau["caption", "logme"], expected, atol=1e-6)
    assert np.isnan(tau["tqa", "logme"])
    assert {"parameters", "source_accuracy", "mean_truth_elsewhere"} <= {*tau.index.get_level_values("method")}
    metrics = json.loads((tmp_path / "metrics.json").read_text())["weighted_tau"]
    assert metrics["tqa"]["emms"]["tqa_a"] == 1

    table = tasks.overview(evaluations).set_index("method")
    assert table.loc["emms", "caption"].startswith("+1.00*")
    assert table.loc["logme", "tqa"] == "-"
    assert "emms" in tasks.text(evaluations)
    page = (tmp_path / "index.html").read_text()
    assert page.count("<svg") == 7  # three a task, and the weights
    assert "http" not in page.replace("http://www.w3.org", "")
