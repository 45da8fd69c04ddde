"""python -m stages.features PTM: writes features/<ptm>/<dataset>.h5 for every dataset that has images."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import cache
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
    words = {"words": card.words.model_dump()} if card.words else {}
    origin = {"ptm": card.name, "checkpoint": card.checkpoint, "preprocessing": config, "dataset": dataset_digest}
    rule = {"features": card.features.model_dump()} if card.features else {}
    return origin | words | rule


def kept_path(card: Card, dataset_digest: str, p: params.Params) -> Path:
    """Where the store keeps, or will keep, a PTM's features of a split."""
    if card.task == "image":
        code = files.code_version(images, models, pixels, extract)
    else:
        from stages.features import words  # imported here: image PTMs do not wait for transformers
        from stages.zoo.tasks import ptms

        code = files.key_of(ptms.code(card.task), files.code_version(words))
    origin = made_from(card, dataset_digest)
    key = files.key_of(code, torch.__version__, timm.__version__, origin, p.threads, p.features.batch_size)
    return files.stored(files.room_of("features", dataset_digest), key, ".h5")


def kept_features(card: Card, split: files.Images, p: params.Params, loaded: Callable[[], tuple]) -> Path:
    """A PTM's features of a split in the store; forwarded now, by what `loaded` gives, if they are not there yet."""
    kept = kept_path(card, split.digest, p)
    if not kept.exists():
        origin, size = made_from(card, split.digest), p.features.batch_size
        if card.task == "image":
            extract.extract(*loaded(), card.preprocessing, split, kept, origin, size)
        else:
            from stages.features import words

            words.extract(*loaded(), card, split, kept, origin, size)
    return kept


def load(card: Card) -> tuple:
    """The PTM on the device, alone; or with what it knows of words, for the tasks that have some."""
    if card.task == "image":
        return (models.load(card).to(compute.device()),)
    from stages.zoo.tasks import ptms

    model, words = ptms.load(card)
    return model.to(compute.device()), words


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ptm")
    args = parser.parse_args()
    p = params.load()
    params.check_known(args.ptm, p.ptms, "PTM")
    compute.repeatable(p.seed, p.threads)
    card = read_card(args.ptm)
    roles = {name: "sources" if name in p.sources else "targets" for name in p.forwarded_by(args.ptm)}
    loaded = cache(lambda: load(card))
    for name, role in tqdm(roles.items(), desc=args.ptm, unit="dataset", disable=None):
        split = files.read_images(files.dataset_path(role, name, "train"))
        if not len(split):  # a corpus known by name only
            continue
        files.link(kept_features(card, split, p, loaded), files.features_path(args.ptm, name))


if __name__ == "__main__":
    tell(main)
