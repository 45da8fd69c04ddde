"""`Ranking` for programs and notebooks, its page, what is explained, time before work, and a hub that is not there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orbweaver.core.errors import FileError, UnknownName, UserError
from orbweaver.core.settings import PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.readers import own
from orbweaver.data.readers.labels import DataError
from orbweaver.methods import METHODS
from orbweaver.select import command, explain, hub, job, progress
from orbweaver.select.job import AT_CHANCE
from orbweaver.select.order import order
from orbweaver.select.ranking import rank
from orbweaver.select.told.page import frontier
from orbweaver.select.told.result import MEANINGS
from orbweaver.select.zoo import named as zoo_module
from tests.conftest import ROOT
from tests.select.conftest import picture
from tests.select.test_ranking import PUBLIC, stand_in


@pytest.fixture(autouse=True)
def few_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "HALVES", 6)


class _Places(HTMLParser):
    """Addresses that a page asks for, and what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.words: list[str] = []
        self.titles: list[str] = []

    def handle_starttag(self, tag: str, attributes: list) -> None:
        self.titles += [value for name, value in attributes if name == "title" and tag == "th"]
        self.asked += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_a_ranking_is_a_table_a_figure_a_page_and_json(pictures: Path, zoo: Path, tmp_path: Path) -> None:
    ranking = rank(pictures, budget=12)
    assert len(ranking) == 2 and ranking.best == ranking.table["ptm"][0]
    found = json.loads(ranking.to_json())
    assert found["advice"] == ranking.advice and len(found["ranking"]) == 2 and found["what"] == "images"
    assert len(ranking.plot().axes) == 2
    shown = ranking._repr_html_()
    assert all(name in shown for name in ranking.table["ptm"]) and "&amp;" not in ranking.head()
    page = _Places()
    page.feed(ranking.report(tmp_path / "r.html").read_text())
    assert all(each.startswith(("#", "data:image/jpeg;base64,")) for each in page.asked)
    assert sum(each.startswith("data:") for each in page.asked) == 12
    text = " ".join(page.words)
    assert {*page.titles} >= {MEANINGS[name] for name in ("probe", "half-samples", "first", "parameters", "time")}
    assert all(meaning in text for meaning in page.titles) and "multiply-adds" not in text
    known = replace(ranking, table=ranking.table.assign(gmacs=[0.5, 1.0]))
    assert "thousand million multiply-adds" in known.report(tmp_path / "g.html").read_text()
    assert (ranking.table["forward"] > 0).all() and "milliseconds a sample" in text
    again = rank(pictures, budget=12)  # nothing is timed twice
    assert again.table["forward"].tolist() == ranking.table["forward"].tolist()
    untimed = replace(ranking, table=ranking.table.assign(forward=[0.01, np.nan]))
    assert "milliseconds a sample" not in untimed.report(tmp_path / "u.html").read_text()
    assert "Äpfel & Birnen" in text and ranking.advice[0] in text and all(note in text for note in ranking.notes)


def test_ptms_may_be_chosen_by_what_the_data_are(pictures: Path, zoo: Path) -> None:
    asked = []

    def choose(what: str) -> list[str]:
        asked.append(what)
        return ["vit_sprites", "byobnet_sprites"]

    ranking = rank(pictures, budget=12, ptms=choose)
    assert asked == ["images"] and len(ranking) == 2
    assert f"--ptm {ranking.best}" in ranking.advice[-1]  # the command names whom it advises


def test_public_ptms_within_limits_are_ranked(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def small(name: str, spec: PtmSettings, *how: object) -> object:
        return stand_in(name, spec.model_copy(update={"architecture": "test_resnet.r160_in1k"}), *how)

    monkeypatch.setattr(zoo_module, "fetched", small)
    monkeypatch.chdir(tmp_path)
    limits = ["--zoo", "public", "--candidates", "2", "--max-parameters", "6", "--json"]
    command.main(["rank", str(pictures), "--budget", "8", *limits])
    names = [row["ptm"] for row in json.loads(capsys.readouterr().out)["ranking"]]
    assert len(names) == 2 and all(name.startswith("timm/") for name in names)


def test_the_front_is_what_nothing_smaller_matches() -> None:
    cost, value = np.array([1.0, 2, 3, 4, 2]), np.array([0.5, 0.7, 0.6, 0.8, 0.7])
    assert frontier(cost, value, False) == [0, 1, 3]
    assert frontier(cost, value, True) == [0]


def test_what_was_ranked_is_told_again_without_torch(
    pictures: Path, tmp_path: Path, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i, name in enumerate(("timm/test_resnet.a", "timm/test_resnet.b")):
        spec = PtmSettings(architecture="test_resnet.r160_in1k", source="imagenet")
        stand_in(name, spec, [f"c{j}" for j in range(3 + i)], Workspace(kept).ptm(name), tmp_path)
    asked = ["timm/test_resnet.a", "timm/test_resnet.b"]
    monkeypatch.chdir(tmp_path)
    assert rank(pictures, budget=12, ptms=asked).table["forwards"].tolist() == [3 * 24] * 2
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from orbweaver.select import ranking\n"
        "from orbweaver.select.order import order\n"
        "order.HALVES = 6\n"
        f"table = ranking.rank(sys.argv[2], budget=12, ptms={asked}).table\n"
        "print(table['forwards'].tolist(), 'torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(ROOT), str(pictures)], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[0, 0] False"


def test_time_is_told_before_and_progress_without_a_terminal(
    pictures: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    rank(pictures, budget=12, verify=1)
    said = capsys.readouterr().err
    assert re.search(r"forwarding 24 images through 2 PTMs on \d+ cores?: .* at most, estimated", said)
    assert re.search(r"fine-tuning 1 PTM on \d+ cores?: about", said)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    rank(pictures, budget=13)
    said = capsys.readouterr().err
    for doing in ("getting the PTMs' weights", "timing a batch of each PTM", "forwarding and scoring"):
        assert f"{doing}: 1 of 2 PTMs, " in said
    assert list(progress.steps("abc", "work", "letters")) == ["a", "b", "c"]
    assert capsys.readouterr().err.splitlines()[-1].startswith("work: 2 of 3 letters, under a second left")
    assert [progress.minutes(s) for s in (0.2, 20, 300, 7200)] == ["under a second", "20 s", "5 min", "2.0 h"]


def test_a_ptm_that_cannot_be_had_is_left_out_by_name(
    pictures: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(name: str, *how: object) -> object:
        if name == PUBLIC:
            return stand_in(name, *how)
        raise FileError(f"'{name}': its weights cannot be downloaded")

    monkeypatch.setattr(zoo_module, "fetched", fetched)
    ranking = rank(pictures, budget=8, ptms=[PUBLIC, "timm/resnet18.a1_in1k", "vit_sprites"])
    assert {*ranking.table["ptm"]} == {PUBLIC, "vit_sprites"}
    assert any(note.startswith("timm/resnet18.a1_in1k was left out: ") for note in ranking.notes)

    def fails(name: str, *how: object) -> object:
        if name == PUBLIC:
            return stand_in(name, *how)
        raise AssertionError("Expected gradient function to be set")  # some library's own

    monkeypatch.setattr(zoo_module, "fetched", fails)
    ranking = rank(pictures, budget=8, ptms=[PUBLIC, "timm/resnet18.a1_in1k"])
    assert any("resnet18.a1_in1k was left out: AssertionError: Expected" in note for note in ranking.notes)
    (zoo / "data/zoo/vit_sprites/model.safetensors").write_bytes(b"damaged")
    ranking = rank(pictures, budget=9, ptms=["vit_sprites", "byobnet_sprites"])
    assert ranking.table["ptm"].tolist() == ["byobnet_sprites"]
    assert any("vit_sprites was left out" in note and "not the checkpoint" in note for note in ranking.notes)
    with pytest.raises(UserError, match="not the checkpoint"):
        rank(pictures, budget=9, ptms=["vit_sprites"])


def test_a_full_disk_is_one_sentence(pictures: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orbweaver.core.files.os.fsync", full)
    with pytest.raises(SystemExit) as stopped:
        command.main(["rank", str(pictures), "--budget", "10"])
    assert "No space left on device" in str(stopped.value.code) and "what is finished is kept" in str(
        stopped.value.code
    )


def test_every_column_is_explained_and_no_accuracy_is_over_one_or_below_none(
    pictures: Path, zoo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "interval", lambda *_: (-0.1, 1.1))
    ranking = rank(pictures, budget=20, verify=1)
    assert all(name.partition(" ")[0] in MEANINGS for name in ranking.cells())
    assert ranking.table["probe_high"].tolist() == [1, 1] and ranking.table["probe_low"].tolist() == [0, 0]


def test_everything_that_can_be_asked_for_is_explained(capsys: pytest.CaptureFixture) -> None:
    assert {*METHODS, "spider", "race", "regression"} <= {*explain.topics()}
    assert all(len(said) > 20 for said in explain.topics().values())
    command.main(["explain", "logme"])
    assert "evidence" in capsys.readouterr().out.lower()
    with pytest.raises(UnknownName, match="did you mean 'logme'"):
        explain.explain("logm")
    with pytest.raises(UnknownName, match="nothing is called 'budget': `orbweaver explain` lists"):
        explain.explain("budget")
    with pytest.raises(UnknownName, match=r"`orbweaver zoo timm/resnet50\.a1_in1k` tells of a PTM"):
        explain.explain("timm/resnet50.a1_in1k")


@pytest.mark.parametrize(("text", "budget"), [("200", (200, None)), ("10min", (500, 10)), ("1.5 h", (500, 90))])
def test_a_budget_is_samples_or_minutes(text: str, budget: tuple) -> None:
    assert command.parsed(["rank", ".", "--budget", text]).budget == budget


# --- the hub -------


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache with one dataset, in its layout, and no network."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "hub/datasets--someone--films/snapshots/0123/default/train"
    folder.mkdir(parents=True)
    pd.DataFrame({"text": ["good", "bad"] * 6, "label": ["a", "b"] * 6}).to_parquet(folder / "0000.parquet")
    return tmp_path / "hub"


def test_a_dataset_of_the_hub_is_read_from_its_cache_and_a_near_one_is_named(offline: Path) -> None:
    listing = own.read(hub.resolved("someone/films"))
    assert listing.task == "text_classification" and len(listing.targets) == 12
    with pytest.raises(DataError, match=r"'someone/film' is no path here.*did you mean 'someone/films'\?"):
        hub.resolved("someone/film")


def test_of_a_dataset_of_the_hub_the_training_files_of_one_configuration_are_taken() -> None:
    files = [("b/train/0000.parquet", 10), ("a/test/0000.parquet", 1), ("a/train/0001.parquet", 10)]
    assert hub.chosen([*files, ("a/train/0000.parquet", 5 * 2**30)]) == ["a/train/0000.parquet"]
    assert hub.chosen(files) == ["a/train/0001.parquet"]
    assert hub.chosen([*files, ("default/train/0000.parquet", 1)]) == ["default/train/0000.parquet"]
    assert hub.chosen([("a/test/0000.parquet", 1)]) == []


def test_paths_are_left_alone(tmp_path: Path) -> None:
    assert hub.resolved(tmp_path) == tmp_path
    assert hub.resolved("./owner/name") == "./owner/name"


def test_the_kept_ranking_of_a_value_is_in_its_unit(tmp_path: Path, zoo: Path) -> None:
    paths = [picture(tmp_path / "v" / f"{i}.png", i, colour=i) for i in range(40)]
    values = 100.0 + 50.0 * (np.arange(40) % 3) + 0.5
    pd.DataFrame({"path": paths, "price": values}).to_csv(tmp_path / "v.csv", index=False)
    ranking = rank(tmp_path / "v.csv", label_column="price", methods=[order.LEVEL])
    assert ranking.unit.name == "RMSE"
    assert ranking.about["methods"] == [order.LEVEL]
    expected = values.std() * np.sqrt(np.maximum(0, 1 - ranking.table["score"]))
    assert ranking.table["probe"].to_numpy() == pytest.approx(expected.to_numpy())
    assert "(RMSE)" in ranking.advice[0]
    assert AT_CHANCE in ranking.notes
    table = pd.read_csv(ROOT / "docs/standard/default.csv").query("task == 'regression'")
    assert (table["tau_low"] < 0).all() and (table["targets"] == 4).all()  # as the note says


def test_what_fine_tuning_gave_of_a_value_is_an_error_as_the_probe_is(tmp_path: Path, zoo: Path) -> None:
    paths = [picture(tmp_path / "v" / f"{i}.png", i, colour=i) for i in range(40)]
    pd.DataFrame({"path": paths, "price": 100.5 + 50 * (np.arange(40) % 3)}).to_csv(tmp_path / "v.csv", index=False)
    ranking = rank(tmp_path / "v.csv", label_column="price", methods=[order.LEVEL], verify=2)
    table = ranking.table
    assert (table["real"] > 0).all() and ranking.best == table.loc[table["real"].idxmin(), "ptm"]
    assert f"{ranking.best} is best: RMSE {table['real'].min():.4g}" in ranking.advice[0]
    assert json.loads(ranking.to_json())["metric"] == "RMSE" and "minus" not in str(ranking)


def test_of_several_labels_the_column_says_what_fine_tuning_is_measured_by(tmp_path: Path, zoo: Path) -> None:
    random, rows = np.random.default_rng(0), []
    for i in range(40):
        shown = random.random(2) < 0.5
        shown[i % 2] = True
        rows.append(
            (picture(tmp_path / "v" / f"{i}.png", i, colour=int(shown[1])), "|".join(np.array(["a", "b"])[shown]))
        )
    pd.DataFrame(rows, columns=["path", "labels"]).to_csv(tmp_path / "v.csv", index=False)
    ranking = rank(tmp_path / "v.csv", task="multilabel", methods=[order.LEVEL], verify=1)
    assert {"probe (R²)", "real (mean average precision)"} <= {*ranking.cells()}
    assert ranking.about["metric"] == "mean average precision"
