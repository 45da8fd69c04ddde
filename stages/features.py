"""python -m stages.features PTM: writes features/<ptm>/<dataset>.h5 for every dataset that has samples.

For targets also features/<ptm>/inner/<dataset>.h5, features from inside the PTM, if its architecture allows that; for
sources too with `features.inner: all`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from orbweaver.core.errors import tell
from orbweaver.core.files import link
from orbweaver.core.names import check_known
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import read_dataset
from orbweaver.pipeline import params
from orbweaver.tasks import fits, task
from orbweaver.tasks.extract import extract
from orbweaver.tasks.inner import extract_inner, has_inner, inner_file
from orbweaver.tasks.stored import stored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ptm")
    name = parser.parse_args().ptm
    workspace = Workspace(Path())
    p = params.load(workspace.params)
    check_known(name, p.ptms, "PTM")
    ptm = stored(workspace, name)
    of_ptm = task(ptm.card.task)
    inside = ("sources", "targets") if p.features.inner == "all" else ("targets",)
    inside = inside if p.ptms[name].candidate and has_inner(ptm) else ()
    with workspace.cache.noting(f"features@{name}"):
        for dataset, role in tqdm(p.forwarded_by(name).items(), desc=name, unit="dataset", disable=None):
            split = read_dataset(workspace, role, dataset, "train")
            if fits(ptm.card.task, split.task) and len(split):  # a corpus known by name only has no samples
                made = extract(workspace.cache, of_ptm, ptm, split, p.features.batch_size, p.threads)
                link(made, workspace.features(name, dataset))
                if role in inside:
                    made = extract_inner(workspace.cache, ptm, split, p.threads)
                    link(made, inner_file(workspace.features(name, dataset)))


if __name__ == "__main__":
    tell(main)
