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
from stages.data import catalogue, images
from stages.errors import tell
from stages.finetune import truth
from stages.finetune.truth import Run
from stages.machine import cores
from stages.zoo import models, pixels, training
from stages.zoo.cards import Card, read_card

THREADS = 1  # a run; targets run side by side instead, which scales better and gives the same bytes on any machine


def kept_run(
    card: Card,
    train_digest: str,
    test_digest: str,
    p: params.Params,
    learning_rate: float,
    weight_decay: float,
    seed: int,
) -> Path:
    """Where the store keeps a run."""
    if card.task == "image":
        code, words = files.code_version(images, models, pixels, training, truth), []
    else:
        from stages.finetune import words as of_words  # imported here: image PTMs do not wait for transformers
        from stages.zoo.tasks import ptms

        code, words = files.key_of(ptms.code(card.task), files.code_version(of_words)), [card.words.model_dump()]
    protocol = p.finetune.model_dump(exclude={"learning_rates", "weight_decay", "seeds"})
    tried = len(p.finetune.weight_decays) > 1  # else the run does not say its weight decay
    key = files.key_of(code, torch.__version__, timm.__version__, card.checkpoint, card.preprocessing.model_dump(),
                       train_digest, test_digest, protocol, learning_rate, weight_decay, tried, p.seed + seed,
                       *words)  # fmt: skip
    return files.stored(files.room_of("finetune", train_digest), key, ".json")


def run_once(
    card: Card,
    train: files.Images,
    test: files.Images,
    p: params.Params,
    learning_rate: float,
    weight_decay: float,
    seed: int,
) -> Run:
    """A run from the store, or done now and kept there: finished work is never repeated."""
    if card.task == "image":
        how, made = truth.finetune, Run
    else:
        from stages.finetune import words

        how, made = words.finetune, words.WordsRun
    kept = kept_run(card, train.digest, test.digest, p, learning_rate, weight_decay, seed)
    if not kept.exists():
        run = how(card, train, test, p.finetune, learning_rate, weight_decay, p.seed + seed, THREADS)
        files.write_text(kept, json.dumps(asdict(run)))
    return made(**json.loads(kept.read_text()))


def all_runs(card: Card, train: files.Images, test: files.Images, p: params.Params) -> list[tuple[Run, bool]]:
    """The grid with the first seed, then the best of it with the others; each run, and whether it is of that best."""
    pairs = [(rate, decay) for rate in p.finetune.learning_rates for decay in p.finetune.weight_decays]
    grid = [run_once(card, train, test, p, *pair, 0) for pair in pairs]
    best = pairs[grid.index(truth.best_run(grid))]
    again = [(run_once(card, train, test, p, *best, seed), True) for seed in range(1, p.finetune.seeds)]
    return [(run, pair == best) for run, pair in zip(grid, pairs, strict=True)] + again


def runs_on(card: Card, target: str, p: params.Params) -> list[dict]:
    """All runs of a PTM on one target, as rows of its table."""
    train, test = (files.read_images(files.dataset_path("targets", target, split)) for split in ("train", "test"))
    rows = []
    for run, counts in all_runs(card, train, test, p):
        row = {"dataset": target, **asdict(run), "chosen": int(counts), "kind": train.kind}
        if len(p.finetune.weight_decays) == 1:
            del row["weight_decay"]
        rows.append(row)
    return rows


def published(ptm: str, targets: list[str], p: params.Params) -> list[dict]:
    """A published table's values instead of runs of ours: nothing about them is known but the result.

    Raises ParamsError when the table has no value for one of the targets.
    """
    folder = files.PUBLISHED / p.truth
    tables = [files.read_csv(path, ["dataset", "ptm"]) for path in sorted(folder.glob("truth*.csv"))]
    units = {"accuracy_percent": 0.01, "bleu": 1.0, "negative_error": 1.0}
    values = {
        (row["dataset"].lower(), row["ptm"]): row[unit] * units[unit]
        for table in tables
        for unit in units.keys() & {*table.columns}
        for _, row in table.iterrows()
    }
    rows = []
    for target in targets:
        if (target, ptm) not in values:
            raise params.ParamsError(
                f"truth: {folder} has no value of PTM '{ptm}' on target '{target}'; drop one of them, or let "
                "'truth: finetune' find out"
            )
        value = float(values[target, ptm])
        unknown = {"learning_rate": "", "seed": "", "validation": "", "test": round(value, 6), "chosen": 1}
        rows.append({"dataset": target, **unknown, "kind": catalogue()[target].kind})
    return rows


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
    # A target that a PTM was trained on is no target for it, nor one of another task.
    targets = [name for name, spec in p.targets.items() if name != card.source and spec.task == card.task]
    if p.truth != "finetune":
        write(args.ptm, published(args.ptm, targets, p))
        return
    workers = 1 if compute.device().type == "cuda" else min(len(targets), cores())
    # Forked before torch computes anything here, so that workers start at once and inherit no threads.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("fork"), _die_with_parent, (os.getpid(),))
    rows: dict[str, list[dict]] = {}
    with pool, tqdm(total=len(targets), desc=args.ptm, unit="target", disable=None) as bar:
        waiting = {pool.submit(runs_on, card, target, p): target for target in targets}
        for done in as_completed(waiting):
            rows[waiting[done]] = done.result()
            bar.update()
    write(args.ptm, [row for target in targets for row in rows[target]])


def write(ptm: str, rows: list[dict]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    files.write_text(files.finetune_path(ptm), text.getvalue())


if __name__ == "__main__":
    tell(main)
