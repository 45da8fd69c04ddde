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

import pytest

from stages import plan
from stages.machine import cores
from tests.conftest import ENVIRONMENT, TINY, change, clone_repository, digests, lock, run

ROOMS = ("data", "features", "scores", "reports")


@pytest.mark.slow
def test_side_by_side_gives_the_bytes_of_one_after_the_other(built: Path, tmp_path: Path) -> None:
    clone = clone_repository(tmp_path / "clone", TINY)
    output = run(clone, "python", "-m", "stages.run", "--jobs", "3")
    assert "15 stages to look at, 3 at once" in output
    assert "Running stage" not in output  # by the `dvc repro` in the end
    assert digests(clone, *ROOMS) == digests(built, *ROOMS)
    assert lock(clone) == lock(built)
    assert {path.stem for path in (clone / ".store/logs").iterdir()} == {*lock(built)["stages"]}


def test_paths_of_the_dead_are_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC's lock of paths stays while a DVC holds one; zombies and others who have a holder's number do not count."""
    monkeypatch.chdir(tmp_path)
    held = Path(".dvc/tmp/rwlock")
    held.parent.mkdir(parents=True)
    zombie, other = subprocess.Popen(["true"]), subprocess.Popen(["sleep", "60"])
    working = subprocess.Popen([sys.executable, "-c", "input()", "dvc"], stdin=subprocess.PIPE)
    os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    for reader, stays in ((other, False), (working, True)):
        held.write_text(json.dumps({"write": {"a": {"pid": zombie.pid}}, "read": {"b": [{"pid": reader.pid}]}}))
        plan._free_paths()
        assert held.exists() == stays
    held.write_text('{"write": {"a"')
    plan._free_paths()
    assert not held.exists()
    for process in (zombie, other, working):
        process.kill()
        process.communicate()


def test_nothing_to_do_is_found_at_once(built: Path) -> None:
    output = run(built, "python", "-m", "stages.run", "--jobs", "2")
    assert output.split("\n") == ["Data and pipelines are up to date.", ""]


def test_a_failure_is_told_with_its_log_and_stops_only_what_waits_for_it(benchmark: Path) -> None:
    change(benchmark, lambda p: p["finetune"].update(epochs=2))
    change(benchmark, lambda p: p["ptms"]["vit_sprites"].update(architecture="test_vit_of_nobody"))
    output = run(benchmark, "python", "-m", "stages.run", "--jobs", "2", fails=True)
    assert "zoo@vit_sprites failed (exit status 255); .store/logs/zoo@vit_sprites.log ends with" in output
    assert "unknown architecture 'test_vit_of_nobody'" in output
    assert "finetune@byobnet_sprites: " in output
    assert "1 of 9 stages failed: zoo@vit_sprites; 7 wait for them: " in output


@pytest.mark.slow
def test_a_second_run_waits_for_the_first_and_for_what_a_killed_one_left(benchmark: Path) -> None:
    """The first is killed; the stages that it started go on, hold its lock, and are not run again."""
    expected = digests(benchmark, "scores/finetune")
    shutil.rmtree(benchmark / ".store")
    change(benchmark, lambda p: p["finetune"].update(epochs=2))
    command = ["python", "-m", "stages.run", "--jobs", "2"]
    first = subprocess.Popen(command, cwd=benchmark, env=ENVIRONMENT)
    while not list((benchmark / ".store").glob("finetune/*/*.json")):
        assert first.poll() is None
        time.sleep(0.01)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    output = run(benchmark, *command)
    assert "waiting for them" in output
    assert "finetune" not in output
    assert digests(benchmark, "scores/finetune").keys() == expected.keys()


@pytest.mark.slow
def test_interrupted_it_stops_its_stages_and_goes_on_later(benchmark: Path) -> None:
    change(benchmark, lambda p: p["finetune"].update(epochs=400))
    command = ["python", "-m", "stages.run", "--jobs", "2"]
    process = subprocess.Popen(command, cwd=benchmark, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    while not list((benchmark / ".store/logs").glob("finetune*")):
        time.sleep(0.01)
    time.sleep(2)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert "run again to go on" in said
    change(benchmark, lambda p: p["finetune"].update(epochs=1))
    assert "up to date" in run(benchmark, *command)


@pytest.mark.parametrize(("share", "expected"), [("1", 1), ("0", None), ("", None), ("4096", None)])
def test_a_share_of_the_cores_is_kept_to(share: str, expected: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", share)
    assert cores() == (expected or len(os.sched_getaffinity(0)))
