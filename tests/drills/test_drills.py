"""What may happen to a run: killed, no space, nothing writable, two at once, clocks that jump. The end is the same."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.conftest import ENVIRONMENT, change, digests, lock, run
from tests.drills.conftest import Outcome

pytestmark = pytest.mark.slow
ROOMS = ("data", "features", "scores", "reports")
RUN = ("python", "-m", "orbweaver.pipeline.run", "--jobs", "2")
KILLS = 5  # in every stage
OUTPUTS = {
    "source": ["data/sources"],
    "target": ["data/targets"],
    "zoo": ["data/zoo"],
    "features": ["features"],
    "finetune": ["scores/finetune"],
    "scores": ["scores/digits.csv", "scores/sprites_scale.csv"],
    "reports": ["reports"],
}


def of(folder: Path) -> list[psutil.Process]:
    """Every process that works in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if Path(process.cwd()) == folder and process.pid != os.getpid():
                found.append(process)
        except psutil.Error:
            continue
    return found


def kill(folder: Path) -> None:
    while processes := [process for process in of(folder) if process.status() != psutil.STATUS_ZOMBIE]:
        for process in processes:
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.Error:
                continue
        time.sleep(0.02)


def in_stage(folder: Path, stage: str) -> bool:
    for process in of(folder):
        try:
            if f"stages.{stage}" in process.cmdline():
                return True
        except psutil.Error:
            continue
    return False


def forget(folder: Path, stage: str) -> None:
    """A stage's outputs and kept results, and DVC's memory of them, as if it had never run."""
    kept = [path for notes in (folder / ".store/used").glob(f"{stage}@*") for path in notes.read_text().splitlines()]
    for name in [*OUTPUTS[stage], ".dvc/cache/runs", *(f".store/{path}" for path in kept)]:
        path = folder / name
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    cache = folder / ".dvc/cache/files/md5"
    for entry in lock(folder)["stages"].values():
        for out in entry["outs"]:
            if any(out["path"].startswith(name) for name in OUTPUTS[stage]):
                (cache / out["md5"][:2] / out["md5"][2:]).unlink(missing_ok=True)


@pytest.mark.parametrize("stage", OUTPUTS)
def test_kill_9_at_a_random_moment(benchmark: Path, stage: str, outcome: Outcome) -> None:
    expected, before, chance = digests(benchmark, *ROOMS), lock(benchmark), random.Random(stage)
    forget(benchmark, stage)
    kept: dict[Path, int] = {}
    kills, span = 0, 4.0
    while kills < KILLS:
        process = subprocess.Popen(RUN, cwd=benchmark, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        while not in_stage(benchmark, stage) and process.poll() is None:
            time.sleep(0.01)
        if process.poll() is not None:  # all of these stages had ended before: from the beginning
            forget(benchmark, stage)
            kept.clear()
            continue
        time.sleep(chance.uniform(0, span))
        kill(benchmark)
        process.wait()
        kills += 1
        now = {p: p.stat().st_mtime_ns for p in (benchmark / ".store").glob("*/??/*") if not p.name.endswith(".tmp")}
        assert now.items() >= kept.items(), "a finished result was lost or made again"
        kept = now
    output = run(benchmark, *RUN)
    assert "up to date" in output
    assert digests(benchmark, *ROOMS) == expected
    assert lock(benchmark) == before
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "a finished result was made again"
    outcome(
        f"kill -9 in `{stage}`", f"{KILLS} times at a random moment, then a run", "same bytes, nothing finished redone"
    )


def test_kill_9_of_dvc_itself(benchmark: Path, outcome: Outcome) -> None:
    """Any moment of the run, most of them in DVC's own work: hashing, moving into its cache, writing dvc.lock."""
    change(benchmark, lambda p: p["reports"].update(bootstrap=21))
    for name in ("data/sources", "data/targets", "data/zoo", "features", "scores"):
        shutil.rmtree(benchmark / name)  # DVC restores it
    chance, kills = random.Random(1), 0
    for _ in range(8):
        process = subprocess.Popen(RUN, cwd=benchmark, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(1, 15))
        kills += process.poll() is None
        kill(benchmark)
        process.wait()
    run(benchmark, *RUN)
    change(benchmark, lambda p: p["reports"].update(bootstrap=20))
    assert "up to date" in run(benchmark, *RUN)
    assert not run(benchmark, "dvc", "status", "--json").strip("{}\n")
    outcome("kill -9 of DVC", f"{kills} times while it restored outputs and wrote dvc.lock", "the next run ends it")


def test_truncated_dvc_lock(benchmark: Path, outcome: Outcome) -> None:
    expected, before = digests(benchmark, *ROOMS), lock(benchmark)
    whole = (benchmark / "dvc.lock").read_bytes()
    for keep in (0, 17, 900, len(whole) // 2, len(whole) - 9):
        (benchmark / "dvc.lock").write_bytes(whole[:keep])
        output = run(benchmark, *RUN)
        assert "Running stage" not in output
        assert digests(benchmark, *ROOMS) == expected
        assert lock(benchmark) == before
    outcome("dvc.lock cut", "at five places", "restored from DVC's cache of runs, no stage's command ran")


@contextmanager
def small_disk(folder: Path, free: int) -> Iterator[None]:
    """A folder on a disk of its own with `free` bytes left."""
    before = folder.with_name(f".{folder.name}.before")
    folder.rename(before) if folder.exists() else before.mkdir(parents=True)
    folder.mkdir(parents=True)
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", folder], capture_output=True, check=False
    )
    if mount.returncode:
        folder.rmdir()
        before.rename(folder)
        pytest.skip("mounting a small disk needs root")
    try:
        shutil.copytree(before, folder, dirs_exist_ok=True)
        left = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
        with open(folder / "ballast", "wb") as ballast:
            os.posix_fallocate(ballast.fileno(), 0, max(1, left - free))
        yield
        shutil.rmtree(before)
        shutil.copytree(folder, before)
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
        before.rename(folder)


@pytest.mark.parametrize(
    ("stage", "item", "folder", "free"),
    [
        ("features", "vit_sprites", ".store", 4096),
        ("features", "vit_sprites", ".store", 300_000),
        ("zoo", "vit_sprites", "data/zoo", 4096),
        ("target", "digits", "data/targets", 4096),
        ("scores", "digits", "scores", 0),
    ],
)
def test_full_disk(benchmark: Path, stage: str, item: str, folder: str, free: int, outcome: Outcome) -> None:
    expected = digests(benchmark, *ROOMS)
    for name in OUTPUTS[stage]:
        for path in (benchmark / name).rglob(f"{item}*") if (benchmark / name).is_dir() else [benchmark / name]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    shutil.rmtree(benchmark / ".store", ignore_errors=True)
    command = ("python", "-m", f"stages.{stage}", item)
    with small_disk(benchmark / folder, free):
        said = run(benchmark, *command, fails=True)
        assert "No space left on device" in said
        assert "what is finished is kept" in said
        assert "Traceback" not in said
        (benchmark / folder / "ballast").unlink()
        run(benchmark, *command)
    after = digests(benchmark, *ROOMS)
    assert not [name for name in after if name.endswith(".tmp")]
    made = [name for name in expected if item in name and name.startswith(tuple(OUTPUTS[stage]))]
    assert made
    assert {name: after.get(name) for name in made}.items() <= expected.items()
    outcome(
        f"disk full in `{stage}`", f"{free:,} bytes left in {folder}, then space", "one sentence; then the same bytes"
    )


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    bound = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False)
    if bound.returncode:
        pytest.skip("a read-only mount needs root")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_read_only_cache(benchmark: Path, outcome: Outcome) -> None:
    expected = digests(benchmark, *ROOMS)
    with read_only(benchmark / ".dvc/cache"):
        assert "up to date" in run(benchmark, *RUN)
        change(benchmark, lambda p: p["reports"].update(bootstrap=21))
        said = run(benchmark, *RUN, fails=True)
        assert "Read-only file system" in said
        assert "Traceback" not in said
    change(benchmark, lambda p: p["reports"].update(bootstrap=20))
    assert "up to date" in run(benchmark, *RUN)
    assert digests(benchmark, *ROOMS) == expected
    outcome(
        "read-only DVC cache", "a run with nothing to do; with a change; writable again", "fine; DVC's sentence; fine"
    )


def test_two_runs_at_once(benchmark: Path, outcome: Outcome) -> None:
    change(benchmark, lambda p: p["reports"].update(bootstrap=21))
    both = [
        subprocess.Popen(
            RUN, cwd=benchmark, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("reports: " in output for output in said) == 1
    assert sum("waiting" in output for output in said) == 1
    outcome("two runs at once", "in one clone", "the second waits and finds nothing to do")


def test_a_clock_set_back(benchmark: Path, outcome: Outcome) -> None:
    """All files are a year younger than now, as if the clock had been set back; a second run after a change."""
    expected = digests(benchmark, *ROOMS)
    later = time.time() + 365 * 86400
    for path in benchmark.rglob("*"):
        if not path.is_symlink() and ".git/" not in str(path):
            os.utime(path, (later, later))
    assert "Running" not in run(benchmark, *RUN)
    change(benchmark, lambda p: p["reports"].update(bootstrap=21))
    assert "reports: " in run(benchmark, *RUN)
    change(benchmark, lambda p: p["reports"].update(bootstrap=20))
    run(benchmark, *RUN)
    assert digests(benchmark, *ROOMS) == expected
    outcome(
        "clock set back", "by a year: every file is from the future", "nothing runs; a change runs what depends on it"
    )
