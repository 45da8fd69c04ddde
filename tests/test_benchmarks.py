"""Ready-made benchmarks: each is valid, its published truth is complete, and choosing one loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from stages import files, params
from stages.benchmarks.__main__ import BenchmarkError, choose, known
from stages.data.mixtures import SINGLE_SOURCE, published_mixtures
from stages.finetune.__main__ import published
from stages.plan import DvcError
from tests.conftest import ROOT, TINY, clone_repository, run

# stages: a source, a target, three of a PTM, an encoder, a target's scores, Model Spider's tasks, the report
STAGES = {"single_source": 53, "multi_source": 154, "emms_cnn": 61, "emms_vit": 67, "caption": 43}


@pytest.mark.parametrize("name", list(STAGES))
def test_every_benchmark_is_valid_and_has_its_published_truth(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    p = params.load(known()[name])
    count = len(p.datasets) + 3 * len(p.ptms) + len(p.encoders) + len(p.targets) + 2
    assert count + len(p.sources.keys() & p.targets.keys()) == STAGES[name]
    assert p.truth != "finetune"
    for ptm in p.ptms:
        for row in published(ptm, list(p.targets), p):
            assert -500 < row["test"] < 1
            assert row["chosen"] == 1


def test_published_values_are_those_of_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Goldens: cells read off the papers' tables."""
    monkeypatch.chdir(ROOT)
    for name, ptm, target, value in (
        ("single_source", "googlenet", "aircraft", 0.827),
        ("single_source", "inception_v3", "dsprites", -0.044),
        ("emms_cnn", "resnet34", "aircraft", 0.8406),
        ("emms_vit", "deit_base", "aircraft", 0.7839),
        ("caption", "vit_bert", "flickr8k", 0.18513),
        ("multi_source", "densenet201_aid", "stl10", 0.9238),
    ):
        assert published(ptm, [target], params.load(known()[name]))[0]["test"] == pytest.approx(value)


def test_a_published_table_without_a_pair_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    p = params.load(known()["emms_cnn"])
    with pytest.raises(params.ParamsError, match="emms_cnn has no value of PTM 'resnet34' on target 'dogs'"):
        published("resnet34", ["cars", "dogs"], p)


def test_an_unknown_table_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    values = yaml.safe_load(known()["emms_cnn"].read_text()) | {"truth": "ems_cnn"}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values))
    with pytest.raises(params.ParamsError, match="did you mean 'emms_cnn'"):
        params.load(tmp_path / "params.yaml")


def test_choosing_loses_no_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clone_repository(tmp_path, TINY)
    monkeypatch.chdir(tmp_path)
    path, mini, lock = Path("params.yaml"), Path("params.yaml").read_text(), Path("dvc.lock")
    entries = "schema: '2.0'\nstages:\n" + "".join(f"  {s}:\n    cmd: x\n" for s in ("zoo@vit_sprites", "reports"))
    lock.write_text(entries)
    run(tmp_path, "git", "add", "dvc.lock")
    run(tmp_path, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "lock")
    choose("single_source")
    assert path.read_text() == known()["single_source"].read_text()
    assert list(yaml.safe_load(lock.read_text())["stages"]) == ["reports"]  # DVC reads and writes all of it each time
    choose("emms_vit")
    choose("mini")
    assert path.read_text() == mini
    assert lock.read_text() == entries
    for damaged in (entries[:-9], entries[:-5], entries + "\0"):
        lock.write_text(damaged)
        with pytest.raises(DvcError, match=r"dvc\.lock"):
            choose("single_source")
        assert (path.read_text(), lock.read_text()) == (mini, damaged)
    path.write_text(mini + "# mine\n")
    with pytest.raises(BenchmarkError, match=r"params\.yaml has changes that would be lost"):
        choose("caption")
    assert path.read_text() == mini + "# mine\n"
    with pytest.raises(params.ParamsError, match="unknown benchmark 'single_sorce': did you mean 'single_source'"):
        choose("single_sorce")


def test_the_mixtures_of_model_spider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    ten, many = published_mixtures(10), published_mixtures(42)
    assert len(ten) == len(many) == 96
    labels = pd.read_csv(files.PUBLISHED / "single_source/training_labels.csv")
    released = {mixture.name: mixture for mixture in ten if mixture.released}
    assert {*released} == {*labels["mixture"]}
    assert len(released) == 13
    for row in labels.itertuples():
        assert released[row.mixture].ranks[row.ptm] == row.rank_0_worst
    assert {*ten[0].ranks} == {*SINGLE_SOURCE}
    used = {source for mixture in released.values() for source in mixture.classes}
    assert used == {"eurosat", "officehome", "pacs", "smallnorb", "stl10", "vlcs"}
    from stages.data import catalogue

    assert {source for mixture in ten + many for source in mixture.classes} <= {*catalogue()}
    with pytest.raises(ValueError, match="not for one of 11"):
        published_mixtures(11)


@pytest.mark.slow
@pytest.mark.parametrize("name", list(STAGES))
def test_dvc_plans_every_benchmark(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`dvc dag` and `dvc repro --dry` of the whole; prints what DVC itself costs on this machine.

    A dry run of DVC wants the outputs of earlier stages to be there, so each is there with something in it.
    """
    clone_repository(tmp_path, yaml.safe_load(known()[name].read_text()))
    monkeypatch.chdir(ROOT)
    p = params.load(known()[name])
    folders = [f"data/{role}/{one}" for role in ("sources", "targets") for one in getattr(p, role)]
    folders += [f"{room}/{ptm}" for room in ("data/zoo", "features") for ptm in p.ptms]
    folders += [f"labels/{encoder}" for encoder in p.encoders]
    made = [f"{folder}/x" for folder in folders] + [f"scores/finetune/{ptm}.csv" for ptm in p.ptms]
    made.append("scores/spider/tasks.h5")
    for path in made + [f"scores/{part}{one}.csv" for part in ("", "weights/") for one in p.targets]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    for command in (["dag"], ["repro", "--dry"]):
        start = time.perf_counter()
        done = subprocess.run(["dvc", *command], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        print(name, *command, f"{time.perf_counter() - start:.0f} s")
        if command == ["dag"]:
            assert "reports" in done.stdout
        else:
            assert done.stdout.count("Running stage") == STAGES[name]
