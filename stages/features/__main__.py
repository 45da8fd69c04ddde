"""python -m stages.features PTM: writes features/<ptm>/<dataset>.h5 for every dataset that has images."""

from __future__ import annotations

import argparse
from pathlib import Path

import timm
import torch
from tqdm import tqdm

from stages import compute, files, params
from stages.data import images
from stages.errors import tell
from stages.features import extract
from stages.zoo import models, pixels
from stages.zoo.cards import Card, read_card


def made_from(card: Card, dataset_digest: str) -> dict:
    """Everything that a feature file depends on but the code and its libraries."""
    config = card.preprocessing.model_dump(mode="json")
    return {"ptm": card.name, "checkpoint": card.checkpoint, "preprocessing": config, "dataset": dataset_digest}


def kept_features(card: Card, dataset_digest: str, p: params.Params) -> Path:
    """Where the store keeps a PTM's features of a dataset."""
    code = files.code_version(images, models, pixels, extract)
    origin = made_from(card, dataset_digest)
    key = files.key_of(code, torch.__version__, timm.__version__, origin, p.threads, p.features.batch_size)
    return files.stored("features", key, ".h5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ptm")
    args = parser.parse_args()
    p = params.load()
    params.check_known(args.ptm, p.ptms, "PTM")
    compute.repeatable(p.seed, p.threads)
    card = read_card(args.ptm)
    model = models.load(card).to(compute.device())
    roles = {name: role for role in ("sources", "targets") for name in getattr(p, role)}
    for name, role in tqdm(roles.items(), desc=args.ptm, unit="dataset", disable=None):
        split = files.read_images(files.dataset_path(role, name, "train"))
        if not len(split):  # a corpus known by name only
            continue
        kept = kept_features(card, split.digest, p)
        if not kept.exists():
            extract.extract(
                model, card.preprocessing, split, kept, made_from(card, split.digest), p.features.batch_size
            )
        files.link(kept, files.features_path(args.ptm, name))


if __name__ == "__main__":
    tell(main)
