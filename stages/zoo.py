"""python -m stages.zoo PTM: writes data/zoo/<ptm>/, a PTM that is trained here on its source or has public weights."""

from __future__ import annotations

import argparse
from pathlib import Path

from orbweaver.core.errors import tell
from orbweaver.core.names import check_known
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import read_dataset
from orbweaver.pipeline import params
from orbweaver.tasks import task
from orbweaver.tasks.objectives import learning
from orbweaver.tasks.zoo import fetch_ptm, train_ptm


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ptm")
    name = parser.parse_args().ptm
    workspace = Workspace(Path())
    p = params.load(workspace.params)
    check_known(name, p.ptms, "PTM")
    spec, folder, raw = p.ptms[name], workspace.ptm(name), workspace.raw("weights")
    of_ptm = task(spec.task)
    with workspace.cache.noting(f"zoo@{name}"):
        train = read_dataset(workspace, "sources", spec.source, "train")
        if of_ptm.is_public(spec):
            fetch_ptm(name, of_ptm, spec, train.classes, folder, raw)
        else:
            test = read_dataset(workspace, "sources", spec.source, "test")
            of_ptm = learning(of_ptm, spec.objective)
            train_ptm(name, of_ptm, spec, train, test, p.pretrain, p.seed, p.threads, workspace.cache, folder, raw)


if __name__ == "__main__":
    tell(main)
