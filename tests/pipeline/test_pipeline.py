"""The pipeline itself: `dvc repro` of a tiny benchmark in a temporary clone, and what a change of it runs again."""

from __future__ import annotations

import importlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from orbweaver.core.errors import UnknownName
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.plan import out_of_date
from orbweaver.tasks.objectives import OBJECTIVES
from tests.conftest import ROOT, TINY, change, clone_repository, digests, ran, run
from tests.pipeline.test_run import at_work

Hot = Callable[[], dict[str, str]]


def test_a_ptm_comes_another_goes_and_a_target_comes(benchmark: Path, hot: Hot) -> None:
    """What is new runs, and the joins; of what stays, only the new target is computed."""

    def kept(room: str) -> set[Path]:
        return {path for path in (benchmark / ".store" / room).rglob("*") if path.is_file()}

    def edit(values: dict) -> None:
        values["ptms"].pop("byobnet_sprites")
        values["ptms"]["vit2_sprites"] = {"architecture": "test_vit2", "source": "sprites_shape", "input_size": 32}
        values["targets"]["mnist"] = values["targets"]["digits"]

    before = {room: kept(room) for room in ("zoo", "features", "finetune")}
    change(benchmark, edit)
    own = {f"{room}@vit2_sprites" for room in ("zoo", "features", "finetune")}
    of_mnist = {"target@mnist", "labels@wordllama", "features@vit_sprites", "finetune@vit_sprites"}
    joins = {"draw", "spider@spider", "scores@digits", "scores@sprites_scale", "scores@mnist", "reports"}
    assert ran(run(benchmark, "dvc", "repro", environment=hot())) == own | of_mnist | joins
    new = {room: len(kept(room) - before[room]) for room in before}
    # vit2: weights, a source and three targets, these from inside too, three runs on each target; vit: one target more
    assert new == {"zoo": 1, "features": 4 + 3 + 2, "finetune": 3 * 3 + 3}
    tables = [*benchmark.glob("scores/*.csv"), *benchmark.glob("reports/*.csv"), benchmark / "reports/index.html"]
    assert not [path.name for path in tables if "byobnet_sprites" in path.read_text()]
    assert "vit2_sprites" in (benchmark / "scores/digits.csv").read_text()
    assert "mnist" in pd.read_csv(benchmark / "reports/tau.csv").columns


def test_the_table_has_every_method_and_target(built: Path, hot: Hot) -> None:
    table = pd.read_csv(built / "reports/tau.csv")
    assert {*TINY["methods"], "mean_truth_elsewhere"} <= {*table["method"]}
    assert {*TINY["targets"]} <= {*table.columns}
    assert "logme" in run(built, "dvc", "metrics", "show")
    shown = run(built, "python", "-m", "stages.reports", "--show", environment=hot())
    assert "h_score" in shown
    assert "sprites_scale" in shown


def test_nothing_runs_twice_and_git_stays_clean(built: Path) -> None:
    assert not ran(run(built, "dvc", "repro"))
    assert run(built, "git", "status", "--porcelain").split() == ["??", "dvc.lock"]


def test_a_fine_tuning_parameter_runs_only_fine_tuning_and_reports(benchmark: Path) -> None:
    change(benchmark, lambda p: p["finetune"].update(epochs=2))
    assert {*out_of_date(Workspace(benchmark))} == {"finetune@vit_sprites", "finetune@byobnet_sprites", "reports"}


def test_a_ptm_that_is_no_longer_a_candidate_has_other_features(benchmark: Path) -> None:
    """Those from inside, which candidates alone have; back again they must be made."""
    change(benchmark, lambda p: p["ptms"]["vit_sprites"].update(candidate=False))
    assert {stage for stage in out_of_date(Workspace(benchmark)) if stage.startswith("features")} == {
        "features@vit_sprites"
    }


def test_a_clone_takes_everything_from_the_remote(benchmark: Path, tmp_path: Path) -> None:
    run(benchmark, "dvc", "remote", "add", "-d", "shared", str(tmp_path / "remote"))
    run(benchmark, "git", "add", "-A")
    run(benchmark, "git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "built")
    run(benchmark, "dvc", "push", "--run-cache")
    run(tmp_path, "git", "clone", "-q", str(benchmark), "clone")
    clone = tmp_path / "clone"
    run(clone, "dvc", "pull", "features")
    assert digests(clone, "features") == digests(benchmark, "features")
    assert not ran(run(clone, "dvc", "repro", "--pull"))
    rooms = ("data", "features", "scores", "reports")
    assert digests(clone, *rooms) == digests(benchmark, *rooms)
    assert not run(clone, "git", "status", "--porcelain")


def test_killed_work_goes_on_where_it_stopped(benchmark: Path, hot: Hot) -> None:
    """kill -9 as soon as the first run is kept; the next keeps it, and ends with the undisturbed bytes.

    Every other stage is killed at random in tests/drills.
    """
    command = ["python", "-m", "stages.finetune", "vit_sprites"]
    undisturbed = digests(benchmark, "scores/finetune")
    shutil.rmtree(benchmark / ".store/finetune")
    (benchmark / "scores/finetune/vit_sprites.csv").unlink()
    process = subprocess.Popen(command, cwd=benchmark, env=hot(), start_new_session=True)
    while not (kept := list((benchmark / ".store/finetune").rglob("*.json"))):
        assert process.poll() is None, "finished before anything was kept"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while at_work(benchmark):  # what it was forked for ends with it
        time.sleep(0.005)
    first = {path: path.stat().st_mtime_ns for path in kept}
    run(benchmark, *command, environment=hot())
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert digests(benchmark, "scores/finetune") == undisturbed


@pytest.mark.parametrize(
    ("room", "name", "message"),
    [
        ("features", "vit_sprite", "unknown PTM 'vit_sprite': did you mean 'vit_sprites'?"),
        ("scores", "digit", "unknown target 'digit': did you mean 'digits'?"),
    ],
)
def test_a_wrong_name_is_told(
    workspace: Path, room: str, name: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [room, name])
    with pytest.raises(UnknownName, match=re.escape(message)):
        importlib.import_module(f"stages.{room}").main()


def test_a_wrong_name_stops_with_one_clear_sentence(benchmark: Path, hot: Hot) -> None:
    assert "unknown target 'digit': did you mean 'digits'?" in run(
        benchmark, "python", "-m", "stages.target", "digit", fails=True, environment=hot()
    )
    change(benchmark, lambda p: p["finetune"].update(epoch=2))
    message = run(benchmark, "dvc", "repro", fails=True, environment=hot())
    assert "unknown key 'finetune.epoch': did you mean 'epochs'?" in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_a_tiny_benchmark_of_five_tasks(tmp_path: Path, hot: Hot) -> None:
    """The same stages for all tasks: a PTM meets the targets of its own task, and every task has its row of figures."""
    clone_repository(tmp_path / "tasks", TINY)
    values = yaml.safe_load((ROOT / "orbweaver/pipeline/benchmarks/tasks.yaml").read_text())
    few = {"train": 40, "test": 20, "image_size": 32}
    styles = {"sources": "plain", "targets": "night"}
    for role, style in styles.items():
        values[role] = {name: spec | few for name, spec in values[role].items() if name.startswith(style)}
    by_task: dict[str, dict] = {}
    for name, spec in values["ptms"].items():
        if spec["source"] in values["sources"]:
            by_task.setdefault(spec.get("task", "image_classification"), {})[name] = spec | {"input_size": 32}
    values["ptms"] = {name: spec for ptms in by_task.values() for name, spec in list(ptms.items())[:2]}
    values["pretrain"]["epochs"] = values["finetune"]["epochs"] = 1
    values["reports"]["bootstrap"] = 20
    (tmp_path / "tasks/params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    run(tmp_path / "tasks", "dvc", "repro", environment=hot())
    tau = pd.read_csv(tmp_path / "tasks/reports/tau.csv")
    assert {*tau["zoo"]} == {"image_classification", "caption", "vqa", "extractive_qa", "grounding"}
    scores = pd.concat(map(pd.read_csv, (tmp_path / "tasks/scores").glob("night_*.csv")))
    emms, by_gcv = (scores[scores["method"] == method] for method in ("emms", "emms_gcv"))
    assert {*emms["ptm"]} == {*by_gcv["ptm"]} == {*values["ptms"]}
    assert np.isfinite(by_gcv["score"]).all()
    assert emms[emms["score"].isna()]["reason"].str.contains("fit any label").all()
    assert not ran(run(tmp_path / "tasks", "dvc", "repro"))


@pytest.mark.slow
def test_a_tiny_benchmark_of_every_objective(tmp_path: Path, hot: Hot) -> None:
    """Through all stages: a PTM of each task and objective of `tasks_standard`; then EMMS' study."""
    root = clone_repository(tmp_path / "tasks", TINY)
    values = yaml.safe_load((ROOT / "orbweaver/pipeline/benchmarks/tasks_standard.yaml").read_text())
    values["encoders"].pop("glove")
    kinds: dict[tuple, dict] = {}
    for name, spec in values["ptms"].items():
        if "minilm" not in name:
            kinds.setdefault(
                (spec["task"], spec.get("objective")),
                {name: spec | ({"input_size": 32} if "input_size" in spec else {})},
            )
    values["ptms"] = {name: spec for one in kinds.values() for name, spec in one.items()}
    assert {spec.get("objective") for spec in values["ptms"].values()} == {None, *OBJECTIVES}
    few = {"train": 40, "test": 20, "image_size": 32}
    read = {spec["source"] for spec in values["ptms"].values()}
    values["sources"] = {name: few for name in values["sources"] if name in read}
    values["targets"] = {name: few for name in values["targets"] if name.startswith(("night", "chalk"))}
    values["pretrain"]["epochs"] = values["finetune"]["epochs"] = 1
    values["finetune"] |= {"seeds": 1, "learning_rates": [0.001]}
    values["reports"]["bootstrap"] = 20
    (root / "params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    run(root, "dvc", "repro", environment=hot())
    table = pd.read_csv(root / "reports/tau.csv")
    assert {"caption", "vqa", "extractive_qa", "grounding"} == {*table["zoo"]}
    run(root, "python", "-m", "orbweaver.pipeline.emms_study")
    changed = pd.read_csv(root / "docs/emms/ablation.csv")
    assert {"minilm + wordllama", "minilm", "wordllama"} == {*changed["encoders"]}
    assert (pd.read_csv(root / "docs/emms/seconds.csv")["emms"] > 0).all()
    assert "emms_speed.svg" in (root / "docs/emms.md").read_text()
