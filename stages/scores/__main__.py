"""python -m stages.scores DATASET: writes scores/<dataset>.csv, every method's score of every PTM on one target."""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages import files, params
from stages.errors import tell
from stages.machine import limit_threads
from stages.scores import TARGET_BLIND
from stages.scores.borda import TRIO, borda
from stages.scores.runner import score
from stages.zoo.cards import Card, read_card


def arrays_of(card: Card, target: str, seed: int) -> dict:
    """Everything that a method may ask for about one PTM and one target."""
    train = files.dataset_path("targets", target, "train")
    made_from = {"ptm": card.name, "checkpoint": card.checkpoint, "dataset": files.digest(train)}
    found = files.read_features(files.features_path(card.name, target), made_from)
    classification = found.kind == "classification"
    arrays = {
        "features": found.features,
        "probabilities": found.probabilities,
        "labels": found.targets if classification else None,
        "targets": None if classification else found.targets.reshape(len(found.targets), -1),
        "n_parameters": card.n_parameters,
        "source_accuracy": card.source_accuracy,
        "seed": seed,
    }
    of_source = files.features_path(card.name, card.source)
    if of_source.exists():
        source = files.read_features(of_source, {"ptm": card.name, "checkpoint": card.checkpoint})
        arrays |= {"source_features": source.features, "source_labels": source.targets}
    return arrays


def aggregated(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the rank aggregations: Borda of H-Score, NCE and LogME, and of all methods that look at the target."""
    scores = table.pivot(index="ptm", columns="method", values="score").reindex(table["ptm"].unique())
    looking = [method for method in scores if method not in TARGET_BLIND]
    rows = []
    for name, methods in (("borda_trio", TRIO), ("borda_all", looking)):
        if len(methods) > 1 and {*methods} <= {*scores}:
            values = borda({method: scores[method].to_numpy() for method in methods})
            reasons = ["no method has a score" if np.isnan(value) else "" for value in values]
            rows.append(pd.DataFrame({"ptm": scores.index, "method": name, "score": values, "reason": reasons}))
    return pd.concat(rows, ignore_index=True) if rows else table.iloc[:0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset")
    args = parser.parse_args()
    p = params.load()
    params.check_known(args.dataset, p.targets, "target")
    limit_threads(p.threads)
    rows = []
    for ptm in tqdm(p.ptms, desc=args.dataset, unit="PTM", disable=None):
        found = score(p.methods, arrays_of(read_card(ptm), args.dataset, p.seed))
        rows += [{"dataset": args.dataset, "ptm": ptm, **row} for row in found]
    table = pd.DataFrame(rows)
    table = pd.concat([table, aggregated(table).assign(dataset=args.dataset)], ignore_index=True)
    files.write_csv(table.drop(columns=["score", "reason"]).dropna(), files.seconds_path(args.dataset))
    files.write_csv(table.drop(columns="seconds"), files.scores_path(args.dataset))


if __name__ == "__main__":
    tell(main)
