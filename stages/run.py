"""python -m stages.run: runs what DVC says is out of date, several stages at once, and ends with `dvc repro`.

DVC plans, caches and records: each stage is a `dvc repro --single-item` of its own, and DVC frees its lock while a
stage's command runs. A stage's output goes to .store/logs/<stage>.log.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from graphlib import TopologicalSorter

from tqdm import tqdm

from stages import files, params
from stages.errors import UserError, tell
from stages.machine import cores, gpus
from stages.plan import ENVIRONMENT, out_of_date

TAIL = 15  # lines of a failed stage's log that are shown


class StageError(UserError):
    """Stages failed; their logs say why."""


@contextmanager
def alone() -> Iterator[int]:
    """Waits until no other `stages.run`, nor a stage that a killed one left behind, works on this clone.

    Yields the lock's file descriptor: stages inherit it, and the lock is free when the last that holds it has ended.
    """
    path = files.run_lock_path()
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another run works on this clone, or stages of one that was killed: waiting for them.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock.fileno()


class Workers:
    """`jobs` slots for stages: a share of the cores each, and a GPU each where there are GPUs."""

    def __init__(self, jobs: int, lock: int) -> None:
        self.lock = lock
        self.threads = max(1, cores() // jobs)
        self.slots: queue.SimpleQueue[str] = queue.SimpleQueue()
        devices = gpus()
        for slot in range(jobs):
            self.slots.put(devices[slot % len(devices)] if devices else "")
        self.running: dict[str, subprocess.Popen] = {}

    def run(self, stage: str) -> float:
        """Has DVC run one stage; seconds that it took. Raises StageError with the tail of its log."""
        start, gpu, log = time.monotonic(), self.slots.get(), files.log_path(stage)
        log.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", stage]
        environment = ENVIRONMENT | {"OMP_NUM_THREADS": str(self.threads), "PYTHONUNBUFFERED": "1"}
        if gpu:
            environment["CUDA_VISIBLE_DEVICES"] = gpu
        try:
            with open(log, "w") as out:
                process = self.running[stage] = subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    pass_fds=[self.lock],
                    start_new_session=True,
                )
                status = process.wait()
            if status:
                _signal(process, signal.SIGKILL)  # what DVC started, should DVC itself have been killed
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


def carry_out(needs: dict[str, set[str]], jobs: int, lock: int) -> None:
    """Runs the planned stages, `jobs` at once; a failure is told at once and stops only what waits for it.

    Raises StageError naming the stages that failed and those that could not run.
    """
    order = TopologicalSorter(needs)
    order.prepare()
    workers, running, failed, done = Workers(jobs, lock), {}, [], set()
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
        raise StageError(message + "; mend and run again, what is finished is kept")


def repro() -> None:
    """A plain `dvc repro`, without its lines about stages that did not change: DVC has the last word."""
    command = [sys.executable, "-m", "dvc", "--wait-for-lock", "repro"]
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if line.strip() and "didn't change, skipping" not in line:
                print(line, end="", flush=True)
    if process.returncode:
        raise StageError("`dvc repro` failed, as it says above; mend and run again, what is finished is kept")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=int, help="stages at once; as many as there are GPUs, else cores")
    args = parser.parse_args()
    jobs = args.jobs or len(gpus()) or cores()
    if jobs < 1:
        parser.error("--jobs: at least 1")
    params.load()  # a wrong key is told before anything starts
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped; run again to go on"))
    with alone() as lock:
        needs = out_of_date()
        if jobs > 1 and needs:
            print(f"{len(needs)} stages to look at, {jobs} at once; their output: {files.log_path('<stage>')}")
            try:
                carry_out(needs, jobs, lock)
            except KeyboardInterrupt:
                sys.exit("stopped; run again to go on")
        repro()


if __name__ == "__main__":
    tell(main)
