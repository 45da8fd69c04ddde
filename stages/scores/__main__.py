"""python -m stages.scores DATASET: writes scores/<dataset>.csv, every method's score of every PTM on one target.

And scores/weights/<dataset>.csv: what methods on F-labels make of each text encoder; scores/rankers/<dataset>.csv:
what each of Model Spider's rankers says, seed by seed, with 0 to all PTMs forwarded.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages import files, params
from stages.errors import tell
from stages.machine import limit_threads
from stages.scores import OF_ENCODERS, TARGET_BLIND, ScoreError, shared_work
from stages.scores.borda import TRIO, borda
from stages.scores.emms import SATURATED
from stages.scores.rankers import as_methods, of_spiders
from stages.scores.runner import score
from stages.spider.checkpoint import load as load_spider
from stages.zoo.cards import Card, read_card

OTHERS_SATURATED = "adjusted: emms_gcv, as for the PTMs whose features fit any label"


def arrays_of(card: Card, target: str, seed: int) -> dict:
    """Everything that a method may ask for about one PTM and one target."""
    train = files.dataset_path("targets", target, "train")
    made_from = {"ptm": card.name, "checkpoint": card.checkpoint, "dataset": files.digest(train)}
    found = files.read_features(files.features_path(card.name, target), made_from)
    classes = found.kind in ("classification", "vqa")
    values = found.kind in ("regression", "grounding")  # captions and answers are texts: methods read their F-labels
    arrays = {
        "features": found.features,
        "probabilities": found.probabilities,
        "labels": found.targets if classes else None,
        "targets": found.targets.reshape(len(found.targets), -1) if values else None,
        "n_parameters": card.n_parameters,
        "source_accuracy": card.source_accuracy,
        "seed": seed,
    }
    of_source = files.features_path(card.name, card.source)
    if of_source.exists():
        source = files.read_features(of_source, {"ptm": card.name, "checkpoint": card.checkpoint})
        arrays |= {"source_features": source.features}
        if source.kind in ("classification", "vqa"):
            arrays |= {"source_labels": source.targets}
    return arrays


def labels_of(encoders: Iterable[str], target: str) -> dict[str, list[np.ndarray]]:
    """The target's F-labels by every encoder, under the name by which methods ask for them; none for a regression."""
    made_from = {"dataset": files.digest(files.dataset_path("targets", target, "train"))}
    found = [files.read_labels(files.labels_path(encoder, target), made_from) for encoder in encoders]
    name = {"class": "class_embeddings", "sample": "label_embeddings"}.get(found[0].per)
    return {name: [labels.embeddings for labels in found]} if name else {}


def of_encoders(methods: Iterable[str], encoders: list[str], arrays: dict) -> pd.DataFrame:
    """One row an encoder: its `weight` in EMMS, and LogME's and TransRate's score on its F-labels alone."""
    wanted = ("features", "labels", "class_embeddings", "label_embeddings", "targets")
    table = pd.DataFrame({"encoder": encoders})
    for method in (method for method in methods if method in OF_ENCODERS):
        try:
            values = OF_ENCODERS[method](*(arrays.get(name) for name in wanted))
        except ScoreError:
            values = np.nan  # for the reason that the method's own row gives
        table["weight" if method == "emms" else method] = values
    return table


def compared_alike(table: pd.DataFrame, gcv: dict[str, float]) -> pd.DataFrame:
    """The table with `emms` by generalised cross-validation for all PTMs where one of them fits any label.

    A residual on the very samples of the fit and an estimate of it on others would not compare; gcv: PTM to value.
    """
    if not (table["reason"] == SATURATED).any():
        return table
    here = (table["method"] == "emms") & table["score"].notna()
    return table.assign(
        score=table["score"].where(~here, table["ptm"].map(gcv)),
        reason=table["reason"].where(~here | (table["reason"] == SATURATED), OTHERS_SATURATED),
    )


def aggregated(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of the rank aggregations: Borda of H-Score, NCE and LogME, and of all methods that look at the target.

    LogME and TransRate have one vote each: their forms on F-labels are not counted beside them.
    """
    scores = table.pivot(index="ptm", columns="method", values="score").reindex(table["ptm"].unique())
    looking = [method for method in scores if method not in TARGET_BLIND and not method.endswith("_labels")]
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
    labels = labels_of(p.encoders, args.dataset)
    task = p.targets[args.dataset].task
    spiders = [load_spider(files.ranker_path(ranker)) for ranker in p.spider.rankers] if task == "image" else []
    evidence = dict.fromkeys(method for spider in spiders for method in spider.card.spec.evidence)
    methods = [method for method in p.methods if method not in p.spider.rankers]
    wanted = [*methods, *(method for method in evidence if method not in methods)]
    rows, weights, gcv = [], [], {}
    for ptm in tqdm(p.ptms_of(task), desc=args.dataset, unit="PTM", disable=None):
        arrays = arrays_of(read_card(ptm), args.dataset, p.seed) | labels
        with shared_work():
            rows += [{"dataset": args.dataset, "ptm": ptm, **row} for row in score(wanted, arrays)]
            if "emms" in p.methods:
                gcv[ptm] = score(["emms_gcv"], arrays)[0]["score"]
            if labels:
                weights.append(of_encoders(methods, list(p.encoders), arrays).assign(dataset=args.dataset, ptm=ptm))
    ranked = of_spiders(spiders, args.dataset, pd.DataFrame(rows), p)
    table = pd.DataFrame([row for row in rows if row["method"] in methods])
    table = compared_alike(table, gcv)
    parts = [
        table,
        aggregated(table).assign(dataset=args.dataset),
        as_methods(ranked, [spider for spider in spiders if spider.card.name in p.methods]),
    ]
    table = pd.concat(parts, ignore_index=True)
    files.write_csv(table.drop(columns=["score", "reason"]).dropna(), files.seconds_path(args.dataset))
    files.write_csv(table.drop(columns="seconds"), files.scores_path(args.dataset))
    files.write_csv(ranked, files.rankers_path(args.dataset))
    columns = ["dataset", "ptm", "encoder"]
    weights = pd.concat(weights, ignore_index=True) if weights else pd.DataFrame(columns=columns)
    files.write_csv(weights.set_index(columns).reset_index(), files.weights_path(args.dataset))


if __name__ == "__main__":
    tell(main)
