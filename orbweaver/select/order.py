"""The order of the PTMs on a user's data, and how far other data of the same kind would change it."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from orbweaver.core.device import repeatable
from orbweaver.core.names import check_known
from orbweaver.data.readers.own import DataError
from orbweaver.methods import METHODS, TRIO, borda, sampled, score
from orbweaver.select.forward import Data, inputs_of, is_kept
from orbweaver.tasks.stored import Stored

LEVEL = "probe"  # what a score in accuracies is calibrated by; computed beside any method
HALVES, HALF_AT_MOST, CONTENDERS = 100, 400, 10
SPIDER = "spider"
AGGREGATES = {"borda_trio": TRIO}


class Cost:
    """What one PTM takes: samples to forward, and the seconds since this was made."""

    def __init__(self, ptm: Stored, data: Data) -> None:
        self.forwards = 0 if is_kept(ptm, data) else len(data.split)
        self._start = time.perf_counter()

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start


def known_methods(names: Sequence[str]) -> list[str]:
    """The single methods behind the names that a user gave. Raises UnknownName for one that does not exist."""
    for name in names:
        check_known(name, [SPIDER, *METHODS, *AGGREGATES], "method")
    return list(dict.fromkeys(single for name in names for single in AGGREGATES.get(name, (name,))))


def combined(scores: pd.DataFrame, methods: Sequence[str]) -> np.ndarray:
    """One score a PTM (a row of `scores`, a column a method): the method's own, or Borda of several."""
    if len(methods) == 1:
        return scores[methods[0]].to_numpy(float)
    return borda({method: scores[method].to_numpy(float) for method in methods})


def ordered(ptms: Sequence[Stored], data: Data, methods: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """PTMs by falling score on a user's data, and their scores on half-samples of them.

    Forwards what is not kept yet, PTM by PTM, so that an interrupted run goes on where it stopped.

    Returns:
        ptm, score, level (the ridge probe's leave-one-out result), reason (why there is no score), forwards (samples
        forwarded now), seconds (spent on the PTM now); and (half-sample, PTM) scores of the first `CONTENDERS`.

    Raises:
        DataError: no method has a score for any PTM.
    """
    repeatable(data.settings.seed, data.settings.threads)
    asked = list(dict.fromkeys([*methods, LEVEL]))
    found = []
    for ptm in tqdm(ptms, desc="PTMs", unit="PTM", disable=None, leave=False):
        cost = Cost(ptm, data)
        scored = {row["method"]: row for row in score(asked, inputs_of(ptm, data))}
        found.append(
            {"ptm": ptm.card.name, "forwards": cost.forwards, "seconds": cost.seconds}
            | {"reason": "; ".join(scored[m]["reason"] for m in methods if scored[m]["reason"])}
            | {method: row["score"] for method, row in scored.items()}
        )
    table = pd.DataFrame(found)
    table = table.assign(score=combined(table, methods), level=table[LEVEL])
    if table["score"].isna().all():
        raise DataError(f"'{data.split.name}' cannot be ranked by {', '.join(methods)}: {table['reason'].iloc[0]}")
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)
    of = {ptm.card.name: ptm for ptm in ptms}
    first = [of[name] for name in table.dropna(subset=["score"])["ptm"][:CONTENDERS]]
    columns = ["ptm", "score", "level", "reason", "forwards", "seconds"]
    return table[columns], _on_halves(first, data, methods)


def halves(labels: np.ndarray | None, count: int, seed: int) -> list[np.ndarray]:
    """Half-samples without replacement, stratified by class.

    Their means spread as those of the bootstrap do: sigma^2 / (n/2) * (1 - 1/2) = sigma^2 / n. But no sample is in one
    twice, which would flatter every score that leaves one out and finds its copy. Of large data less than half is
    taken, which spreads more, never less. (Source: D. Politis, J. Romano, M. Wolf, Subsampling, 1999.)
    """
    size = min(count // 2, HALF_AT_MOST)
    if labels is not None:
        size = max(size, len(np.unique(labels)))
    return [sampled(count, size, seed + i, labels) for i in range(HALVES)]


def _on_halves(ptms: Sequence[Stored], data: Data, methods: Sequence[str]) -> pd.DataFrame:
    values = {method: np.full((HALVES, len(ptms)), math.nan) for method in methods}
    with tqdm(total=HALVES * len(ptms), desc="half-samples", disable=None, leave=False) as bar:
        for place, ptm in enumerate(ptms):
            inputs = inputs_of(ptm, data)
            for number, chosen in enumerate(halves(inputs.labels, len(data.rows), data.settings.seed)):
                for row in score(methods, inputs.take(chosen)):
                    values[row["method"]][number, place] = row["score"]
                bar.update()
    scores = [combined(pd.DataFrame({m: values[m][i] for m in methods}), methods) for i in range(HALVES)]
    return pd.DataFrame(scores, columns=[ptm.card.name for ptm in ptms])


def winners(on_halves: pd.DataFrame) -> pd.Series:
    """Share of the half-samples on which each PTM came first; those that tie for it share it."""
    first = on_halves.eq(on_halves.max(axis=1), axis=0)
    return first.div(first.sum(axis=1), axis=0).mean()
