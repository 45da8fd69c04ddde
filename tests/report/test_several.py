"""The report of several zoos: an evaluation each, one table of all, the same bytes from run to run."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orbweaver.metrics.tau import weighted_tau
from orbweaver.report import tables
from orbweaver.report.build import Report, build
from orbweaver.report.evaluate import Zoo
from tests.report.test_build import Strict


def a_zoo(task: str, seed: int) -> Zoo:
    random = np.random.default_rng(seed)
    ptms, targets = [f"{task}{i}" for i in range(6)], [f"{task}_a", f"{task}_b"]
    pairs = [(target, ptm) for target in targets for ptm in ptms]
    truth = pd.DataFrame([{"dataset": d, "ptm": p, "task": task, "value": random.random()} for d, p in pairs])
    perfect = truth.rename(columns={"value": "score"}).assign(method="emms")
    silent = perfect.assign(method="logme", score=np.nan if task == "extractive_qa" else random.random(len(pairs)))
    cards = pd.DataFrame({"ptm": ptms, "n_parameters": random.permutation(6), "source_accuracy": random.random(6)})
    scores = pd.concat([perfect, silent])[["dataset", "ptm", "method", "score"]]
    return Zoo(truth, scores, cards.assign(architecture="x", source="y"))


@pytest.fixture(scope="module")
def zoos() -> dict[str, Zoo]:
    return {"caption": a_zoo("caption", 0), "extractive_qa": a_zoo("extractive_qa", 1)}


def made(zoos: dict[str, Zoo]) -> Report:
    weights = pd.DataFrame({"dataset": "caption_a", "ptm": "caption0", "encoder": ["bert", "llama"], "weight": 0.5})
    return build(zoos, 0, 20, weights=weights)


@pytest.fixture(scope="module")
def report(zoos: dict[str, Zoo]) -> Report:
    return made(zoos)


def test_each_zoo_is_examined_by_itself(zoos: dict[str, Zoo], report: Report, tmp_path: Path) -> None:
    report.write(tmp_path)
    tau = pd.read_csv(tmp_path / "tau.csv").set_index(["zoo", "method"])
    assert tau["mean"]["caption", "emms"] == tau["mean"]["extractive_qa", "emms"] == 1
    assert tau["caption_a"]["caption", "emms"] == 1 and np.isnan(tau["caption_a"]["extractive_qa", "emms"])
    zoo = zoos["caption"]
    ours = zoo.scores.query("method == 'logme'").merge(zoo.truth, on=["dataset", "ptm"])
    expected = np.mean([weighted_tau(rows["value"], rows["score"]) for _, rows in ours.groupby("dataset")])
    assert np.isclose(tau["mean"]["caption", "logme"], expected, atol=1e-6)
    assert np.isnan(tau["mean"]["extractive_qa", "logme"])
    assert {"parameters", "source_accuracy", "mean_truth_elsewhere"} <= {*tau.index.get_level_values("method")}
    metrics = json.loads((tmp_path / "metrics.json").read_text())["weighted_tau"]
    assert metrics["extractive_qa"]["emms"]["extractive_qa_a"] == 1
    for table in ("measures.csv", "truth.csv"):
        assert {*pd.read_csv(tmp_path / table)["zoo"]} == {*zoos}


def test_a_zoo_has_the_numbers_that_it_has_alone(zoos: dict[str, Zoo], report: Report) -> None:
    for name, zoo in zoos.items():
        alone = build({name: zoo}, 0, 20)
        pd.testing.assert_frame_equal(alone.evaluations[name].tau, report.evaluations[name].tau)
        assert alone.files["figures/heat_map.svg"] == report.files[f"figures/{name}_heat_map.svg"]
        assert "zoo" not in alone.files["tau.csv"].splitlines()[0].split(",")


def test_two_builds_give_the_same_bytes(zoos: dict[str, Zoo], report: Report) -> None:
    first, second = report, made(zoos)
    assert first.files == second.files and first.page == second.page


def test_one_table_of_all(report: Report) -> None:
    table = tables.overview(report.evaluations).set_index("method")
    assert table.loc["emms", "caption"].startswith("+1.00*")
    assert table.loc["emms", "caption"].endswith("(+1.00)")  # the symmetric mean
    assert table.loc["logme", "extractive_qa"] == "-"
    text = tables.text_table(report.evaluations)
    assert "emms" in text and text.count("cannot be told from the highest mean (") == 2  # each zoo has its own notes
    markdown = tables.markdown_table(report.evaluations)
    assert markdown.startswith(r"| method | caption | extractive\_qa |") and r"*source\_accuracy*" in markdown


def test_a_method_that_scored_some_ptms_alone_is_marked(zoos: dict[str, Zoo]) -> None:
    scores = zoos["caption"].scores
    lost = scores["method"].eq("emms") & scores["ptm"].eq(scores["ptm"].iloc[0])
    fewer = zoos | {"caption": replace(zoos["caption"], scores=scores[~lost])}
    table = tables.overview(build(fewer, 0, 20).evaluations).set_index("method")
    assert [method for method in table.index if "~" in table.loc[method, "caption"]] == ["emms"]
    assert not table["extractive_qa"].str.contains("~").any()


def test_the_page_has_a_part_for_each(report: Report) -> None:
    page = report.page
    assert page.count("<svg") == len([name for name in report.files if name.endswith(".svg")])
    assert "http" not in page.replace("http://www.w3.org", "")
    for section in ("overview", "caption", "caption_truth", "caption_weights", "extractive_qa_scores"):
        assert f'<section id="{section}">' in page
    assert 'id="extractive_qa_weights"' not in page  # EMMS' weights are of the captions
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    Strict().feed(page)
