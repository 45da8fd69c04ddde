"""Scores of each PTM on a user's data, and how much they would change on other data of the same kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from orbweaver.core.machine import cores
from orbweaver.core.names import check_known
from orbweaver.select.data import Data
from orbweaver.select.keep import kept, place
from orbweaver.tasks.stored import Stored

LEVEL = "probe"  # what a linear model reaches on a PTM's features; computed beside any method
DEFAULT = (LEVEL, "probe_inner")  # what ranks where PTMs have an inside
HALVES, HALF_AT_MOST = 100, 400
SPIDER = "spider"
TRIO_NAME = "borda_trio"


@dataclass(frozen=True)
class Scored:
    """Scores of one PTM on some of the samples, by method; NaN where there is no score, with the reason.

    halves: (H,) the same on half-samples. metric: of the task that the samples are of.
    """

    scores: dict[str, float]
    reasons: dict[str, str]
    halves: dict[str, list[float]]
    metric: str


def known_methods(names: Sequence[str]) -> list[str]:
    """The single methods behind the names that a user gave. Raises UnknownName for one that does not exist."""
    from orbweaver.methods import METHODS, TRIO

    for name in names:
        check_known(name, [SPIDER, *METHODS, TRIO_NAME], "method")
    return list(dict.fromkeys(single for name in names for single in (TRIO if name == TRIO_NAME else (name,))))


def before_the_last(methods: Sequence[str]) -> list[str]:
    """The methods that decide in a race which PTMs see more: those that need the last layer alone, if there are such.

    Features from inside are fitted to all samples seen, and again when there are more: only PTMs that see all get them.
    """
    from orbweaver.methods import looks_inside

    return [method for method in methods if not looks_inside(method)] or [*methods]


def combined(scores: pd.DataFrame, methods: Sequence[str]) -> np.ndarray:
    """One score a PTM (a row of `scores`, a column a method): the method's own, or Borda of several.

    A single PTM, which has no rank, is in the middle.
    """
    if len(methods) == 1:
        return scores[methods[0]].to_numpy(float)
    from orbweaver.methods import borda

    found = borda({method: scores[method].to_numpy(float) for method in methods})
    return np.where(np.isnan(found) & scores[[*methods]].notna().any(axis=1), 0.5, found)


def standing(found: Mapping[str, Scored], methods: Sequence[str]) -> pd.Series:
    """Score of each PTM, by name."""
    table = pd.DataFrame({name: one.scores for name, one in found.items()}).T
    return pd.Series(combined(table, methods), list(found), dtype=float)


def standing_on_halves(found: Mapping[str, Scored], methods: Sequence[str]) -> pd.DataFrame:
    """Scores on half-samples, a row each, a column a PTM; the half-samples are the same for all of them."""
    count = min(len(halves) for one in found.values() for halves in one.halves.values())
    rows = [
        combined(pd.DataFrame({m: [one.halves[m][i] for one in found.values()] for m in methods}), methods)
        for i in range(count)
    ]
    return pd.DataFrame(rows, columns=list(found), dtype=float)


def scored(ptm: Stored, data: Data, methods: Sequence[str], looks: int | None, count: int) -> Scored:
    """What methods and the probe say of a PTM after so many looks, and on `count` half-samples; kept.

    Forwards what was not forwarded before.
    """
    asked = list(dict.fromkeys([*methods, LEVEL]))

    def made() -> dict:
        from orbweaver.core.device import repeatable
        from orbweaver.methods import score
        from orbweaver.select.order.forward import inputs_of
        from orbweaver.tasks import task

        repeatable(data.settings.seed, data.settings.threads)
        inputs = inputs_of(ptm, data, looks, asked)
        rows = score(asked, inputs)
        on_halves: dict[str, list[float]] = {method: [] for method in asked}
        samples = halves(inputs.labels, len(inputs.features), data.settings.seed, count)
        # Matrices of a few hundred rows: a core a half-sample is faster than all cores on each.
        with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
            for found in pool.map(lambda chosen: score(asked, inputs.take(chosen)), samples):
                for row in found:
                    on_halves[row["method"]].append(row["score"])
        return {
            "scores": {row["method"]: row["score"] for row in rows},
            "reasons": {row["method"]: row["reason"] for row in rows},
            "halves": on_halves,
            "metric": task(data.split.task).metric,
        }

    return Scored(**kept(data.cache, "scored", made, *_key(ptm, data, asked, looks, count)))


def is_scored(ptm: Stored, data: Data, methods: Sequence[str], looks: int | None, count: int) -> bool:
    """Is this kept, so that neither the PTM nor torch is needed?"""
    asked = list(dict.fromkeys([*methods, LEVEL]))
    return place(data.cache, "scored", *_key(ptm, data, asked, looks, count)).exists()


def _key(ptm: Stored, data: Data, asked: list[str], looks: int | None, count: int) -> tuple:
    source = None
    if data.benchmark is not None and (path := data.benchmark.features(ptm.card.name, ptm.card.source)).exists():
        source = [path.stat().st_size, path.stat().st_mtime_ns]
    return ptm, data.split.fingerprint, data.seen(looks).tolist(), asked, count, data.settings.seed, source


def halves(labels: np.ndarray | None, count: int, seed: int, many: int | None = None) -> list[np.ndarray]:
    """Half-samples without replacement, stratified by class.

    Their means spread as those of the bootstrap do: sigma^2 / (n/2) * (1 - 1/2) = sigma^2 / n. But no sample is in one
    twice, which would flatter every score that leaves one out and finds its copy. Of large data less than half is
    taken, which spreads more, never less. (Source: D. Politis, J. Romano, M. Wolf, Subsampling, 1999.)
    """
    from orbweaver.methods import sampled

    size = min(count // 2, HALF_AT_MOST)
    if labels is not None:
        size = max(size, len(np.unique(labels)))
    return [sampled(count, size, seed + i, labels) for i in range(HALVES if many is None else many)]


def winners(on_halves: pd.DataFrame) -> pd.Series:
    """Share of the half-samples on which each PTM came first; those that tie for it share it."""
    first = on_halves.eq(on_halves.max(axis=1), axis=0)
    return first.div(first.sum(axis=1), axis=0).mean()


def ahead(on_halves: pd.DataFrame, of: str) -> pd.Series:
    """Share of the half-samples on which each PTM is ahead of one of them; a tie counts half, NaN is behind."""
    rival = on_halves[of]
    beaten = on_halves.gt(rival, axis=0) + 0.5 * on_halves.eq(rival, axis=0)
    return beaten.where(on_halves.notna(), 0.0).mean()
