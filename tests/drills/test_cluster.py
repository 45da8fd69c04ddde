"""Three Ray nodes, two of them killed: the outputs are those of one machine, nothing finished is redone."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conftest import ENVIRONMENT, ROOT, TINY, clone_repository, digests, lock, run
from tests.drills.conftest import Outcome

pytest.importorskip("ray")
pytestmark = pytest.mark.slow

ROOMS = ("data", "features", "scores", "reports")
JOINS = ("draw", "spider", "scores", "reports")  # they read what several PTMs give, and run on the coordinator


class Node:
    """A Ray node with a folder of its own; everything that runs for it carries the folder's name in its environment."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir()
        for _ in range(10):  # on a busy machine Ray gives up waiting for its own processes
            environment = ENVIRONMENT | {"ORBWEAVER_NODE": str(folder)}
            command = ["ray", "start", *options]
            started = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
            if started.returncode == 0:
                return
            self.kill()
        raise RuntimeError(started.stdout.decode() + started.stderr.decode())

    def processes(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            try:
                if process.environ().get("ORBWEAVER_NODE") == str(self.folder):
                    yield process
            except psutil.Error:
                continue

    def works_on(self, stage: str) -> bool:
        for process in self.processes():
            try:
                if f"stages.{stage}" in process.cmdline():
                    return True
            except psutil.Error:
                continue
        return False

    def kill(self) -> None:
        for process in list(self.processes()):
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.Error:
                continue

    def finished(self) -> list[str]:
        """Stages whose command ran to its end here."""
        log = self.folder / "log.txt"
        return re.findall(r"Running stage '([^']+)'", log.read_text()) if log.exists() else []


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[str, list[Node]]]:
    short = tempfile.mkdtemp(prefix="ray")  # its sockets' paths must be short
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    head = ["--head", f"--port={address.split(':')[1]}", "--node-ip-address=127.0.0.1", "--include-dashboard=false"]
    first = Node(tmp_path / "head", *head, "--num-cpus=0", "--disable-usage-stats", f"--temp-dir={short}")
    others = [f"--address={address}", "--num-cpus=1", "--memory=4000000000"]
    started = [Node(tmp_path / f"node{i}", *others) for i in range(3)]
    yield address, started
    for node in [*started, first]:
        node.kill()
    shutil.rmtree(short, ignore_errors=True)


@pytest.mark.parametrize("which", ["tiny", "mini"])
def test_killed_nodes_do_not_change_the_outcome(
    which: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    nodes: tuple[str, list[Node]],
    capsys: pytest.CaptureFixture,
    outcome: Outcome,
) -> None:
    """Outputs are compared with the dvc.lock of one machine: the tiny benchmark's of this run, mini's committed one."""
    address, alive = nodes
    clone = tmp_path / "coordinator"
    if which == "tiny":
        built = request.getfixturevalue("built")
        clone_repository(clone, TINY)
    else:
        built = ROOT
        run(tmp_path, "git", "clone", "-q", str(ROOT), str(clone))
    run(clone, "dvc", "remote", "add", "--local", "-d", "shared", str(tmp_path / "remote"))
    command = ["python", "-m", "orbweaver.pipeline.run", "--jobs", "2", "--cluster", address]
    with open(tmp_path / "out.txt", "w") as out:
        process = subprocess.Popen(command, cwd=clone, env=ENVIRONMENT, stdout=out, stderr=subprocess.STDOUT)
        killed: dict[str, Node] = {}
        while process.poll() is None:
            for stage in ("features", "finetune"):
                victim = next((node for node in alive if node.works_on(stage)), None)
                if stage not in killed and victim and len(alive) > 1:
                    time.sleep(2)  # into its work
                    victim.kill()
                    alive = [node for node in alive if node is not victim]
                    killed[stage] = victim
            time.sleep(0.2)
    at_work = {node: stage for stage, node in killed.items()}
    with capsys.disabled():
        print("\n" + (tmp_path / "out.txt").read_text())
        for node in nodes[1]:
            print(node.folder.name, f"killed in {at_work[node]}" if node in at_work else "", *node.finished())
    assert process.returncode == 0
    assert {*killed} == {"features", "finetune"}
    finished = [stage for node in nodes[1] for stage in node.finished()]
    assert len(finished) == len({*finished}), "a finished stage ran again"
    assert {*finished} == {stage for stage in lock(built)["stages"] if stage.partition("@")[0] not in JOINS}
    assert lock(clone) == lock(built)
    assert "up to date" in run(clone, "dvc", "status")  # so that outputs are what dvc.lock says
    if which == "tiny":
        assert digests(clone, *ROOMS) == digests(built, *ROOMS)
    assert any((tmp_path / "remote").iterdir())
    done = f"of {which}, one in `features`, one in `finetune`"
    outcome("two of three Ray nodes killed", done, f"same bytes; each of {len(finished)} stages finished once")
