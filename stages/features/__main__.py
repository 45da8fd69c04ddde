"""python -m stages.features PTM: writes features/<ptm>/<dataset>.h5 for every dataset that has images."""

from __future__ import annotations

import argparse

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ptm")
    args = parser.parse_args()
    p = params.load()
    params.check_known(args.ptm, p.ptms, "PTM")
    compute.repeatable(p.seed, p.threads)
    card = read_card(args.ptm)
    if card.task == "image":
        model, words = models.load(card).to(compute.device()), None
        code = files.code_version(images, models, pixels, extract)
    else:
        from stages.features import words as of_words  # imported here: image PTMs do not wait for transformers
        from stages.zoo.tasks import ptms

        model, words = ptms.load(card)
        model = model.to(compute.device())
        code = files.key_of(ptms.code(card.task), files.code_version(of_words))
    of_task = {name: spec for name, spec in p.datasets.items() if spec.task == card.task}
    roles = {name: "sources" if name in p.sources else "targets" for name in of_task}
    for name, role in tqdm(roles.items(), desc=args.ptm, unit="dataset", disable=None):
        split = files.read_images(files.dataset_path(role, name, "train"))
        if not len(split):  # a corpus known by name only
            continue
        origin = made_from(card, split.digest)
        key = files.key_of(code, torch.__version__, timm.__version__, origin, p.threads, p.features.batch_size)
        kept = files.stored("features", key, ".h5")
        if not kept.exists():
            if words is None:
                extract.extract(model, card.preprocessing, split, kept, origin, p.features.batch_size)
            else:
                of_words.extract(model, words, card, split, kept, origin, p.features.batch_size)
        files.link(kept, files.features_path(args.ptm, name))


if __name__ == "__main__":
    tell(main)
