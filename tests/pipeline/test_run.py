"""The runner: several stages at once give what `dvc repro` gives; a failure stops what waits for it and no more."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from orbweaver.core.machine import cores
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.plan import free_paths
from tests.conftest import ENVIRONMENT, TINY, change, clone_repository, digests, lock, run

ROOMS = ("data", "features", "scores", "reports")


@pytest.mark.slow
def test_side_by_side_gives_the_bytes_of_one_after_the_other(built: Path, tmp_path: Path) -> None:
    clone = clone_repository(tmp_path / "clone", TINY)
    output = run(clone, "python", "-m", "orbweaver.pipeline.run", "--jobs", "3")
    assert "15 stages to look at, 3 at once" in output
    assert "Running stage" not in output  # by the `dvc repro` in the end
    assert digests(clone, *ROOMS) == digests(built, *ROOMS)
    assert lock(clone) == lock(built)
    assert {path.stem for path in (clone / ".store/logs").iterdir()} == {*lock(built)["stages"]}


def test_paths_of_the_dead_are_free(tmp_path: Path) -> None:
    """DVC's lock of paths stays while a DVC holds one; zombies and others who have a holder's number do not count."""
    workspace, held = Workspace(tmp_path), tmp_path / ".dvc/tmp/rwlock"
    held.parent.mkdir(parents=True)
    zombie, other = subprocess.Popen(["true"]), subprocess.Popen(["sleep", "60"])
    code = "print(flush=True); input()"
    working = subprocess.Popen([sys.executable, "-c", code, "dvc"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    working.stdout.readline()  # it has a command line only when it has started
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    for reader, stays in ((other, False), (working, True)):
        held.write_text(json.dumps({"write": {"a": {"pid": zombie.pid}}, "read": {"b": [{"pid": reader.pid}]}}))
        free_paths(workspace)
        assert held.exists() == stays
    held.write_text('{"write": {"a"')
    free_paths(workspace)
    assert not held.exists()
    for process in (zombie, other, working):
        process.kill()
        process.communicate()


def test_nothing_to_do_is_found_at_once(built: Path) -> None:
    output = run(built, "python", "-m", "orbweaver.pipeline.run", "--jobs", "2")
    assert output.split("\n") == ["Data and pipelines are up to date.", ""]


def test_a_failure_is_told_with_its_log_and_stops_only_what_waits_for_it(benchmark: Path) -> None:
    change(benchmark, lambda p: p["finetune"].update(epochs=2))
    change(benchmark, lambda p: p["ptms"]["vit_sprites"].update(architecture="test_vit_of_nobody"))
    output = run(benchmark, "python", "-m", "orbweaver.pipeline.run", "--jobs", "2", fails=True)
    assert "zoo@vit_sprites failed (exit status 255); .store/logs/zoo@vit_sprites.log ends with" in output
    assert "unknown architecture 'test_vit_of_nobody'" in output
    assert "finetune@byobnet_sprites: " in output
    assert "1 of 9 stages failed: zoo@vit_sprites; 7 wait for them: " in output


RUN = ["python", "-m", "orbweaver.pipeline.run", "--jobs", "2"]


def finished(folder: Path) -> dict[Path, int]:
    """Fine-tuning runs that are kept, and when each was."""
    return {path: path.stat().st_mtime_ns for path in (folder / ".store/finetune").rglob("*.json")}


def at_work(folder: Path) -> list[psutil.Process]:
    """Stages and whatever else works in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_a_second_run_waits_for_the_first_and_for_what_a_killed_one_left(benchmark: Path) -> None:
    """The first is killed; the stages that it started go on, hold its lock, and are not run again."""
    expected = digests(benchmark, "scores/finetune")
    shutil.rmtree(benchmark / ".store")
    change(benchmark, lambda p: p["finetune"].update(epochs=2))
    first = subprocess.Popen(RUN, cwd=benchmark, env=ENVIRONMENT)
    while not (before := finished(benchmark)):
        assert first.poll() is None
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    output = run(benchmark, *RUN)
    assert "waiting for them" in output
    assert "finetune" not in output
    assert finished(benchmark).items() >= before.items(), "a finished run was made again"
    assert digests(benchmark, "scores/finetune").keys() == expected.keys()
    change(benchmark, lambda p: p["finetune"].update(epochs=1))
    run(benchmark, *RUN)
    assert digests(benchmark, "scores/finetune") == expected


@pytest.mark.slow
def test_interrupted_it_stops_its_stages_and_goes_on_later(benchmark: Path, tmp_path: Path) -> None:
    """What was finished before is not made again, and the bytes are those of a run that nobody interrupted."""
    undisturbed = Path(shutil.copytree(benchmark, tmp_path / "undisturbed", symlinks=True))
    for folder in (undisturbed, benchmark):
        change(folder, lambda p: p["finetune"].update(epochs=3, seeds=20))
    run(undisturbed, *RUN)
    old = finished(benchmark)
    process = subprocess.Popen(RUN, cwd=benchmark, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    while len(finished(benchmark)) < len(old) + 3:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert "run again to go on" in said
    assert process.returncode
    assert not at_work(benchmark)
    before = finished(benchmark)
    time.sleep(1)
    assert finished(benchmark) == before
    assert len(before) < len(finished(undisturbed)), "nothing was left to do"
    assert "Running stage" not in run(benchmark, *RUN)
    assert finished(benchmark).items() >= before.items(), "a finished run was made again"
    assert digests(benchmark, *ROOMS) == digests(undisturbed, *ROOMS)
    assert lock(benchmark) == lock(undisturbed)


@pytest.mark.parametrize(("share", "expected"), [("1", 1), ("0", None), ("", None), ("4096", None)])
def test_a_share_of_the_cores_is_kept_to(share: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    assert cores() == (expected or len(os.sched_getaffinity(0)))
