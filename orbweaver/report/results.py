"""What the other stages wrote, as the report's tables. A zoo has the name of the task that its PTMs do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orbweaver.core.formats.tables import read_csv
from orbweaver.core.settings import candidates
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import read_dataset
from orbweaver.methods import AGGREGATIONS, METHODS, TARGET_BLIND, looks_inside
from orbweaver.models.card import read_card
from orbweaver.report.evaluate import Zoo
from orbweaver.report.priors import BLIND, CONTROLS, with_family
from orbweaver.report.stacked import with_stacking
from orbweaver.spider.card import load_card

if TYPE_CHECKING:
    from orbweaver.pipeline.params import Params


def zoos(workspace: Workspace, params: Params) -> dict[str, Zoo]:
    """Every zoo that was fine-tuned on something, by name, in the order of params.yaml."""
    names = dict.fromkeys(ptm.task for ptm in candidates(params.ptms).values())
    truths = {name: truth(workspace, params, name) for name in names}
    about, forwards, blind = targets(workspace, params), forwarded(workspace, params), target_blind(params)
    looking = [method for method in params.methods if method in METHODS and method not in TARGET_BLIND]
    return {
        name: with_stacking(
            Zoo(
                truth=table.merge(about, on="dataset", how="left"),
                scores=scores(workspace, params, name),
                cards=cards(workspace, params, name),
                blind=blind,
                forwards=forwards,
            ),
            looking,
        )
        for name, table in truths.items()
        if len(table)
    }


def targets(workspace: Workspace, params: Params) -> pd.DataFrame:
    """What the datasets say of themselves: dataset, family, classes (how many, NaN for none), train, test (images)."""
    rows = []
    for target in params.targets:
        train, test = (read_dataset(workspace, "targets", target, split) for split in ("train", "test"))
        rows.append((target, train.family, len(train.classes) or np.nan, len(train), len(test)))
    return pd.DataFrame(rows, columns=["dataset", "family", "classes", "train", "test"])


def truth(workspace: Workspace, params: Params, zoo: str) -> pd.DataFrame:
    """Mean and spread over seeds of the chosen runs: dataset, ptm, task, value, noise (of one run), seeds."""
    columns = ["dataset", "learning_rate", "seed", "validation", "test", "chosen", "task"]
    tables = [read_csv(workspace.truth(ptm), columns).assign(ptm=ptm) for ptm in params.ptms_of(zoo)]
    runs = pd.concat(tables).query("chosen == 1")
    runs = runs[runs["dataset"].isin(params.targets)]
    grouped = runs.groupby(["dataset", "ptm", "task"], sort=False)["test"]
    return grouped.agg(value="mean", noise="std", seeds="count").reset_index()


def scores(workspace: Workspace, params: Params, zoo: str) -> pd.DataFrame:
    """Scores of the zoo's PTMs by the methods that params.yaml names: dataset, ptm, method, score, reason."""
    columns = ["dataset", "ptm", "method", "score", "reason"]
    table = pd.concat([read_csv(workspace.scores(target), columns) for target in params.targets])
    spiders = [f"{ranker}{form}" for ranker in listed_rankers(params) for form in CONTROLS]
    methods = [*params.methods, *spiders, *AGGREGATIONS]
    return table[table["ptm"].isin(params.ptms_of(zoo)) & table["method"].map(with_family).isin(methods)]


def cards(workspace: Workspace, params: Params, zoo: str) -> pd.DataFrame:
    """What the cards say: ptm, architecture, source, n_parameters, source_accuracy."""
    fields = ["architecture", "source", "n_parameters", "source_accuracy"]
    read = {ptm: read_card(workspace, ptm) for ptm in params.ptms_of(zoo)}
    return pd.DataFrame([{"ptm": ptm} | {field: getattr(read[ptm], field) for field in fields} for ptm in read])


def listed_rankers(params: Params) -> list[str]:
    """The rankers that are methods of the benchmark; the others are there to be compared with them."""
    return [ranker for ranker in params.spider.rankers if ranker in params.methods]


def target_blind(params: Params) -> tuple[str, ...]:
    """The rankings that never look at the target, in the order of the tables."""
    more = [method for method in params.methods if method in TARGET_BLIND and method not in BLIND]
    return (*BLIND, *more, *(f"{ranker}_constant" for ranker in listed_rankers(params)))


def forwarded(workspace: Workspace, params: Params) -> dict[str, int]:
    """How often the listed rankers forward an image of a target: through the encoder, and through the k PTMs that they
    chose (`_k0` none, `_evidence` all, and not the encoder); three times where they look inside a PTM as well.
    """
    chosen, found = chosen_k(workspace, params), {}
    for ranker in listed_rankers(params):
        evidence = params.spider.rankers[ranker].evidence
        each = 3 if any(map(looks_inside, evidence)) else 1
        found |= {ranker: 1 + each * chosen[ranker], f"{ranker}_k0": 1}
        if evidence:
            found[f"{ranker}_evidence"] = each * len(params.ranked_by_spiders)
    return found


def seconds(workspace: Workspace, params: Params) -> pd.DataFrame | None:
    """What scoring cost on this machine, where it was done here: dataset, ptm, method, seconds."""
    table = _where_there(workspace.seconds, params, ["dataset", "ptm", "method", "seconds"])
    return table if table is not None and {*table["dataset"]} == {*params.targets} else None


def rankers(workspace: Workspace, params: Params) -> pd.DataFrame | None:
    """What each Model Spider says of each PTM, by seed and by k, but for those that learned without a family."""
    table = _where_there(workspace.rankers, params, ["dataset", "ranker", "seed", "k", "ptm", "score"])
    partial = [name for name, spec in params.spider.rankers.items() if spec.without]
    return None if table is None else table[~table["ranker"].isin(partial)]


def chosen_k(workspace: Workspace, params: Params) -> dict[str, int]:
    """How many PTMs each ranker forwards."""
    return {ranker: load_card(workspace.ranker(ranker)).k for ranker in params.spider.rankers}


def weights(workspace: Workspace, params: Params) -> pd.DataFrame | None:
    """EMMS' weights of the text encoders, where it was run."""
    table = _where_there(workspace.weights, params, ["dataset", "ptm", "encoder"])
    # A target that is its own label has no weights, nor has a benchmark without EMMS.
    if table is None or "weight" not in table:
        return None
    table = table[["dataset", "ptm", "encoder", "weight"]].dropna(subset=["weight"])
    return table if len(table) else None


def _where_there(path: Callable[[str], Path], params: Params, columns: list[str]) -> pd.DataFrame | None:
    """The tables of all targets that have one, below each other; None where they hold no row."""
    there = [path(target) for target in params.targets if path(target).exists()]
    rows = [table for each in there if len(table := read_csv(each, columns))]
    return pd.concat(rows, ignore_index=True) if rows else None
