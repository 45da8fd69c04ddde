"""python -m stages.reports: writes reports/; with --show prints the table instead (and what the scores cost here)."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from stages import files, params
from stages.errors import tell
from stages.reports.build import build
from stages.reports.evaluate import evaluate
from stages.reports.published import replay
from stages.reports.tables import text_table
from stages.zoo.cards import read_card


def read_truth(p: params.Params) -> pd.DataFrame:
    """Mean and spread over seeds of the chosen runs: dataset, ptm, kind, value, noise (of one run), seeds."""
    columns = ["dataset", "learning_rate", "seed", "validation", "test", "chosen", "kind"]
    tables = [files.read_csv(files.finetune_path(ptm), columns).assign(ptm=ptm) for ptm in p.ptms]
    runs = pd.concat(tables).query("chosen == 1")
    runs = runs[runs["dataset"].isin(p.targets)]
    grouped = runs.groupby(["dataset", "ptm", "kind"], sort=False)["test"]
    return grouped.agg(value="mean", noise="std", seeds="count").reset_index()


def read_scores(p: params.Params) -> pd.DataFrame:
    columns = ["dataset", "ptm", "method", "score", "reason"]
    table = pd.concat([files.read_csv(files.scores_path(target), columns) for target in p.targets])
    return table[table["ptm"].isin(p.ptms) & table["method"].isin([*p.methods, "borda_all", "borda_3"])]


def read_cards(p: params.Params) -> pd.DataFrame:
    fields = ["architecture", "source", "n_parameters", "source_accuracy"]
    return pd.DataFrame([{"ptm": ptm, **read_card(ptm).model_dump(include=set(fields))} for ptm in p.ptms])


def read_seconds(p: params.Params) -> pd.DataFrame | None:
    """What scoring cost on this machine, where it was done here."""
    kept = [files.seconds_path(target) for target in p.targets]
    return pd.concat(map(pd.read_csv, kept)) if all(path.exists() for path in kept) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--show", action="store_true", help="print the result table and write nothing")
    args = parser.parse_args()
    p = params.load()
    tables = read_truth(p), read_scores(p), read_cards(p)
    if args.show:
        print(text_table(evaluate(*tables, p.seed, p.reports.bootstrap), read_seconds(p)))
    else:
        published = replay(seed=p.seed, n_resamples=p.reports.bootstrap)
        build(*tables, p.seed, Path("reports"), p.reports.bootstrap, published)


if __name__ == "__main__":
    tell(main)
