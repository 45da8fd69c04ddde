"""Model Spider's rankers as rows of the tables of scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from stages import files, params
from stages.spider.checkpoint import Spider, check_zoo
from stages.spider.inference import Batcher, scores_at, task_of
from stages.spider.tokens import class_means, codes_of
from stages.zoo.cards import read_card


def of_spiders(spiders: list[Spider], target: str, table: pd.DataFrame, p: params.Params) -> pd.DataFrame:
    """What trained spiders say of a target: ranker, seed ("all": their mean), k, ptm, score.

    table: the scores that they take as evidence, one row a (ptm, method).
    """
    rows = []
    for spider in spiders:
        card = spider.card
        check_zoo(card, {ptm: read_card(ptm).checkpoint for ptm in p.ptms_of("image")}, p.spider.encoder)
        found = {ptm: files.read_features(files.features_path(ptm, target)) for ptm in card.ptms}
        means = {ptm: class_means(f.features, codes_of(f.targets, f.kind, card.bins)) for ptm, f in found.items()}
        evidence = table.pivot(index="ptm", columns="method", values="score").reindex(
            card.ptms, columns=card.spec.evidence
        )
        task = task_of(card.ptms, card.spec.evidence, means, evidence.to_numpy())
        batcher = Batcher(task, card.encoder, card.spec.evidence, card.spec.specific != "none", torch.device("cpu"))
        ks = list(range(len(card.ptms) + 1))
        for seed, rankers in (("all", spider.rankers), *((i, [r]) for i, r in enumerate(spider.rankers))):
            scores = scores_at(rankers, batcher, np.array([0]), ks)[:, 0]  # (K, M)
            rows += [
                {"dataset": target, "ranker": card.name, "seed": seed, "k": k, "ptm": ptm, "score": score}
                for k in ks
                for ptm, score in zip(card.ptms, scores[k].tolist(), strict=True)
            ]
    return pd.DataFrame(rows, columns=["dataset", "ranker", "seed", "k", "ptm", "score"])


def as_methods(ranked: pd.DataFrame, spiders: list[Spider]) -> pd.DataFrame:
    """Rows for scores/<dataset>.csv: each spider with its validated k, with none of the PTMs forwarded (`_k0`), and
    the constant ranking that its training tasks alone give (`_constant`).
    """
    ranked = ranked[ranked["seed"] == "all"]
    rows = []
    for spider in spiders:
        name = spider.card.name
        for method, k in ((name, spider.card.k), (f"{name}_k0", 0)):
            rows.append(ranked[(ranked["ranker"] == name) & (ranked["k"] == k)].assign(method=method, reason=""))
        constant = rows[-1]["ptm"].map(spider.card.constant)
        rows.append(rows[-1].assign(method=f"{name}_constant", score=constant))
    return pd.concat(rows)[["dataset", "ptm", "method", "score", "reason"]] if rows else pd.DataFrame()
