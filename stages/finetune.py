"""python -m stages.finetune PTM: writes scores/finetune/<ptm>.csv, every run on every target, and which runs count.

A PTM that is no candidate is not fine-tuned; its table is empty.
"""

from __future__ import annotations

import argparse
from concurrent.futures import as_completed
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from orbweaver.core.cache import Cache
from orbweaver.core.errors import tell
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.machine import forked
from orbweaver.core.names import check_known
from orbweaver.core.settings import FinetuneSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split, read_dataset
from orbweaver.pipeline import params
from orbweaver.tasks import fits, task
from orbweaver.tasks.finetune import Run, finetune, protocol, published_runs, published_truth, runs_of, truth_rows
from orbweaver.tasks.stored import Stored, stored

THREADS = 1  # of a run; targets run side by side instead, which scales better and gives the same bytes on any machine


def runs_on(
    target: str, ptm: Stored, train: Split, test: Split, how: FinetuneSettings, seed: int, cache: Cache,
    of_runs: str, known: list[Run],
) -> list[dict]:  # fmt: skip
    of_target = task(train.task)
    runs = finetune(of_target, ptm, train, test, how, seed, THREADS, cache, known)
    return truth_rows(runs, target, of_target, of_runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ptm")
    name = parser.parse_args().ptm
    workspace = Workspace(Path())
    p = params.load(workspace.params)
    check_known(name, p.ptms, "PTM")
    ptm, cache = stored(workspace, name), workspace.cache
    rows: dict[str, list[dict]] = {}
    with cache.noting(f"finetune@{name}"):
        splits = {target: read_dataset(workspace, "targets", target, "train") for target in p.targets}
        # Without targets that the PTM was trained on, and without those of a task that it cannot be fine-tuned to do.
        targets = [
            target
            for target, split in splits.items()
            if p.ptms[name].candidate and target != ptm.card.source and fits(ptm.card.task, split.task)
        ]
        folder = workspace.published / p.truth
        published = None if p.truth == "finetune" else published_runs(folder)
        if p.truth != "finetune" and published is None:
            rows = {target: published_truth(folder, name, target, splits[target].task) for target in targets}
        else:
            with forked(len(targets)) as pool, tqdm(total=len(targets), desc=name, unit="target", disable=None) as bar:
                waiting = {}
                for target in targets:
                    test = read_dataset(workspace, "targets", target, "test")
                    of_runs = protocol(p.finetune, len(splits[target]), len(test))
                    known = [] if published is None else runs_of(published, name, target, of_runs)
                    given = target, ptm, splits[target], test, p.finetune, p.seed, cache, of_runs, known
                    waiting[pool.submit(runs_on, *given)] = target
                for done in as_completed(waiting):
                    rows[waiting[done]] = done.result()
                    bar.update()
    table = pd.DataFrame([row for target in targets for row in rows[target]])
    write_csv(table, workspace.truth(name))


if __name__ == "__main__":
    tell(main)
