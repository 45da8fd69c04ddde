"""Model Spider's rankers as rows of the tables of scores."""

from __future__ import annotations

from collections.abc import Container, Iterable

import numpy as np
import pandas as pd
import torch

from orbweaver.core.formats.features import read_features
from orbweaver.core.workspace import Workspace
from orbweaver.spider import checkpoint
from orbweaver.spider.card import SpiderCard
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.evidence import said
from orbweaver.spider.inference import Batcher, episode_of, scores_at
from orbweaver.spider.tokens import class_means, codes_of


def of_spiders(workspace: Workspace, cards: list[SpiderCard], target: str, evidence: pd.DataFrame) -> pd.DataFrame:
    """Scores of trained spiders on a target: dataset, ranker, seed ("all": mean over seeds), k, ptm, score.

    cards: of the spiders; each is loaded when its turn comes, as together they may not fit memory. evidence: the scores
    that they look at: columns ptm, method, score. Raises FileError when a spider's weights are not there, or when a PTM
    that it knows has no features of the target.
    """
    rows = []
    means: dict[str, np.ndarray] = {}
    for card in cards:
        spider = checkpoint.load(workspace.ranker(card.name))
        means |= means_of(workspace, target, {*card.widths} - {*means}, card.bins)
        episode = target_as_episode(card.ptms, card.spec.evidence, means, evidence)
        batcher = Batcher(episode, card.encoder, card.spec, torch.device("cpu"), first=spider.first(episode))
        ks = list(range(len(card.ptms) + 1))
        for seed, rankers in (("all", spider.rankers), *((i, [r]) for i, r in enumerate(spider.rankers))):
            scores = scores_at(rankers, batcher, np.array([0]), ks)[:, 0]  # (K, M)
            rows += [
                {"dataset": target, "ranker": card.name, "seed": seed, "k": k, "ptm": ptm, "score": score}
                for k in ks
                for ptm, score in zip(card.ptms, scores[k].tolist(), strict=True)
            ]
    return pd.DataFrame(rows, columns=["dataset", "ranker", "seed", "k", "ptm", "score"])


def means_of(workspace: Workspace, target: str, ptms: Iterable[str], bins: int) -> dict[str, np.ndarray]:
    """PTM -> class means of a target. Raises FileError when a PTM has no features of it."""
    found = {ptm: read_features(workspace.features(ptm, target)) for ptm in ptms}
    return {ptm: class_means(each.features, codes_of(each.targets, bins, target)) for ptm, each in found.items()}


def target_as_episode(
    ptms: list[str], methods: list[str], means: dict[str, np.ndarray], evidence: pd.DataFrame
) -> Episodes:
    """One target as an episode. means: PTM -> class means (C, D_m); evidence: columns ptm, method, score."""
    return episode_of(ptms, methods, means, _as_array(evidence, ptms, methods))


def _as_array(evidence: pd.DataFrame, ptms: list[str], methods: list[str]) -> np.ndarray:
    """(M, Q) from columns ptm, method, score; NaN where there is none."""
    table = evidence.pivot(index="ptm", columns="method", values="score")
    return table.reindex(ptms, columns=methods).to_numpy(float)


FAMILY_OUT = "_family_out"


def as_methods(
    ranked: pd.DataFrame, cards: list[SpiderCard], methods: Container[str], family: str, evidence: pd.DataFrame
) -> pd.DataFrame:
    """Rows for scores/<dataset>.csv: each spider among the methods with its validated k, with none of the PTMs
    forwarded (`_k0`), the constant ranking that its episodes alone give (`_constant`), and its evidence alone, with
    the weights learned on the same episodes (`_evidence`). evidence: as for `of_spiders`.

    The same rows again with `_family_out` behind their names, if there are spiders that differ from it in `without`
    alone: from the one that learned without the target's family, or from the spider itself where no source is of that
    family.
    """
    ranked = ranked[ranked["seed"] == "all"]
    rows = []

    def add(name: str, card: SpiderCard, out: str = "") -> None:
        of = ranked[ranked["ranker"] == card.name].assign(reason="")
        rows.append(of[of["k"] == card.k].assign(method=name + out))
        rows.append(of[of["k"] == 0].assign(method=f"{name}_k0{out}"))
        rows.append(rows[-1].assign(method=f"{name}_constant{out}", score=rows[-1]["ptm"].map(card.constant)))
        if card.evidence.weights:
            scores = _as_array(evidence, card.ptms, card.spec.evidence)[None]
            told = said(scores, np.array(card.evidence.weights))[0]
            by_ptm = dict(zip(card.ptms, told, strict=True))
            rows.append(rows[-1].assign(method=f"{name}_evidence{out}", score=rows[-1]["ptm"].map(by_ptm)))

    for card in (each for each in cards if each.name in methods):
        add(card.name, card)
        others = {other.spec.without: other for other in cards if other.spec.without and _alike(other, card)}
        if others:
            add(card.name, others.get(family, card), FAMILY_OUT)
    return pd.concat(rows)[["dataset", "ptm", "method", "score", "reason"]] if rows else pd.DataFrame()


def _alike(one: SpiderCard, other: SpiderCard) -> bool:
    return one.spec.model_copy(update={"without": ""}) == other.spec
