"""python -m orbweaver.pipeline.run: runs what is out of date, several stages at once, and ends with `dvc repro`.

DVC plans, caches and records: each stage is a `dvc repro --single-item` of its own, and DVC frees its lock while a
stage's command runs. A stage's output goes to .store/logs/<stage>.log. Stages are forked from one process that has the
libraries in memory (`orbweaver.pipeline.warm`).
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from graphlib import TopologicalSorter
from pathlib import Path

from tqdm import tqdm

from orbweaver.core.errors import UserError, tell
from orbweaver.core.machine import cores, gpus
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline import cluster
from orbweaver.pipeline.known import load_checked
from orbweaver.pipeline.params import Params
from orbweaver.pipeline.plan import ENVIRONMENT, alone, out_of_date
from orbweaver.pipeline.warm import warm

TAIL = 15  # lines of a failed stage's log that are shown


class StageError(UserError):
    """Stages failed; their logs say why."""


class Workers:
    """`jobs` slots for stages: a share of the cores each, and a GPU each where there are GPUs."""

    def __init__(self, workspace: Workspace, jobs: int, lock: int, environment: dict[str, str]) -> None:
        self.workspace, self.lock, self.environment = workspace, lock, environment
        self.slots: queue.SimpleQueue[str] = queue.SimpleQueue()
        devices = gpus()
        for slot in range(jobs):
            self.slots.put(devices[slot % len(devices)] if devices else "")
        self.running: dict[str, subprocess.Popen] = {}

    def run(self, stage: str) -> float:
        """Has DVC run one stage; returns its seconds. Raises StageError with the tail of its log."""
        start, gpu, log = time.monotonic(), self.slots.get(), self.workspace.log(stage)
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", stage]
        environment = self.environment | ({"CUDA_VISIBLE_DEVICES": gpu} if gpu else {})
        try:
            with open(log, "w") as out:
                process = self.running[stage] = subprocess.Popen(
                    command,
                    cwd=self.workspace.root,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    pass_fds=[self.lock],
                    start_new_session=True,
                )
                status = process.wait()
            if status:
                _signal(process, signal.SIGKILL)  # what DVC started may go on if DVC itself was killed
                tail = "\n".join("    " + line for line in log.read_text(errors="replace").splitlines()[-TAIL:])
                raise StageError(f"{stage} failed (exit status {status}); {log} ends with\n{tail}")
        finally:
            self.running.pop(stage, None)
            self.slots.put(gpu)
        return time.monotonic() - start

    def stop(self) -> None:
        """Interrupts what runs, as Ctrl-C does a `dvc repro`; kills what has not ended after ten seconds."""
        for sent, patience in ((signal.SIGINT, 10), (signal.SIGKILL, 10)):
            for process in list(self.running.values()):
                _signal(process, sent)
            end = time.monotonic() + patience
            while self.running and time.monotonic() < end:
                time.sleep(0.05)


def _signal(process: subprocess.Popen, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)  # it leads a session of its own


def carry_out(needs: dict[str, set[str]], workers: Workers, jobs: int) -> None:
    """Runs the planned stages, `jobs` at once. A failure is told at once and stops only stages that wait for it.

    Raises StageError naming the stages that failed and those that could not run.
    """
    order = TopologicalSorter(needs)
    order.prepare()
    running, failed, done = {}, [], set()
    with ThreadPoolExecutor(jobs) as pool, tqdm(total=len(needs), unit="stage", disable=None) as bar:

        def submit() -> None:
            running.update({pool.submit(workers.run, stage): stage for stage in order.get_ready()})

        submit()
        try:
            while running:
                bar.set_postfix_str(" ".join(sorted(workers.running)))
                ended: set[Future] = wait(running, timeout=1, return_when=FIRST_COMPLETED).done
                for future in ended:
                    stage = running.pop(future)
                    try:
                        took = future.result()
                    except StageError as error:
                        failed.append(stage)
                        bar.write(str(error), file=sys.stderr)
                        continue
                    done.add(stage)
                    bar.write(f"{stage}: {took:.0f} s")
                    bar.update()
                    order.done(stage)
                submit()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            workers.stop()
            raise
    if failed:
        waiting = [stage for stage in needs if stage not in done and stage not in failed]
        message = f"{len(failed)} of {len(needs)} stages failed: {', '.join(failed)}"
        message += f"; {len(waiting)} wait for them: {', '.join(waiting)}" if waiting else ""
        raise StageError(message + "; fix the cause and run again, finished work is kept")


def shards(workspace: Workspace, p: Params) -> list[list[str]]:
    """The planned stages, grouped by PTM, so that only one machine needs a PTM's weights."""
    planned = out_of_date(workspace)
    own = [[stage for stage in planned if stage.endswith(f"@{ptm}")] for ptm in p.ptms]
    return [shard for shard in own if shard]


# What a machine runs for its shard. Outputs of other stages that it reads, DVC restores from the remote, or makes.
WORKER = "dvc repro --pull {} && dvc push --run-cache {}"
JOIN = "dvc repro --pull"


def matrix(shards: list[list[str]]) -> str:
    """The plan as a CI matrix, JSON: a job per shard, then one that joins."""
    jobs = [{"stages": " ".join(shard), "run": WORKER.format(*[" ".join(shard)] * 2)} for shard in shards]
    return json.dumps({"include": jobs, "then": JOIN}, indent=2) + "\n"


def slurm(shards: list[list[str]]) -> str:
    """The plan as a Slurm array script, a task per shard; each task works in a clone of its own."""
    lines = "\n".join(f'  "{" ".join(shard)}"' for shard in shards)
    return f"""#!/bin/bash
#SBATCH --job-name=orbweaver
#SBATCH --array=0-{max(0, len(shards) - 1)}
# Submit from the root of this clone, at a pushed commit. When all tasks have ended: {JOIN}
set -euo pipefail
shards=(
{lines}
)
shard=${{shards[$SLURM_ARRAY_TASK_ID]}}
clone=${{SLURM_TMPDIR:-/tmp}}/orbweaver-$SLURM_JOB_ID
git clone --quiet "$SLURM_SUBMIT_DIR" "$clone"
cp "$SLURM_SUBMIT_DIR"/.dvc/config.local "$clone"/.dvc/ 2>/dev/null || true
cd "$clone"
{WORKER.format("$shard", "$shard")}
"""


def repro(workspace: Workspace, environment: dict[str, str]) -> None:
    """A plain `dvc repro`, by which DVC checks the result; its lines about unchanged stages are not shown.

    Raises StageError when it fails.
    """
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro"]
    with subprocess.Popen(command, cwd=workspace.root, env=environment, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.strip() and "didn't change, skipping" not in line:
                print(line, end="", flush=True)
    if process.returncode:
        raise StageError("`dvc repro` failed for the reason above; fix it and run again, finished work is kept")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, help="stages at once; by default as many as there are GPUs, or else cores")
    parser.add_argument(
        "--cluster",
        nargs="?",
        const="auto",
        metavar="ADDRESS",
        help="run on the nodes of a Ray cluster; what joins PTMs runs here",
    )
    parser.add_argument(
        "--print", choices=("matrix", "slurm"), help="print the plan for CI (JSON) or for Slurm, and run nothing"
    )
    args = parser.parse_args()
    jobs = args.jobs or len(gpus()) or cores()
    if jobs < 1:
        parser.error("--jobs: at least 1")
    workspace = Workspace(Path())
    p = load_checked(workspace)  # what is wrong is told before anything starts
    if args.print:
        plan = shards(workspace, p)
        print(matrix(plan) if args.print == "matrix" else slurm(plan), end="")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; run again to go on"))
    with alone(workspace) as lock:
        needs = out_of_date(workspace)
        if args.cluster and needs:
            cluster.fan_out(needs, {*p.ptms}, args.cluster, workspace)
            needs = out_of_date(workspace)
        if not needs:
            repro(workspace, ENVIRONMENT)
            return
        threads = str(max(1, cores() // jobs))
        with warm(workspace, ENVIRONMENT | {"OMP_NUM_THREADS": threads, "PYTHONUNBUFFERED": "1"}) as environment:
            if jobs > 1:
                print(f"{len(needs)} stages to look at, {jobs} at once; their output: {workspace.log('<stage>')}")
                try:
                    carry_out(needs, Workers(workspace, jobs, lock, environment), jobs)
                except KeyboardInterrupt:
                    sys.exit("stopped; run again to go on")
            repro(workspace, environment)


if __name__ == "__main__":
    tell(main)
