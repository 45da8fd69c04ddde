"""Runs stages on many machines, each as a Ray task. Ray places, orders and retries them; DVC's remote carries results.

A node works in a folder of its own (ORBWEAVER_NODE, else ~/.cache/orbweaver). There it has a clone of this commit for
each stage that it runs at the same time; the clones share DVC's cache and the store of finished results. A node runs a
stage by `dvc repro --pull STAGE`, which restores what the stage needs from the remote, then `dvc push --run-cache
STAGE`. Nodes need the same Python environment as this machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from orbweaver.core.errors import UserError
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.plan import DvcError, dvc, edges

MEMORY = 2 * 2**30  # bytes that a stage asks Ray for
COMMITTED = ("dvc.yaml", "params.yaml", "stages", "orbweaver", "data/published")  # what stages depend on in git


class ClusterError(UserError):
    """Stages cannot be sent to other machines, or failed there."""


def joins(needs: dict[str, set[str]], ptms: set[str]) -> set[str]:
    """Stages that read what the stages of several PTMs write. They run on this machine, not on the nodes."""
    of_ptms = {stage for stage in needs if stage.rpartition("@")[2] in ptms and "@" in stage}
    below, before = set(of_ptms), 0
    while len(below) > before:
        before = len(below)
        below |= {stage for stage, needed in needs.items() if needed & below}
    return below - of_ptms


def remote(workspace: Workspace) -> tuple[str, str]:
    """Name and address of DVC's default remote, through which nodes exchange results.

    Raises ClusterError when there is none, DvcError when DVC does not tell its address.
    """
    try:
        name = dvc(workspace, "config", "core.remote").strip()
    except DvcError:
        raise ClusterError(
            "nodes exchange results through DVC's default remote, and there is none; run `dvc remote add -d shared URL`"
        ) from None
    url = dvc(workspace, "config", f"remote.{name}.url").strip()
    return name, url if "://" in url else str((workspace.root / ".dvc" / url).resolve())  # nodes have another .dvc


def bundle(workspace: Workspace) -> tuple[str, bytes]:
    """The hash of HEAD, and a git bundle of it with its history: nodes need no other access to this repository.

    Raises ClusterError when files that stages depend on have changes that are not committed.
    """

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", *arguments], cwd=workspace.root, capture_output=True, check=True).stdout

    if changed := git("status", "--porcelain", "--", *COMMITTED).decode().splitlines():
        raise ClusterError(f"nodes work at a commit, and {changed[0][3:]} is not committed; `git commit` first")
    return git("rev-parse", "HEAD").decode().strip(), git("bundle", "create", "-q", "-", "HEAD")


def work(stage: str, head: str, packed: bytes, name: str, address: str, *_after: tuple) -> tuple[str, float]:
    """Runs on a node: one stage at commit `head`. Returns where it ran, and its seconds (0 if DVC restored it).

    Ray sends the function by value, and it does its own imports: a node does not have this package before the clone.
    """
    import fcntl
    import itertools
    import os
    import socket
    import subprocess
    import sys
    import time
    from pathlib import Path

    base = Path(os.environ.get("ORBWEAVER_NODE") or "~/.cache/orbweaver").expanduser()
    base.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}

    def call(*command: str, cwd: Path) -> str:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[lock.fileno()],  # if this process is killed, what it started keeps the clone locked until it ends
            check=False,
        )
        said = done.stdout
        if done.returncode:
            last = "\n".join(said.splitlines()[-15:])
            raise RuntimeError(
                f"{stage} on {socket.gethostname()}: `{' '.join(command[1:6])}` failed and ends with\n{last}"
            )
        return said

    dvc = (sys.executable, "-m", "dvc", "--wait-for-lock")
    for number in itertools.count():  # the first clone that no other stage works in
        lock = open(base / f"clone-{number}.lock", "w")  # noqa: SIM115 (held until this stage is done)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            lock.close()
    with lock:
        clone, busy = base / f"clone-{number}", base / f"clone-{number}.busy"
        if not (clone / ".git").is_dir():
            call("git", "init", "-q", str(clone), cwd=base)
            (base / "store").mkdir(exist_ok=True)
            (clone / ".store").symlink_to(base / "store", target_is_directory=True)
        at = subprocess.run(["git", "rev-parse", "-q", "--verify", "HEAD"], cwd=clone, capture_output=True, check=False)
        if busy.exists() or at.stdout.decode().strip() != head:
            for damaged in ("dvc.lock", ".dvc/tmp/rwlock"):  # a process that was killed here may have half written them
                (clone / damaged).unlink(missing_ok=True)
            packet = base / f"clone-{number}.bundle"
            packet.write_bytes(packed)
            call("git", "fetch", "-q", str(packet), "HEAD", cwd=clone)
            call("git", "checkout", "-q", "--force", "--detach", head, cwd=clone)
        busy.touch()
        call(*dvc, "cache", "dir", "--local", str(base / "cache"), cwd=clone)
        call(*dvc, "remote", "add", "--local", "--force", "--default", name, address, cwd=clone)
        start = time.monotonic()
        said = call(*dvc, "repro", "--pull", stage, cwd=clone)
        took = time.monotonic() - start if f"Running stage '{stage}'" in said else 0.0
        with open(base / "log.txt", "a") as log:
            log.write(said)
        call(*dvc, "push", "--quiet", "--run-cache", stage, cwd=clone)
        busy.unlink()
    return f"{socket.gethostname()}:{base}", took


def fan_out(needs: dict[str, set[str]], ptms: set[str], address: str, workspace: Workspace) -> None:
    """Runs the planned stages that are no joins on the nodes of a Ray cluster, then restores their outputs here.

    Raises ClusterError naming the stages that failed; Ray has retried those whose node or process was lost.
    """
    try:
        import ray
    except ImportError:
        raise ClusterError("Ray is not installed; `pip install '.[cluster]'` in the clone") from None
    (name, url), (head, packed) = remote(workspace), bundle(workspace)
    sent = {stage: needed for stage, needed in needs.items() if stage not in joins(edges(workspace), ptms)}
    if not sent:
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"no Ray cluster at '{address}' ({error}); start one with `ray start --head` on one machine"
        ) from None
    try:
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        gpus = 1 if ray.cluster_resources().get("GPU") else 0
        task = ray.remote(num_cpus=1, memory=MEMORY, max_retries=10)(work)
        shared = ray.put(packed)
        refs: dict[str, ray.ObjectRef] = {}

        def submit(stage: str) -> ray.ObjectRef:
            """Ray starts the stage when those that it waits for, which it gets as references, have ended."""
            if stage not in refs:
                after = [submit(needed) for needed in sorted(sent[stage])]
                own = task.options(num_gpus=gpus if stage.rpartition("@")[2] in ptms else 0, name=stage)
                refs[stage] = own.remote(stage, head, shared, name, url, *after)
            return refs[stage]

        stages = {submit(stage): stage for stage in sent}
        failed, told = [], set()
        with tqdm(total=len(stages), unit="stage", disable=None) as bar:
            waiting = [*stages]
            while waiting:
                (ended,), waiting = ray.wait(waiting, num_returns=1)
                try:
                    where, took = ray.get(ended)
                    bar.write(f"{stages[ended]}: {f'{took:.0f} s' if took else 'restored'} on {where}")
                except ray.exceptions.RayError as error:
                    failed.append(stages[ended])
                    cause = str(getattr(error, "cause", error))  # a stage that waited has the other's error
                    if cause not in told:
                        bar.write(f"failed: {cause}", file=sys.stderr)
                    told.add(cause)
                bar.update()
    finally:
        ray.shutdown()
    if failed:
        names = ", ".join(failed)
        raise ClusterError(
            f"{len(failed)} of {len(sent)} stages failed or wait for one that did: {names}; fix that and run again"
        )
    dvc(workspace, "repro", "--pull", *sent)
