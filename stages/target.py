"""python -m stages.target NAME: writes a target, to fine-tune on: data/targets/<name>/{train,test}.parquet."""

from __future__ import annotations

import argparse
from pathlib import Path

from orbweaver.core.errors import tell
from orbweaver.core.names import check_known
from orbweaver.core.workspace import Workspace
from orbweaver.data.datasets import write
from orbweaver.pipeline.params import load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    name = parser.parse_args().name
    workspace = Workspace(Path())
    params = load(workspace.params)
    check_known(name, params.targets, "target")
    with workspace.cache.noting(f"target@{name}"):
        write(workspace, "targets", name, params.targets[name], params.seed)


if __name__ == "__main__":
    tell(main)
