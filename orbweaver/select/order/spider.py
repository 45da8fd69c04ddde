"""Model Spider on a user's data: one pass of its encoder scores all PTMs, features of the first k re-rank them."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from orbweaver.core.device import device, repeatable
from orbweaver.core.errors import UserError
from orbweaver.methods import ScoreInputs, score
from orbweaver.models.card import read_card
from orbweaver.select.data import Data
from orbweaver.select.order import order
from orbweaver.select.order.forward import inputs_of, missing
from orbweaver.select.progress import steps
from orbweaver.spider import checkpoint, inference, tokens
from orbweaver.spider.card import check_zoo
from orbweaver.spider.checkpoint import Spider
from orbweaver.tasks.stored import Stored, stored

NAME = order.SPIDER  # of the ranker in params.yaml, and of its rows in scores/<dataset>.csv


def load(ptms: Sequence[Stored], data: Data) -> Spider:
    """The benchmark's spider. Raises FileError when it was not trained, UserError when it does not know these PTMs."""
    if data.benchmark is None:
        raise UserError("method 'spider' is trained by a benchmark, and there is none here; name one with --benchmark")
    spider = checkpoint.load(data.benchmark.ranker(NAME))
    checkpoints = {ptm.card.name: ptm.card.checkpoint for ptm in ptms}
    check_zoo(spider.card, checkpoints, read_card(data.benchmark, spider.card.encoder))
    return spider


def ordered(ptms: Sequence[Stored], data: Data, spider: Spider) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Places, scores on half-samples, and the probe's on the same; only the encoder and the first k PTMs are forwarded.

    All half-samples use these k PTMs: how much the choice itself would vary with the data is not measured.

    Returns:
        ptm, score, level (the probe's, of forwarded PTMs), looks, reason, forwards and seconds (of this call); and two
        tables of a row a half-sample, a column a PTM.
    """
    repeatable(data.settings.seed, data.settings.threads)
    of = {ptm.card.name: ptm for ptm in ptms}
    encoder, spec = spider.card.encoder, spider.card.spec
    spent: dict[str, dict] = {}

    def forwarded(name: str) -> ScoreInputs:
        start, ptm = time.perf_counter(), of[name] if name in of else stored(data.benchmark, name)
        count = missing(ptm, data, methods=spec.evidence)
        inputs = inputs_of(ptm, data, methods=spec.evidence)
        spent[name] = {"forwards": count, "seconds": time.perf_counter() - start}
        return inputs

    targets = data.split.targets[data.rows]
    known = {encoder: forwarded(encoder)}

    def seen(there: np.ndarray) -> np.ndarray:
        names = everyone[there[0]]
        for name in steps(names, "first PTMs", "PTMs"):
            if name not in known:
                known[name] = forwarded(name)
        return _scores(spider, known, names, targets)[None]

    everyone = np.array(spider.card.ptms)
    asked = np.isin(everyone, list(of))
    blind = np.where(asked, _scores(spider, known, [], targets), -np.inf)[None]
    kin = spider.relatives if spec.first == "evidence" else None
    places = inference.forwarded_first(blind, spider.card.k, kin, lambda there: seen(there & asked))[0]
    chosen = np.zeros_like(asked)
    chosen[places] = asked[places]
    scores = pd.Series(seen(chosen[None])[0], spider.card.ptms)[list(of)]
    first = everyone[chosen]
    levels = {name: score([order.LEVEL], inputs)[0]["score"] for name, inputs in known.items()}
    table = pd.DataFrame({"ptm": list(of), "score": scores.to_numpy(), "reason": "", "looks": len(data.parts)})
    table["level"] = [levels[name] if name in first else math.nan for name in of]
    for column in ("forwards", "seconds"):
        table[column] = [spent.get(name, {}).get(column, 0) for name in of]
    table = table.sort_values("score", ascending=False, kind="stable", ignore_index=True)

    on_halves, level_halves = [], []
    samples = order.halves(known[encoder].labels, len(data.rows), data.settings.seed)
    for rows in steps(samples, "half-samples", "half-samples"):
        half = {name: inputs.take(rows) for name, inputs in known.items()}
        on_halves.append(pd.Series(_scores(spider, half, first, targets[rows]), spider.card.ptms)[list(of)])
        level_halves.append({name: score([order.LEVEL], half[name])[0]["score"] for name in first if name in of})
    return table, pd.DataFrame(on_halves).reset_index(drop=True), pd.DataFrame(level_halves)


def _scores(spider: Spider, known: dict[str, ScoreInputs], first: Sequence[str], targets: np.ndarray) -> np.ndarray:
    """Scores of all PTMs that the spider knows, those in `first` forwarded; `known` are the encoder and these."""
    ptms, spec = spider.card.ptms, spider.card.spec
    codes = tokens.codes_of(targets, spider.card.bins)
    means = {name: tokens.class_means(known[name].features, codes) for name in {spider.card.encoder, *first}}
    said = np.full((len(ptms), len(spec.evidence)), math.nan)
    for name in first:
        said[ptms.index(name)] = [row["score"] for row in score(spec.evidence, known[name])]
    episode = inference.episode_of(ptms, spec.evidence, means, said)
    batcher = inference.Batcher(episode, spider.card.encoder, spec, device(), first=spider.first(episode))
    there = np.isin(ptms, list(first))[None]
    return inference.ensemble(spider.rankers, batcher, np.zeros(1, int), there)[0].astype(np.float64)
