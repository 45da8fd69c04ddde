"""python -m stages.labels ENCODER: writes labels/<encoder>/<dataset>.h5 for every target; no rows for a regression."""

from __future__ import annotations

import argparse
from pathlib import Path

import tokenizers
import torch
import transformers
from tqdm import tqdm

from stages import compute, files, params
from stages.errors import tell
from stages.labels import encoders, texts

NEIGHBOURS = 100  # samples that the published code pads together; of classes, all


def kept_labels(made_from: dict, p: params.Params) -> Path:
    """Where the store keeps the F-labels that are made from this."""
    versions = [torch.__version__, transformers.__version__, tokenizers.__version__]
    code = files.code_version(encoders, texts)
    return files.stored("labels", files.key_of(code, versions, made_from, p.threads, p.labels.batch_size), ".h5")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("encoder")
    args = parser.parse_args()
    p = params.load()
    params.check_known(args.encoder, p.encoders, "encoder")
    compute.repeatable(p.seed, p.threads)
    transformers.logging.set_verbosity_error()  # of a CLIP it would list every tensor of the image tower
    transformers.logging.disable_progress_bar()
    encoder = encoders.load(args.encoder, p.encoders[args.encoder])
    padding = p.labels.pooling == "padded_mean"
    for name in tqdm(p.targets, desc=args.encoder, unit="dataset", disable=None):
        split = files.read_images(files.dataset_path("targets", name, "train"))
        lines = texts.texts_of(split, p.labels.template)
        origin = {
            "encoder": p.encoders[args.encoder].model,
            "weights": encoder.weights,
            "pooling": p.labels.pooling,
            "template": p.labels.template,
            "dataset": split.digest,
        }
        kept = kept_labels(origin, p)
        if not kept.exists():
            per = texts.PER[split.kind]
            padded = {"class": len(lines), "sample": NEIGHBOURS}.get(per, 0) if padding else 0
            rows = encoders.embed(encoder, lines, padded, p.labels.batch_size)
            files.write_labels(kept, files.Labels(rows, lines, per, origin))
        files.link(kept, files.labels_path(args.encoder, name))


if __name__ == "__main__":
    tell(main)
