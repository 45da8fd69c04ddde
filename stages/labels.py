"""python -m stages.labels ENCODER: writes labels/<encoder>/<dataset>.h5 for every target.

The file of a regression has no rows.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import transformers
from tqdm import tqdm

from orbweaver.core.errors import tell
from orbweaver.core.files import link
from orbweaver.core.names import check_known
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import read_dataset
from orbweaver.models import text_encoders
from orbweaver.pipeline import params
from orbweaver.tasks import task
from orbweaver.tasks.labels import embed_labels


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder")
    name = parser.parse_args().encoder
    workspace = Workspace(Path())
    p = params.load(workspace.params)
    check_known(name, p.encoders, "encoder")
    transformers.logging.set_verbosity_error()  # or it lists every tensor of a CLIP's image tower
    transformers.logging.disable_progress_bar()
    encoder = text_encoders.load(name, p.encoders[name])
    with workspace.cache.noting(f"labels@{name}"):
        for target in tqdm(p.targets, desc=name, unit="dataset", disable=None):
            split = read_dataset(workspace, "targets", target, "train")
            made = embed_labels(workspace.cache, task(split.task), encoder, split, p.labels, p.threads)
            link(made, workspace.labels(name, target))


if __name__ == "__main__":
    tell(main)
