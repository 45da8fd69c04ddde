"""The pipeline itself: `dvc repro` of a tiny benchmark in a temporary clone, and what a change of it runs again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.conftest import ENVIRONMENT, ROOT, TINY, change, clone_repository, digests, ran, run


def test_the_table_has_every_method_and_target(built: Path) -> None:
    table = pd.read_csv(built / "reports/tau.csv")
    assert {*TINY["methods"], "mean_truth_elsewhere"} <= {*table["method"]}
    assert {*TINY["targets"]} <= {*table.columns}
    assert "logme" in run(built, "dvc", "metrics", "show")
    shown = run(built, "python", "-m", "stages.reports", "--show")
    assert "h_score" in shown
    assert "sprites_scale" in shown


def test_nothing_runs_twice_and_git_stays_clean(built: Path) -> None:
    assert not ran(run(built, "dvc", "repro"))
    assert run(built, "git", "status", "--porcelain").split() == ["??", "dvc.lock"]


def test_a_fine_tuning_parameter_runs_only_fine_tuning_and_reports(benchmark: Path) -> None:
    change(benchmark, lambda p: p["finetune"].update(epochs=2))
    assert ran(run(benchmark, "dvc", "repro")) == {"finetune@vit_sprites", "finetune@byobnet_sprites", "reports"}


def test_a_new_ptm_runs_its_stages_and_the_joins_and_leaves_again(benchmark: Path) -> None:
    new = {"architecture": "test_vit2", "source": "sprites_shape", "input_size": 32}
    change(benchmark, lambda p: p["ptms"].update(vit2_sprites=new))
    joins = {"draw", "spider@spider", "scores@digits", "scores@sprites_scale", "reports"}
    own = {f"{room}@vit2_sprites" for room in ("zoo", "features", "finetune")}
    assert ran(run(benchmark, "dvc", "repro")) == own | joins
    assert "vit2_sprites" in (benchmark / "scores/digits.csv").read_text()

    change(benchmark, lambda p: p["ptms"].pop("byobnet_sprites"))
    assert ran(run(benchmark, "dvc", "repro")) == joins
    tables = [*benchmark.glob("scores/*.csv"), *benchmark.glob("reports/*.csv"), benchmark / "reports/index.html"]
    assert not [path.name for path in tables if "byobnet_sprites" in path.read_text()]


def test_a_new_target_forwards_and_fine_tunes_only_itself(benchmark: Path) -> None:
    def kept(room: str) -> set[Path]:
        return {path for path in (benchmark / ".store" / room).rglob("*") if path.is_file()}

    before = {room: kept(room) for room in ("zoo", "features", "finetune")}
    change(benchmark, lambda p: p["targets"].update(mnist={"train": 60, "test": 40, "image_size": 32}))
    run(benchmark, "dvc", "repro")
    new = {room: len(kept(room) - before[room]) for room in before}
    assert new == {"zoo": 0, "features": 2, "finetune": 2 * 3}  # 2 PTMs; 3 runs each: two rates, one more seed
    assert "mnist" in pd.read_csv(benchmark / "reports/tau.csv").columns


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


@pytest.mark.parametrize(("room", "suffix"), [("features", "*.h5"), ("finetune", "*.json")])
def test_killed_work_goes_on_where_it_stopped(benchmark: Path, room: str, suffix: str) -> None:
    """kill -9 as soon as the first result is kept; the next run keeps it, and ends with the undisturbed bytes."""
    command = ["python", "-m", f"stages.{room}", "vit_sprites"]
    rooms = {"features": ("features",), "finetune": ("scores/finetune",)}[room]
    undisturbed = digests(benchmark, *rooms)
    shutil.rmtree(benchmark / ".store" / room)
    for path in (benchmark / rooms[0]).rglob("vit_sprites*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    process = subprocess.Popen(command, cwd=benchmark, env=ENVIRONMENT, start_new_session=True)
    while not (kept := list((benchmark / ".store" / room).rglob(suffix))):
        assert process.poll() is None, "finished before anything was kept"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first = {path: path.stat().st_mtime_ns for path in kept}
    run(benchmark, *command)
    assert {path: path.stat().st_mtime_ns for path in first} == first
    assert digests(benchmark, *rooms) == undisturbed


def test_a_wrong_name_stops_with_one_clear_sentence(benchmark: Path) -> None:
    assert "unknown PTM 'vit_sprite': did you mean 'vit_sprites'?" in run(
        benchmark, "python", "-m", "stages.features", "vit_sprite", fails=True
    )
    assert "unknown target 'digit': did you mean 'digits'?" in run(
        benchmark, "python", "-m", "stages.scores", "digit", fails=True
    )
    change(benchmark, lambda p: p["finetune"].update(epoch=2))
    message = run(benchmark, "dvc", "repro", fails=True)
    assert "unknown key 'finetune.epoch': did you mean 'epochs'?" in message
    assert "Traceback" not in message


@pytest.mark.slow
def test_a_tiny_benchmark_of_five_tasks(tmp_path: Path) -> None:
    """The same stages for all tasks: a PTM meets the targets of its own task, and every task has its row of figures."""
    clone_repository(tmp_path / "tasks", TINY)
    values = yaml.safe_load((ROOT / "stages/benchmarks/tasks.yaml").read_text())
    few = {"train": 40, "test": 20, "image_size": 32}
    styles = {"sources": "plain", "targets": "night"}
    for role, style in styles.items():
        values[role] = {name: spec | few for name, spec in values[role].items() if name.startswith(style)}
    by_task: dict[str, dict] = {}
    for name, spec in values["ptms"].items():
        if spec["source"] in values["sources"]:
            by_task.setdefault(spec.get("task", "image"), {})[name] = spec | {"input_size": 32}
    values["ptms"] = {name: spec for ptms in by_task.values() for name, spec in list(ptms.items())[:2]}
    values["pretrain"]["epochs"] = values["finetune"]["epochs"] = 1
    values["reports"]["bootstrap"] = 20
    (tmp_path / "tasks/params.yaml").write_text(yaml.safe_dump(values, sort_keys=False))
    run(tmp_path / "tasks", "dvc", "repro")
    tau = pd.read_csv(tmp_path / "tasks/reports/tau.csv")
    assert {*tau["task"]} == {"image", "caption", "vqa", "tqa", "grounding"}
    emms = tau[tau["method"] == "emms"].set_index("task")
    assert (emms["answered"] == 1).all()
    assert not ran(run(tmp_path / "tasks", "dvc", "repro"))
