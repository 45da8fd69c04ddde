"""All scores of one target: each method's of each PTM, the rank aggregations', and Model Spider's."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pandas as pd
from tqdm import tqdm

from orbweaver.core.files import KnownFile, digest
from orbweaver.core.machine import limit_threads
from orbweaver.core.workspace import Workspace
from orbweaver.methods import METHODS
from orbweaver.methods.tables import aggregated
from orbweaver.models.card import Card
from orbweaver.spider.card import SpiderCard
from orbweaver.spider.pair import pair
from orbweaver.spider.rows import as_methods, of_spiders
from orbweaver.tasks import ZOO, fits, task
from orbweaver.tasks.inner import inner_file

COLUMNS = ["dataset", "ptm", "method", "score", "reason"]


@dataclass(frozen=True)
class TargetScores:
    """scores: dataset, ptm, method, score (NaN where there is none), reason. seconds: dataset, ptm, method, seconds, of
    the methods. rankers: see `of_spiders`. weights: dataset, ptm, encoder, and what methods on F-labels make of each.
    """

    scores: pd.DataFrame
    seconds: pd.DataFrame
    rankers: pd.DataFrame
    weights: pd.DataFrame


def scores_of_target(
    workspace: Workspace,
    target: str,
    cards: list[Card],
    encoders: list[str],
    methods: list[str],
    family: str,
    spiders: list[SpiderCard],
    seed: int,
    threads: int,
) -> TargetScores:
    """Scores of one target for all PTMs of its zoo; those of a pair are kept, with the seconds that they took.

    methods: those to have rows for, names of spiders among them. family: of the target. spiders: all that take part;
    they have every row of `rankers`, but of `scores` only if they are methods. Raises FileError when a file is missing
    or does not fit, MethodError when a method fails.
    """
    dataset = digest(workspace.split("targets", target, "train"))
    listed = [method for method in methods if method in METHODS]
    evidence = [method for spider in spiders for method in spider.spec.evidence]
    wanted = list(dict.fromkeys([*listed, *evidence]))
    labels = [(encoder, KnownFile(workspace.labels(encoder, target))) for encoder in encoders]
    rows, weights = [], []
    for card in tqdm(cards, desc=target, unit="PTM", disable=None):
        features, source = (KnownFile(workspace.features(card.name, name)) for name in (target, card.source))
        inside = KnownFile(inner_file(features.path))
        tasks = [task(name) for name in ZOO if fits(card.task, name)]
        of_source, inner = (file if file.path.exists() else None for file in (source, inside))
        given = card, target, dataset, features, of_source, inner, labels, tasks, wanted, seed, threads
        found = json.loads(pair(workspace.cache, *given).read_text())
        rows += [{"dataset": target, "ptm": card.name, **row} for row in found["methods"]]
        weights += [{"dataset": target, "ptm": card.name, **row} for row in found["encoders"]]
    table = pd.DataFrame(rows, columns=[*COLUMNS, "seconds"])
    limit_threads(threads)
    ranked, evidence_of_all = of_spiders(workspace, spiders, target, table), table
    table = table[table["method"].isin(listed)]
    parts = [
        table.drop(columns="seconds"),
        aggregated(table).assign(dataset=target),
        as_methods(ranked, spiders, methods, family, evidence_of_all),
    ]
    return TargetScores(
        scores=pd.concat(parts, ignore_index=True)[COLUMNS],
        seconds=table[["dataset", "ptm", "method", "seconds"]],
        rankers=ranked,
        weights=pd.DataFrame(weights or None, columns=None if weights else ["dataset", "ptm", "encoder"]),
    )
