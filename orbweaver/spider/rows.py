"""Model Spider's rankers as rows of the tables of scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from orbweaver.core.formats.features import read_features
from orbweaver.core.workspace import Workspace
from orbweaver.spider.checkpoint import Spider
from orbweaver.spider.inference import Batcher, episode_of, scores_at
from orbweaver.spider.tokens import class_means, codes_of


def of_spiders(workspace: Workspace, spiders: list[Spider], target: str, evidence: pd.DataFrame) -> pd.DataFrame:
    """What trained spiders say of a target: dataset, ranker, seed ("all": their mean), k, ptm, score.

    evidence: the scores that they look at: columns ptm, method, score. Raises FileError when a PTM that a spider knows
    has no features of the target.
    """
    rows = []
    for spider in spiders:
        card = spider.card
        found = {ptm: read_features(workspace.features(ptm, target)) for ptm in card.ptms}
        means = {ptm: class_means(f.features, codes_of(f.targets, card.bins)) for ptm, f in found.items()}
        scores = evidence.pivot(index="ptm", columns="method", values="score")
        scores = scores.reindex(card.ptms, columns=card.spec.evidence).to_numpy(float)
        episode = episode_of(card.ptms, card.spec.evidence, means, scores)
        batcher = Batcher(episode, card.encoder, card.spec, torch.device("cpu"))
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
    the constant ranking that its episodes alone give (`_constant`).
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
