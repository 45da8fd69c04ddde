"""python -m stages.benchmarks NAME: makes params.yaml that of a ready-made benchmark; `mini` is the committed one.

dvc.lock then has no stages but that benchmark's: DVC reads and writes the whole file at every stage, which with two
benchmarks in it took longer than many stages. What it no longer names DVC restores from its cache of runs.
"""

from __future__ import annotations

import argparse
import subprocess
from contextlib import suppress
from pathlib import Path

from stages import files, params
from stages.errors import UserError, tell
from stages.plan import LOCK, DvcError, alone, edges, unnamed, without

PARAMS = Path("params.yaml")
FOLDER = Path(__file__).parent
MINI = "mini"


class BenchmarkError(UserError):
    """A benchmark cannot be chosen."""


def known() -> dict[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def committed(path: Path) -> str:
    """A file as git has it. Raises BenchmarkError where it has none."""
    done = subprocess.run(["git", "show", f"HEAD:./{path}"], capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(f"git does not know {path} ({done.stderr.strip()}); run this in a clone of the repository")
    return done.stdout


def choose(name: str) -> None:
    """Writes params.yaml, and dvc.lock without what that does not name.

    Raises, with both as they were, BenchmarkError when changes of params.yaml would be lost, DvcError when DVC does
    not understand dvc.lock.
    """
    files_of = known()
    params.check_known(name, [MINI, *files_of], "benchmark")
    wanted = committed(PARAMS) if name == MINI else files_of[name].read_text(encoding="utf-8")
    here = PARAMS.read_text(encoding="utf-8") if PARAMS.exists() else wanted
    if here == wanted:
        return
    if here not in (committed(PARAMS), *(path.read_text(encoding="utf-8") for path in files_of.values())):
        raise BenchmarkError(
            f"{PARAMS} has changes that would be lost: commit it, or copy it into stages/{FOLDER.name} under a new name"
        )
    files.write_text(PARAMS, wanted)
    if name == MINI:
        with suppress(BenchmarkError):  # not built yet
            files.write_text(LOCK, committed(LOCK))
    elif LOCK.exists():
        try:
            named, lock = edges(), LOCK.read_text(encoding="utf-8")
            left = without(lock, unnamed(lock, named))
        except DvcError:  # of a damaged dvc.lock, for one
            files.write_text(PARAMS, here)
            raise
        files.write_text(LOCK, left)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help=", ".join([MINI, *known()]))
    name = parser.parse_args().name
    with alone():
        choose(name)
    params.load()


if __name__ == "__main__":
    tell(main)
