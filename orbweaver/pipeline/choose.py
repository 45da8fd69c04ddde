"""python -m orbweaver.pipeline.choose NAME: puts a ready-made benchmark, or the committed `mini`, into params.yaml.

dvc.lock keeps the stages of that benchmark only: DVC reads and writes the whole file at every stage, and with two
benchmarks in it that took longer than many stages. DVC restores the removed stages from its run cache when they are
needed again.
"""

from __future__ import annotations

import argparse
import subprocess
from contextlib import suppress
from pathlib import Path

from orbweaver.core.errors import UserError, tell
from orbweaver.core.files import write_text
from orbweaver.core.names import check_known
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.known import load_checked
from orbweaver.pipeline.plan import LOCK, DvcError, alone, edges, unnamed, without

FOLDER = Path(__file__).parent / "benchmarks"
MINI = "mini"


class BenchmarkError(UserError):
    """A benchmark cannot be chosen."""


def known() -> dict[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def committed(workspace: Workspace, name: str) -> str:
    """A file of the clone as it is committed. Raises BenchmarkError where git has none of that name."""
    done = subprocess.run(["git", "show", f"HEAD:./{name}"], cwd=workspace.root, capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(
            f"{name} is not committed to git ({done.stderr.strip()}); run this in a clone of the repository"
        )
    return done.stdout


def choose(name: str, workspace: Workspace) -> None:
    """Writes the params.yaml of benchmark `name`, and removes from dvc.lock the stages that it does not have.

    Raises BenchmarkError when changes of params.yaml would be lost, DvcError when DVC cannot read dvc.lock. Both files
    are then as they were.
    """
    files, path, lock = known(), workspace.params, workspace.root / LOCK
    check_known(name, [MINI, *files], "benchmark")
    wanted = committed(workspace, path.name) if name == MINI else files[name].read_text(encoding="utf-8")
    here = path.read_text(encoding="utf-8") if path.exists() else wanted
    if here == wanted:
        return
    if here not in (committed(workspace, path.name), *(each.read_text(encoding="utf-8") for each in files.values())):
        raise BenchmarkError(
            f"{path} has changes that would be lost: commit it, or copy it into orbweaver/pipeline/benchmarks under a "
            "new name"
        )
    write_text(path, wanted)
    if name == MINI:
        with suppress(BenchmarkError):  # mini's dvc.lock is not committed
            write_text(lock, committed(workspace, LOCK))
    elif lock.exists():
        try:
            named, text = edges(workspace), lock.read_text(encoding="utf-8")
            left = without(text, unnamed(text, named))
        except DvcError:  # dvc.lock may be damaged
            write_text(path, here)
            raise
        write_text(lock, left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="one of " + ", ".join([MINI, *known()]))
    name, workspace = parser.parse_args().name, Workspace(Path())
    with alone(workspace):
        choose(name, workspace)
    load_checked(workspace)


if __name__ == "__main__":
    tell(main)
