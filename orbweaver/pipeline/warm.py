"""One process that has the libraries in memory, from which stages are forked: they start without importing them.

The process that DVC starts for a stage (`stages/__init__.py`) hands its arguments, environment and streams to a fork,
and ends with the fork's exit status. Forks share no results: before the fork, libraries are imported and nothing is
computed. Each fork imports the project's own code anew, so the code that DVC hashes is the code that runs.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from orbweaver.core.workspace import Workspace

# What takes stages seconds to import.
LIBRARIES = (
    *("torch", "torchvision", "timm", "transformers", "safetensors.torch", "numpy", "scipy.stats", "pandas"),
    *("pyarrow.parquet", "h5py", "sklearn.linear_model", "pydantic", "tqdm", "matplotlib.figure", "jinja2"),
)
# Environment variables that libraries read when they are imported. A stage with other values runs in its own process.
READ_ONCE = (
    *("ATEN_", "GOMP_", "HF_", "KMP_", "LD_", "MKL_", "NPY_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTHON", "TORCH_"),
)
# Importing `stages` pins CPU instructions, before any library. Only forks return from `serve`; what follows is theirs.
SERVER = """
import os, runpy, signal, stages, sys
from orbweaver.pipeline.warm import serve
try:
    runpy.run_module(serve("{socket}"), run_name="__main__", alter_sys=True)
except KeyboardInterrupt:  # Python would do this itself, but a library prevents it
    sys.excepthook(*sys.exc_info())
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
"""


@contextmanager
def warm(workspace: Workspace, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Starts the process. Yields the environment by which stages find it; unchanged where the system has no pidfd."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # not Linux, or an old one
        yield environment
        return
    # Relative to the root, where stages run: the path of a socket has to be short.
    place = (workspace.store / "warm.sock").relative_to(workspace.root)
    workspace.store.mkdir(parents=True, exist_ok=True)
    (workspace.root / place).unlink(missing_ok=True)  # left by a run that was killed
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER.format(socket=place)],
        cwd=workspace.root,
        env=environment,
        stdin=subprocess.PIPE,  # the server ends when this is closed
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        while process.poll() is None and not (workspace.root / place).exists():
            time.sleep(0.01)
        yield environment | {"ORBWEAVER_WARM": str(place)}
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        (workspace.root / place).unlink(missing_ok=True)


def serve(place: str) -> str:
    """Listens until standard input ends. Returns in forks only: the name of the module that is to run there."""
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o077)  # other users cannot send commands
    listener.bind(place)
    os.umask(before)
    listener.listen(64)
    environment = {**os.environ}
    for name in LIBRARIES:
        with suppress(ImportError):
            import_module(name)
    gc.freeze()  # else the collector visits all imported objects when a fork ends: two seconds
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the children below are not waited for
    with selectors.DefaultSelector() as ready:
        ready.register(listener, selectors.EVENT_READ)
        ready.register(sys.stdin, selectors.EVENT_READ)
        while True:
            if any(key.fileobj is sys.stdin for key, _ in ready.select()):
                os._exit(0)
            client, _ = listener.accept()
            if not os.fork():
                break
            client.close()
    listener.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return _attend(client, environment)


def _attend(client: socket.socket, environment: dict[str, str]) -> str:
    """Forks the stage, waits for it, tells its client how it ended. Returns in the fork: the module to run."""
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    with client.makefile("rb") as lines:
        job = json.loads(lines.readline() or "null")
    if job is None or _read_once(job["environment"]) != _read_once(environment):
        os._exit(0)
    if not (child := os.fork()):
        os.setpgid(0, 0)
        client.close()
        set_by_libraries = {name: value for name, value in os.environ.items() if name not in environment}
        return _become(job, streams, set_by_libraries)
    with suppress(OSError):  # the child has done it already
        os.setpgid(child, child)
    for stream in streams:
        os.close(stream)
    _tell(client, child)
    with selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ)
        ready.register(os.pidfd_open(child), selectors.EVENT_READ, child)
        while not any(key.data for key, _ in ready.select()):
            for number in _signals(client):
                with suppress(ProcessLookupError):
                    os.killpg(child, number)
    _tell(client, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    os._exit(0)


def _tell(client: socket.socket, number: int) -> None:
    with suppress(OSError):  # the client has ended
        client.sendall(b"%d\n" % number)


def _signals(client: socket.socket) -> bytes:
    """Signals that the client passes on to its stage; SIGKILL where the client has ended."""
    with suppress(OSError):
        if passed_on := client.recv(16):
            return passed_on
    return bytes([signal.SIGKILL])


def _read_once(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_ONCE)}


def _become(job: dict, streams: list[int], besides: dict[str, str]) -> str:
    """Takes on what the client was called with: arguments, folder, environment, standard streams."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(job["cwd"])
    os.environ.clear()
    os.environ.update(besides | job["environment"])
    module, *arguments = job["argv"]
    sys.argv = [module, *arguments]
    # The code of `stages` and `orbweaver` is read anew, as it is now.
    for name in [name for name in sys.modules if name.partition(".")[0] in ("stages", "orbweaver")]:
        del sys.modules[name]
    return module
