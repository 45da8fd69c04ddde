"""Which cores and GPUs this process may use: all, or the share that the environment sets; and worker processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from threadpoolctl import threadpool_limits


def cores() -> int:
    """Cores that this process may use: those it may be scheduled on, and no more than OMP_NUM_THREADS."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(share)) if share.isdecimal() and int(share) else allowed


def gpus() -> list[str]:
    """The GPUs that may be used here, as CUDA names them; asked of the driver, since importing torch takes seconds."""
    if (visible := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [gpu for gpu in visible.split(",") if gpu not in ("", "-1")]
    if not shutil.which("nvidia-smi"):
        return []
    listed = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True, check=False)
    return [str(i) for i in range(listed.stdout.count("\n"))] if listed.returncode == 0 else []


def limit_threads(threads: int) -> None:
    """Sets how many threads numpy's linear algebra uses: the last bits of its sums depend on their number."""
    threadpool_limits(threads)  # of the libraries that are loaded already
    os.environ.update({f"{library}_NUM_THREADS": str(threads) for library in ("OMP", "OPENBLAS", "MKL")})


def forked(jobs: int) -> ProcessPoolExecutor:
    """A pool of worker processes for `jobs` jobs: at most one per core, and a single one where there is a GPU.

    Workers are forked, so they start at once. Fork before torch computes anything: a fork does not inherit its threads.
    """
    workers = 1 if gpus() else max(1, min(jobs, cores()))
    return ProcessPoolExecutor(workers, get_context("fork"), _die_with_parent, (os.getpid(),))


def _die_with_parent(parent: int) -> None:
    """Ends a worker whose parent was killed; otherwise it would wait for work for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
