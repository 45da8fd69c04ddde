"""python -m orbweaver.pipeline.prune: shows what params.yaml no longer names, asks, removes it.

Looks at the outputs on disk, at dvc.lock and at the store. A file of the store stays if a stage noted that it used the
file when it last ran here. Nothing is removed unless the benchmark is up to date: only then have all stages noted.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from orbweaver.core.cache import USED
from orbweaver.core.errors import UserError, tell
from orbweaver.core.files import write_text
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.known import load_checked
from orbweaver.pipeline.params import Params
from orbweaver.pipeline.plan import LOCK, alone, edges, out_of_date, outputs, unnamed, without


class PruneError(UserError):
    """What is still needed is not known, so nothing is removed."""


def stale_outputs(folders: Iterable[Path], named: set[Path]) -> Iterator[Path]:
    """What lies in the folders, except the paths in `named` and folders that hold such a path."""
    for folder in folders:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path in named or path.name == ".gitignore":
                continue
            if any(path in output.parents for output in named):
                yield from stale_outputs([path], named)
            else:
                yield path


def tracked(workspace: Workspace) -> set[Path]:
    """Files in the outputs' folders that git tracks: somebody put them there, not the pipeline."""
    command = ["git", "ls-files", "-z", "--", *(str(each.relative_to(workspace.root)) for each in workspace.outputs)]
    listed = subprocess.run(command, cwd=workspace.root, capture_output=True, text=True, check=True).stdout
    return {workspace.root / name for name in listed.split("\0") if name}


def stale_results(workspace: Workspace, stages: Iterable[str], p: Params) -> list[Path]:
    """Files in the store that no stage of the benchmark noted, and notes, logs and timings of stages that are gone."""
    stages, store = list(stages), workspace.store
    keep = {path for stage in stages for path in workspace.cache.used(stage)}
    keep |= {store / USED / stage for stage in stages} | {workspace.log(stage) for stage in stages}
    keep |= {workspace.seconds(target) for target in p.targets}
    return sorted(path for path in store.glob("*/**/*") if path.is_file() and path not in keep)


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(part.stat().st_size for part in ([path] if path.is_file() else path.rglob("*")) if part.is_file())


def human(count: int) -> str:
    """A number of bytes, in the first unit in which it is below 1,000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def agreed(question: str) -> bool:
    """Whether the user says yes. Raises PruneError when standard input has ended."""
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:
        raise PruneError("standard input has ended, so nobody can answer; `--yes` removes without asking") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    args = parser.parse_args()
    workspace = Workspace(Path())
    p = load_checked(workspace)
    with alone(workspace):
        if waiting := out_of_date(workspace):
            raise PruneError(
                f"{len(waiting)} stages are not up to date, so what they need is not known; "
                "run `python -m orbweaver.pipeline.run` first"
            )
        lock = (workspace.root / LOCK).read_text(encoding="utf-8")
        stages = edges(workspace)
        entries = unnamed(lock, stages)
        named = outputs(workspace) | {workspace.page()} | tracked(workspace)
        outs = list(stale_outputs(workspace.outputs, named))
        results = stale_results(workspace, stages, p)
        for stage in entries:
            print(f"{LOCK}: {stage}")
        for path in outs:
            print(f"{path}: {human(size(path))}")
        of_room: dict[str, list[Path]] = {}
        for path in results:
            of_room.setdefault(path.relative_to(workspace.store).parts[0], []).append(path)
        for room, paths in of_room.items():
            print(f"{workspace.store / room}: {len(paths)} files, {human(sum(map(size, paths)))}")
        if not entries and not outs and not results:
            print("Nothing to remove: params.yaml names everything that is here.")
            return
        if not args.yes and not agreed("Remove all this? [y/N] "):
            print("Nothing was removed.")
            return
        for path in [*outs, *results]:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if entries:
            write_text(workspace.root / LOCK, without(lock, entries))
    print("Removed. Now run `python -m orbweaver.pipeline.run`: stages that read the smaller folders note less.")
    print("Another prune then removes what they no longer use. `dvc gc --workspace` clears DVC's cache.")


if __name__ == "__main__":
    tell(main)
