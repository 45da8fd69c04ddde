"""python -m stages.benchmarks NAME: makes params.yaml that of a ready-made benchmark; `mini` is the committed one."""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from stages import files, params
from stages.errors import UserError, tell

PARAMS = Path("params.yaml")
FOLDER = Path(__file__).parent
MINI = "mini"


class BenchmarkError(UserError):
    """A benchmark cannot be chosen."""


def known() -> dict[str, Path]:
    return {path.stem: path for path in sorted(FOLDER.glob("*.yaml"))}


def committed() -> str:
    """params.yaml as git has it. Raises BenchmarkError outside a repository."""
    done = subprocess.run(["git", "show", f"HEAD:./{PARAMS}"], capture_output=True, text=True)
    if done.returncode:
        raise BenchmarkError(
            f"git does not know {PARAMS} ({done.stderr.strip()}); run this in a clone of the repository"
        )
    return done.stdout


def choose(name: str) -> None:
    """Writes params.yaml. Raises BenchmarkError when changes of the one that is there would be lost."""
    files_of = known()
    params.check_known(name, [MINI, *files_of], "benchmark")
    wanted = committed() if name == MINI else files_of[name].read_text(encoding="utf-8")
    here = PARAMS.read_text(encoding="utf-8") if PARAMS.exists() else wanted
    if here == wanted:
        return
    if here not in (committed(), *(path.read_text(encoding="utf-8") for path in files_of.values())):
        raise BenchmarkError(
            f"{PARAMS} has changes that would be lost: commit it, or copy it into stages/{FOLDER.name} under a new name"
        )
    files.write_text(PARAMS, wanted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help=", ".join([MINI, *known()]))
    choose(parser.parse_args().name)
    params.load()


if __name__ == "__main__":
    tell(main)
