"""Stages forked from a process that has the libraries: what they write, say and end with is as in their own process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.warm import warm
from tests.conftest import ENVIRONMENT, ROOT

# Says what it was called with and how it ends; the first line tells whether it was forked from a warm process.
STAGE = """
import os, sys
print("torch" in sys.modules, file=open("forked", "w"))
from pathlib import Path
output, threads = b"", 0
# computes
Path("output").write_bytes(output)
print(sys.argv, os.getcwd(), __name__, threads, sys.stdin.read())
print({name: os.environ[name] for name in ("MINE", "OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY", "OMP_WAIT_POLICY")})
print("said", file=sys.stderr)
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
def twice(value): return 2 * value
with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
    print(list(pool.map(twice, [1, 2])))
import atexit
atexit.register(print, "left")
exec(sys.argv[1])
"""
COMPUTES = """
import torch
torch.set_num_threads(1)
torch.manual_seed(3)
output = (torch.randn(200, 300) @ torch.randn(300, 100)).numpy().tobytes()
threads = torch.get_num_threads()
"""
WAITS = """
import os, sys, time
from pathlib import Path
child = os.fork()
Path(f"{'child' if not child else 'stage'}.pid").write_text(str(os.getpid()))
try:
    time.sleep(60)
finally:
    Path(f"{'child' if not child else 'stage'}.ended").touch()
"""
BASE = {name: value for name, value in ENVIRONMENT.items() if name != "ORBWEAVER_WARM"}
BASE |= {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), "MINE": "mine"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp(
        "a_folder_whose_name_is_much_too_long_for_the_path_of_a_socket_of_the_old_kind_that_unix_has"
    )
    (root / "stages").mkdir()
    shutil.copy(ROOT / "stages/__init__.py", root / "stages")
    (root / "stages/echo.py").write_text(STAGE)
    (root / "stages/computes.py").write_text(STAGE.replace("# computes", COMPUTES))
    (root / "stages/waits.py").write_text(WAITS)
    return root


@pytest.fixture(scope="module")
def environment(folder: Path) -> Iterator[dict[str, str]]:
    with warm(Workspace(folder), BASE) as environment:
        yield environment
    assert not (folder / ".store/warm.sock").exists()


def echo(folder: Path, environment: dict[str, str], ending: str, stage: str = "echo") -> tuple:
    """What a stage said, wrote and ended with, and whether it was forked."""
    command = [sys.executable, "-m", f"stages.{stage}", ending, "a b"]
    done = subprocess.run(command, cwd=folder, env=environment, input="in", capture_output=True, text=True)
    output, forked = (folder / "output").read_bytes(), (folder / "forked").read_text() == "True\n"
    for name in ("output", "forked"):
        (folder / name).unlink()
    return (done.returncode, done.stdout, done.stderr, output), forked


ENDINGS = {
    "pass": 0,
    "sys.exit()": 0,
    "sys.exit(3)": 3,
    "sys.exit('a sentence')": 1,
    "os._exit(9)": 9,
    "os.kill(os.getpid(), 9)": -9,
    "os.kill(os.getpid(), 15)": -15,
}


@pytest.mark.parametrize(("ending", "status"), ENDINGS.items())
@pytest.mark.parametrize("stage", ["echo", pytest.param("computes", marks=pytest.mark.slow)])
def test_it_says_and_ends_alike(
    folder: Path, environment: dict[str, str], stage: str, ending: str, status: int
) -> None:
    alike(folder, environment, stage, ending, status)


def test_it_writes_alike(folder: Path, environment: dict[str, str]) -> None:
    assert len(alike(folder, environment, "computes", "pass", 0)) == 200 * 100 * 4


def alike(folder: Path, environment: dict[str, str], stage: str, ending: str, status: int) -> bytes:
    """What it wrote, in its own process and forked from a warm one."""
    (own, cold), (forked, hot) = (echo(folder, where, ending, stage) for where in (BASE, environment))
    assert (cold, hot) == (False, True)
    assert own == forked
    assert own[0] == status
    assert "['" in own[1]
    assert str(folder) in own[1]
    return own[3]


def test_an_error_is_told_by_a_traceback(folder: Path, environment: dict[str, str]) -> None:
    (status, _, said, _), forked = echo(folder, environment, "raise ValueError('of mine')")
    assert (status, forked) == (1, True)
    assert said.endswith("ValueError: of mine\n")
    assert "stages/echo.py" in said


def test_its_end_leaves_the_libraries_alone(folder: Path, environment: dict[str, str]) -> None:
    """To look through them for what is free takes longer than many a stage."""
    (_, said, _, _), forked = echo(folder, environment, "import gc; print('frozen', gc.get_freeze_count())")
    assert forked
    assert int(said.partition("frozen ")[2].split()[0]) > 100_000


@pytest.mark.parametrize("change", [{"OMP_NUM_THREADS": "2"}, {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}])
def test_with_another_environment_it_runs_by_itself(
    folder: Path, environment: dict[str, str], change: dict[str, str]
) -> None:
    (status, said, _, _), forked = echo(folder, environment | change, "print(dict(os.environ))")
    assert (status, forked) == (0, False)
    assert all(f"'{name}': '{value}'" in said for name, value in change.items())


def test_the_code_that_runs_is_that_of_now(folder: Path, environment: dict[str, str]) -> None:
    ending = "from stages.more import VALUE; print(VALUE)"
    for value in ("first", "second one"):
        (folder / "stages/more.py").write_text(f"VALUE = '{value}'")
        (_, said, _, _), forked = echo(folder, environment, ending)
        assert forked
        assert value in said


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def pids(folder: Path) -> list[int]:
    """Of the stage that waits and of its child, as soon as both are there."""
    files = [folder / "stage.pid", folder / "child.pid"]
    until(lambda: all(file.exists() and file.read_text() for file in files))
    time.sleep(0.2)  # into its sleep
    found = [int(file.read_text()) for file in files]
    for file in files:
        file.unlink()
    return found


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_the_end_of_a_client_is_that_of_its_stage(folder: Path, environment: dict[str, str]) -> None:
    client = subprocess.Popen([sys.executable, "-m", "stages.waits"], cwd=folder, env=environment)
    stage = pids(folder)
    assert client.pid not in stage
    client.kill()
    client.wait()
    until(lambda: all(map(gone, stage)))
    assert not list(folder.glob("*.ended"))  # killed, as the client was


def test_signals_are_passed_on(folder: Path, environment: dict[str, str]) -> None:
    for where in (BASE, environment):
        command = [sys.executable, "-m", "stages.waits"]
        client = subprocess.Popen(
            command, cwd=folder, env=where, start_new_session=True, stderr=subprocess.PIPE, text=True
        )
        stage = pids(folder)
        os.killpg(client.pid, signal.SIGINT)
        said = client.communicate(timeout=20)[1]
        assert "KeyboardInterrupt" in said
        assert client.returncode == -signal.SIGINT
        until(lambda pids=stage: all(map(gone, pids)))
        assert {path.name for path in folder.glob("*.ended")} == {"stage.ended", "child.ended"}
        for path in folder.glob("*.ended"):
            path.unlink()


def test_without_a_server_it_runs_by_itself(folder: Path) -> None:
    """The environment still names one; there is none, nor one that listens."""
    with warm(Workspace(folder), BASE | {"PYTHONPATH": "/nowhere"}) as environment:
        pass
    for listens in (False, True):
        if listens:  # a socket that a killed run left
            subprocess.run(
                [sys.executable, "-c", "import socket; socket.socket(1).bind('.store/warm.sock')"], cwd=folder
            )
        (status, said, _, _), forked = echo(folder, environment | {"PYTHONPATH": str(ROOT)}, "pass")
        assert (status, forked) == (0, False)
        assert "left" in said
