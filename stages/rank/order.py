"""The order of the PTMs on a user's images, and how far other images of the same kind would change it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages import compute, files
from stages.features.__main__ import kept_features, kept_path, load
from stages.params import Params, check_known
from stages.rank.reading import DataError
from stages.scores import METHODS
from stages.scores.borda import TRIO, borda
from stages.scores.inputs import checked_labels, plain_sample, stratified_sample
from stages.scores.runner import score
from stages.zoo.cards import Card

LEVEL = "probe"  # what a score in accuracies is calibrated by; computed beside any method
HALVES, HALF_AT_MOST, CONTENDERS = 100, 400, 10
SPIDER = "spider"
AGGREGATES = {"borda_trio": TRIO}


class Cost:
    """What one PTM takes: images to forward, and the seconds since this was made."""

    def __init__(self, forwards: int) -> None:
        self.forwards, self._start = forwards, time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start


def known_methods(names: Sequence[str]) -> list[str]:
    """The single methods behind the names that a user gave. Raises ParamsError for one that does not exist."""
    for name in names:
        check_known(name, [SPIDER, *METHODS, *AGGREGATES], "method")
    return list(dict.fromkeys(single for name in names for single in AGGREGATES.get(name, (name,))))


def combined(scores: pd.DataFrame, methods: Sequence[str]) -> np.ndarray:
    """One score a PTM (a row of `scores`, a column a method): the method's own, or Borda of several."""
    if len(methods) == 1:
        return scores[methods[0]].to_numpy(float)
    return borda({method: scores[method].to_numpy(float) for method in methods})


def ordered(
    cards: Sequence[Card], split: files.Images, rows: np.ndarray, methods: Sequence[str], p: Params
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """PTMs by falling score on the rows of a split, and their scores on half-samples of these rows.

    Forwards what the store does not hold yet, PTM by PTM, so that an interrupted run goes on where it stopped.

    Returns:
        ptm, score, level (leave-one-out accuracy of a ridge probe), reason (why there is no score), forwards (images
        forwarded now), seconds (spent on the PTM now); and (half-sample, PTM) scores of the first `CONTENDERS`.

    Raises:
        DataError: no method has a score for any PTM.
    """
    compute.repeatable(p.seed, p.threads)
    asked = list(dict.fromkeys([*methods, LEVEL]))
    found = []
    for card in tqdm(cards, desc="PTMs", unit="PTM", disable=None, leave=False):
        cost = Cost(0 if kept_path(card, split.digest, p).exists() else len(split))
        scored = {row["method"]: row for row in score(asked, arrays_of(card, split, rows, p))}
        found.append(
            {"ptm": card.name, "forwards": cost.forwards, "seconds": cost.seconds}
            | {"reason": "; ".join(scored[m]["reason"] for m in methods if scored[m]["reason"])}
            | {method: row["score"] for method, row in scored.items()}
        )
    table = pd.DataFrame(found)
    table = table.assign(score=combined(table, methods), level=table[LEVEL])
    if table["score"].isna().all():
        raise DataError(f"'{split.name}' cannot be ranked by {', '.join(methods)}: {table['reason'].iloc[0]}")
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    of = {card.name: card for card in cards}
    first = [of[name] for name in table.dropna(subset=["score"])["ptm"][:CONTENDERS]]
    columns = ["ptm", "score", "level", "reason", "forwards", "seconds"]
    return table[columns], _on_halves(first, split, rows, methods, p)


def arrays_of(card: Card, split: files.Images, rows: np.ndarray, p: Params) -> dict:
    """What methods may ask for about one PTM and the user's images, which are forwarded now if need be."""
    found = files.read_features(kept_features(card, split, p, lambda: load(card)))
    classification = split.kind == "classification"
    arrays = {
        "features": found.features[rows],
        "probabilities": None if found.probabilities is None else found.probabilities[rows],
        "labels": found.targets[rows] if classification else None,
        "targets": None if classification else found.targets[rows].reshape(len(rows), -1).astype(float),
        "n_parameters": card.n_parameters,
        "source_accuracy": card.source_accuracy,
        "seed": p.seed,
    }
    if (of_source := files.features_path(card.name, card.source)).exists():
        source = files.read_features(of_source, {"ptm": card.name, "checkpoint": card.checkpoint})
        arrays |= {"source_features": source.features, "source_labels": source.targets}
    return arrays


def taken(arrays: dict, chosen: np.ndarray) -> dict:
    """The arrays with some of the images only."""
    by_image = {k for k in ("features", "probabilities", "labels", "targets") if arrays[k] is not None}
    return {k: v[chosen] if k in by_image else v for k, v in arrays.items()}


def halves(labels: np.ndarray | None, count: int, seed: int) -> list[np.ndarray]:
    """Half-samples without replacement, stratified by class.

    Their means spread as those of the bootstrap do: sigma^2 / (n/2) * (1 - 1/2) = sigma^2 / n. But no image is in one
    twice, which would flatter every score that leaves one out and finds its copy. Of large data less than half is
    taken, which spreads more, never less. (Source: D. Politis, J. Romano, M. Wolf, Subsampling, 1999.)
    """
    size = min(count // 2, HALF_AT_MOST)
    if labels is None:
        return [plain_sample(count, size, seed + i) for i in range(HALVES)]
    classes = checked_labels(labels, count)
    return [stratified_sample(classes, max(size, len(classes)), seed + i) for i in range(HALVES)]


def _on_halves(
    cards: Sequence[Card], split: files.Images, rows: np.ndarray, methods: Sequence[str], p: Params
) -> pd.DataFrame:
    labels = split.targets[rows] if split.kind == "classification" else None
    samples = halves(labels, len(rows), p.seed)
    values = {method: np.full((HALVES, len(cards)), math.nan) for method in methods}
    with tqdm(total=HALVES * len(cards), desc="half-samples", disable=None, leave=False) as bar:
        for place, card in enumerate(cards):
            arrays = arrays_of(card, split, rows, p)
            for number, chosen in enumerate(samples):
                for row in score(methods, taken(arrays, chosen)):
                    values[row["method"]][number, place] = row["score"]
                bar.update()
    names = [card.name for card in cards]
    scores = [combined(pd.DataFrame({m: values[m][i] for m in methods}), methods) for i in range(HALVES)]
    return pd.DataFrame(scores, columns=names)


def winners(on_halves: pd.DataFrame) -> pd.Series:
    """Share of the half-samples on which each PTM came first; those that tie for it share it."""
    first = on_halves.eq(on_halves.max(axis=1), axis=0)
    return first.div(first.sum(axis=1), axis=0).mean()
