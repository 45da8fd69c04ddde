"""Which stages are out of date, and which wait for which: the plan that `orbweaver.pipeline.run` carries out.

DVC alone decides what is out of date. Every DVC command runs in the root of a clone, given as a `Workspace`.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import yaml

from orbweaver.core.errors import UserError
from orbweaver.core.workspace import Workspace

LOCK = "dvc.lock"
# Stages call `python`: that is to be the interpreter of this process, even if its environment is not activated.
ENVIRONMENT = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


class DvcError(UserError):
    """A DVC command failed. The message is DVC's own."""


@contextmanager
def alone(workspace: Workspace) -> Iterator[int]:
    """Waits until no other `orbweaver.pipeline.run`, nor a stage that a killed one left behind, works on this clone.

    Yields the file descriptor of the lock. Stages inherit it, so the lock is free only when the last of them has ended.
    """
    path = workspace.run_lock()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run works on this clone, or stages of one that was killed: waiting for them.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


def dvc(workspace: Workspace, *arguments: str, waits: bool = True) -> str:
    """Standard output of a DVC command; with `waits`, it waits for other DVC commands on this clone to end.

    Raises DvcError with DVC's message.
    """
    command = [sys.executable, "-m", "dvc", *(["--wait-for-lock"] if waits else []), *arguments]
    done = subprocess.run(command, cwd=workspace.root, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise DvcError(f"`dvc {' '.join(arguments)}`: {said}")
    return done.stdout


def edges(workspace: Workspace) -> dict[str, set[str]]:
    """Every stage of dvc.yaml, in its order, with the stages whose outputs it reads."""
    needs: dict[str, set[str]] = {}
    for line in dvc(workspace, "dag", "--dot").splitlines():
        if found := re.fullmatch(r'"(.+?)"(?: -> "(.+)")?;', line.strip()):
            needs.setdefault(found[1], set())
            if found[2]:
                needs.setdefault(found[2], set()).add(found[1])
    return needs


def outputs(workspace: Workspace) -> set[Path]:
    """Every output that a stage of dvc.yaml declares."""
    lines = dvc(workspace, "dag", "--dot", "--outs").splitlines()
    return {workspace.root / name for line in lines for name in re.findall(r'"(.+?)"', line)}


def _at_work(pid: int) -> bool:
    """Whether `pid` is a running DVC: no zombie, and no other program that got the number of a dead DVC."""
    try:
        return "dvc" in " ".join(psutil.Process(pid).cmdline())  # a zombie has none
    except psutil.Error:
        return False


def free_paths(workspace: Workspace) -> None:
    """Removes DVC's lock of paths, .dvc/tmp/rwlock, if no DVC that holds it still runs, or if it is half written.

    DVC itself never does: it waits for any process that has a holder's number, and fails on a file that it cannot read.
    """
    held = workspace.root / ".dvc/tmp/rwlock"
    try:
        lock = json.loads(held.read_bytes())
        holders = [*lock["write"].values(), *(each for readers in lock["read"].values() for each in readers)]
        free = not any(map(_at_work, {holder["pid"] for holder in holders}))
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        free = True
    if free:
        held.unlink()


def _changed(workspace: Workspace) -> set[str]:
    """Stages that `dvc status` finds changed.

    What a killed DVC left is cleared away first: its lock of paths is removed, a half-written dvc.lock is renamed.
    Nothing is lost by that, since DVC restores what dvc.lock named from its run cache.
    """
    free_paths(workspace)
    try:
        return set(json.loads(dvc(workspace, "status", "--json")))
    except DvcError as error:
        lock = workspace.root / LOCK
        if LOCK not in str(error) or not lock.exists():
            raise
        aside = lock.replace(f"{lock}.unreadable")
        print(f"{lock} cannot be read and is now {aside}; DVC restores what it named from its run cache.", flush=True)
        return set(json.loads(dvc(workspace, "status", "--json")))


def out_of_date(workspace: Workspace) -> dict[str, set[str]]:
    """Stages to run, in the order of dvc.yaml, each with those of them that it waits for.

    They are the stages whose dependencies, parameters, command or outputs changed, and all stages downstream of these.
    Whether the inputs of those really change is known only later; DVC checks again before it runs each.
    """
    changed = _changed(workspace)
    if not changed:
        return {}
    needs, planned, before = edges(workspace), changed, 0
    while len(planned) > before:
        before = len(planned)
        planned = planned | {stage for stage, needed in needs.items() if needed & planned}
    return {stage: needed & planned for stage, needed in needs.items() if stage in planned}


def unnamed(lock: str, named: Container[str]) -> list[str]:
    """Stages in the text of a dvc.lock that are not in `named`."""
    return [stage for stage in yaml.safe_load(lock)["stages"] if stage not in named]


def without(lock: str, stages: Iterable[str]) -> str:
    """The text of a dvc.lock without some stages; every other byte stays. Raises DvcError if DVC did not write it."""
    gone, kept, drop = {*stages}, [], False
    for line in lock.splitlines(keepends=True):
        if line[:2] == "  " and line[2:3] not in (" ", "-") and line.rstrip().endswith(":"):
            drop = yaml.safe_load(line).popitem()[0] in gone
        elif line[:1] not in (" ", "\n"):
            drop = False
        if not drop:
            kept.append(line)
    before, after = yaml.safe_load(lock), yaml.safe_load("".join(kept))
    expected = {name: entry for name, entry in before["stages"].items() if name not in gone}
    if (after["stages"] or {}) != expected:
        raise DvcError("dvc.lock: not written as DVC writes it; run `dvc repro` and try again")
    return "".join(kept)
