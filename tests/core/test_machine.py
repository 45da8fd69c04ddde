"""Workers: as many as are useful, and none that outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from orbweaver.core.machine import cores, forked

PARENT = """
import os, time
from orbweaver.core.machine import forked
with forked(1) as pool:
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600)
"""


def test_workers_die_with_their_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    assert worker.is_running()
    assert worker.ppid() == parent.pid
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    until = time.monotonic() + 20
    while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
        time.sleep(0.1)
    assert not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE


def test_no_more_workers_than_jobs_or_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orbweaver.core.machine.gpus", list)
    for jobs in (0, 1, 1000):
        with forked(jobs) as pool:
            assert pool._max_workers == max(1, min(jobs, cores()))
    monkeypatch.setattr("orbweaver.core.machine.gpus", lambda: ["0"])
    with forked(1000) as pool:
        assert pool._max_workers == 1
