"""What the other rooms wrote, as the report's tables: truth, scores, cards, rankers, weights, seconds."""

from __future__ import annotations

import pandas as pd

from stages import files, params
from stages.reports.priors import BLIND
from stages.spider.checkpoint import load as load_spider
from stages.zoo.cards import read_card


def truth(p: params.Params, task: params.Task) -> pd.DataFrame:
    """Mean and spread over seeds of the chosen runs: dataset, ptm, kind, value, noise (of one run), seeds."""
    columns = ["dataset", "learning_rate", "seed", "validation", "test", "chosen", "kind"]
    tables = [files.read_csv(files.finetune_path(ptm), columns).assign(ptm=ptm) for ptm in p.ptms_of(task)]
    runs = pd.concat(tables).query("chosen == 1")
    runs = runs[runs["dataset"].isin(p.targets_of(task))]
    grouped = runs.groupby(["dataset", "ptm", "kind"], sort=False)["test"]
    return grouped.agg(value="mean", noise="std", seeds="count").reset_index()


def listed_rankers(p: params.Params) -> list[str]:
    """The rankers that are methods of the benchmark; the others are there to be compared with them."""
    return [ranker for ranker in p.spider.rankers if ranker in p.methods]


def target_blind(p: params.Params) -> tuple[str, ...]:
    """The rankings that never look at the target, in the order of the tables."""
    return (*BLIND, *(f"{ranker}_constant" for ranker in listed_rankers(p)))


def scores(p: params.Params, task: params.Task) -> pd.DataFrame:
    columns = ["dataset", "ptm", "method", "score", "reason"]
    table = pd.concat([files.read_csv(files.scores_path(target), columns) for target in p.targets_of(task)])
    spiders = [f"{ranker}{form}" for ranker in listed_rankers(p) for form in ("_k0", "_constant")]
    methods = [*p.methods, *spiders, "borda_trio", "borda_all"]
    return table[table["ptm"].isin(p.ptms_of(task)) & table["method"].isin(methods)]


def cards(p: params.Params, task: params.Task) -> pd.DataFrame:
    fields = ["architecture", "source", "n_parameters", "source_accuracy"]
    return pd.DataFrame([{"ptm": ptm, **read_card(ptm).model_dump(include=set(fields))} for ptm in p.ptms_of(task)])


def seconds(p: params.Params) -> pd.DataFrame | None:
    """What scoring cost on this machine, where it was done here."""
    kept = [files.seconds_path(target) for target in p.targets]
    return pd.concat(map(pd.read_csv, kept)) if all(path.exists() for path in kept) else None


def rankers(p: params.Params) -> pd.DataFrame | None:
    """What each Model Spider says of each PTM, by seed and by k."""
    columns = ["dataset", "ranker", "seed", "k", "ptm", "score"]
    kept = [files.read_csv(path, columns) for target in p.targets if (path := files.rankers_path(target)).exists()]
    table = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()
    return table if len(table) else None


def chosen_k(p: params.Params) -> dict[str, int]:
    """How many PTMs each ranker forwards."""
    return {ranker: load_spider(files.ranker_path(ranker)).card.k for ranker in p.spider.rankers}


def weights(p: params.Params) -> pd.DataFrame | None:
    """EMMS' weights of the text encoders, where it was run."""
    columns = ["dataset", "ptm", "encoder"]
    kept = [files.read_csv(path, columns) for target in p.targets if (path := files.weights_path(target)).exists()]
    # A target that is its own label has no weights, nor has a benchmark without EMMS.
    if not kept:
        return None
    table = pd.concat(kept, ignore_index=True).reindex(columns=[*columns, "weight"]).dropna(subset=["weight"])
    return table if len(table) else None
