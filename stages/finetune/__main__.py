"""python -m stages.finetune PTM: writes scores/finetune/<ptm>.csv, every run on every target and which counted."""

from __future__ import annotations

import argparse
import csv
import io
import json
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import timm
import torch
from tqdm import tqdm

from stages import compute, files, params
from stages.data import images
from stages.errors import tell
from stages.finetune import truth
from stages.finetune.truth import Run
from stages.machine import cores
from stages.zoo import models, pixels, training
from stages.zoo.cards import Card, read_card

THREADS = 1  # a run; targets run side by side instead, which scales better and gives the same bytes on any machine


def kept_run(
    card: Card, train_digest: str, test_digest: str, p: params.Params, learning_rate: float, seed: int
) -> Path:
    """Where the store keeps a run."""
    code = files.code_version(images, models, pixels, training, truth)
    key = files.key_of(code, torch.__version__, timm.__version__, card.checkpoint, card.preprocessing.model_dump(),
                       train_digest, test_digest, p.finetune.epochs, p.finetune.batch_size, p.finetune.weight_decay,
                       p.finetune.validation_fraction, learning_rate, p.seed + seed)  # fmt: skip
    return files.stored("finetune", key, ".json")


def run_once(
    card: Card, train: files.Images, test: files.Images, p: params.Params, learning_rate: float, seed: int
) -> Run:
    """A run from the store, or done now and kept there: finished work is never repeated."""
    kept = kept_run(card, train.digest, test.digest, p, learning_rate, seed)
    if not kept.exists():
        run = truth.finetune(card, train, test, p.finetune, learning_rate, p.seed + seed, THREADS)
        files.write_text(kept, json.dumps(asdict(run)))
    return Run(**json.loads(kept.read_text()))


def runs_on(card: Card, target: str, p: params.Params) -> list[dict]:
    """All runs of a PTM on one target: the grid with the first seed, then the best rate with the others."""
    train, test = (files.read_images(files.dataset_path("targets", target, split)) for split in ("train", "test"))
    grid = [run_once(card, train, test, p, rate, 0) for rate in p.finetune.learning_rates]
    best = truth.best_learning_rate(grid)
    again = [run_once(card, train, test, p, best, seed) for seed in range(1, p.finetune.seeds)]
    return [
        {"dataset": target, **asdict(run), "chosen": int(run.learning_rate == best), "kind": train.kind}
        for run in grid + again
    ]


def _die_with_parent(parent: int) -> None:
    """A worker whose parent was killed would wait for work for ever."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ptm")
    args = parser.parse_args()
    p = params.load()
    params.check_known(args.ptm, p.ptms, "PTM")
    card = read_card(args.ptm)
    # A target that a PTM was trained on is no target for it.
    targets = [target for target in p.targets if target != card.source]
    workers = 1 if compute.device().type == "cuda" else min(len(targets), cores())
    # Forked before torch computes anything here, so that workers start at once and inherit no threads.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _die_with_parent, (os.getpid(),))
    rows: dict[str, list[dict]] = {}
    with pool, tqdm(total=len(targets), desc=args.ptm, unit="target", disable=None) as bar:
        waiting = {pool.submit(runs_on, card, target, p): target for target in targets}
        for done in as_completed(waiting):
            rows[waiting[done]] = done.result()
            bar.update()
    text = io.StringIO()
    writer = csv.DictWriter(text, next(iter(rows.values()))[0], lineterminator="\n")
    writer.writeheader()
    for target in targets:
        writer.writerows(rows[target])
    files.write_text(files.finetune_path(args.ptm), text.getvalue())


if __name__ == "__main__":
    tell(main)
