"""Model Spider on a user's images: one pass of its encoder scores all PTMs, features of the first k re-rank them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages import compute, files
from stages.features.__main__ import kept_path
from stages.params import Params
from stages.rank import order
from stages.scores.runner import score
from stages.spider import checkpoint, inference, tokens
from stages.spider.checkpoint import Spider
from stages.zoo.cards import Card, read_card

NAME = order.SPIDER  # of the ranker in params.yaml, and of its rows in scores/<dataset>.csv


def load(cards: Sequence[Card], p: Params) -> Spider:
    """The trained spider. Raises FileError when it was not trained, ParamsError when it does not know these PTMs."""
    spider = checkpoint.load(files.ranker_path(NAME))
    checkpoint.check_zoo(spider.card, {card.name: card.checkpoint for card in cards}, p.spider.encoder)
    return spider


def ordered(
    cards: Sequence[Card], split: files.Images, rows: np.ndarray, spider: Spider, p: Params
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As `stages.rank.order.ordered`, but only the encoder and the first k PTMs are forwarded.

    Half-samples keep these k: how the images' share in their choice would vary is not asked.
    """
    compute.repeatable(p.seed, p.threads)
    of = {card.name: card for card in cards}
    encoder = of.get(spider.card.encoder) or read_card(spider.card.encoder)
    spent: dict[str, dict] = {}

    def forwarded(card: Card) -> dict:
        cost = order.Cost(len(split) if not kept_path(card, split.digest, p).exists() else 0)
        arrays = order.arrays_of(card, split, rows, p)
        spent[card.name] = {"forwards": cost.forwards, "seconds": cost.seconds}
        return arrays

    targets = split.targets[rows]
    arrays = {encoder.name: forwarded(encoder)}
    blind = pd.Series(_scores(spider, arrays, [], targets, split.kind), spider.card.ptms)[list(of)]
    first = blind.sort_values(ascending=False, kind="stable").index[: spider.card.k].tolist()
    for name in tqdm(first, desc="first PTMs", unit="PTM", disable=None, leave=False):
        if name not in arrays:
            arrays[name] = forwarded(of[name])
    scores = pd.Series(_scores(spider, arrays, first, targets, split.kind), spider.card.ptms)[list(of)]
    levels = {name: score([order.LEVEL], each)[0]["score"] for name, each in arrays.items()}
    table = pd.DataFrame({"ptm": list(of), "score": scores.to_numpy(), "reason": ""})
    table["level"] = [levels.get(name, math.nan) if name in first else math.nan for name in of]
    for column in ("forwards", "seconds"):
        table[column] = [spent.get(name, {}).get(column, 0) for name in of]
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)

    contenders = table["ptm"][: order.CONTENDERS].tolist()
    halves = order.halves(targets if split.kind == "classification" else None, len(rows), p.seed)
    on_halves = []
    for chosen in tqdm(halves, desc="half-samples", disable=None, leave=False):
        half = {name: order.taken(each, chosen) for name, each in arrays.items()}
        found = pd.Series(_scores(spider, half, first, targets[chosen], split.kind), spider.card.ptms)
        on_halves.append(found[contenders])
    return table, pd.DataFrame(on_halves).reset_index(drop=True)


def _scores(
    spider: Spider, arrays: dict[str, dict], first: Sequence[str], targets: np.ndarray, kind: str
) -> np.ndarray:
    """Scores of all PTMs that the spider knows, those in `first` forwarded; `arrays` hold the encoder's and theirs."""
    ptms, evidence = spider.card.ptms, spider.card.spec.evidence
    codes = tokens.codes_of(targets, kind, spider.card.bins)
    wanted = {spider.card.encoder, *first}
    means = {name: tokens.class_means(arrays[name]["features"], codes) for name in ptms if name in wanted}
    said = np.full((len(ptms), len(evidence)), math.nan)
    for name in first:
        said[ptms.index(name)] = [row["score"] for row in score(evidence, arrays[name])]
    task = inference.task_of(ptms, evidence, means, said)
    specific = spider.card.spec.specific != "none"
    batcher = inference.Batcher(task, spider.card.encoder, evidence, specific, compute.device())
    there = np.isin(ptms, list(first))[None]
    return inference.ensemble(spider.rankers, batcher, np.zeros(1, int), there)[0].astype(np.float64)
