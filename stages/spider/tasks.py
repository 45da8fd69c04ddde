"""Training tasks: few-shot mixtures of source datasets, with every PTM's tokens and scores on them.

A mixture is a pool of classes from several sources; a draw takes some of its classes and some images of each. Each
draw has scores, and so a ranking, of its own. Everything comes from the features stage's files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.params import DrawParams, ParamsError
from stages.scores.probe import held_out_accuracy
from stages.scores.runner import score
from stages.spider.tokens import class_means

HELD_OUT = "held_out"  # the accuracy, on this draw's images, of a linear probe that was fitted to others of its classes
FIT = 25  # images a class at most that the held-out probe is fitted to
SMALLEST = 5  # images a class of the smallest draws


@dataclass(frozen=True)
class Draw:
    """One task. For each of its classes: the source, the rows drawn, and further rows of the class, disjoint."""

    mixture: int
    validation: bool
    classes: list[tuple[str, np.ndarray, np.ndarray]]

    @property
    def sources(self) -> set[str]:
        return {source for source, _, _ in self.classes}

    @property
    def codes(self) -> np.ndarray:
        """(N,) class codes of the rows drawn."""
        return np.repeat(np.arange(len(self.classes)), [len(drawn) for _, drawn, _ in self.classes])


def plan(codes: dict[str, np.ndarray], p: DrawParams, seed: int) -> list[Draw]:
    """What to draw: `p.mixtures` mixtures of 2 to 4 sources, `p.draws` draws of each; decided before any is computed.

    A share `p.validation` of every source's classes is set aside, and the same share of the mixtures is made of
    them alone: validation tasks have no class in common with training tasks. A source that is alone has two classes
    set aside at least; with fewer than four, images of each instead. A draw takes 2 classes up to the whole
    pool (`p.ways` at most), and of each class as many images, between SMALLEST and `p.shots` (log-uniform).

    codes: source -> (N,) class codes of its training split. Raises ParamsError with no source of two classes or more.
    """
    random = np.random.default_rng((seed, 0))
    aside: dict[str, dict[bool, list[np.ndarray]]] = {}  # source -> of validation or not -> rows of each class
    for source, labels in codes.items():
        rows = [np.flatnonzero(labels == c) for c in random.permutation(labels.max() + 1)]
        least = 1 if len(codes) > 1 else 2
        if len(codes) == 1 and len(rows) < 4:
            mixed = [random.permutation(each) for each in rows if len(each) > 1]
            cuts = [max(1, round(p.validation * len(each))) for each in mixed]
            aside[source] = {
                True: [each[:cut] for each, cut in zip(mixed, cuts, strict=True)],
                False: [each[cut:] for each, cut in zip(mixed, cuts, strict=True)],
            }
        else:
            count = min(max(least, round(p.validation * len(rows))), len(rows) - least)
            aside[source] = {True: rows[:count], False: rows[count:]}
    if not aside or all(len(classes) < 2 for parts in aside.values() for classes in parts.values()):
        raise ParamsError("Model Spider's tasks need sources with images of several classes; name some under 'sources'")
    every = max(2, round(1 / p.validation))
    draws = []
    for mixture in range(p.mixtures):
        validation = mixture % every == every - 1
        random = np.random.default_rng((seed, 1, mixture))
        names = sorted(codes)
        some = random.choice(names, min(len(names), int(random.integers(2, 5))), replace=False)
        pool = [(source, rows) for source in some for rows in aside[source][validation]]
        pool = [pool[i] for i in random.permutation(len(pool))[: p.ways]]
        for _ in range(p.draws if len(pool) > 1 else 0):
            ways = random.permutation(len(pool))[: random.integers(2, len(pool) + 1)]
            shots = round(np.exp(random.uniform(np.log(min(SMALLEST, p.shots)), np.log(p.shots))))
            classes = []
            for source, rows in (pool[i] for i in ways):
                rows = random.permutation(rows)
                drawn = max(1, min(shots, len(rows) // 2))
                classes.append((source, rows[:drawn], rows[drawn : drawn + FIT]))
            draws.append(Draw(mixture, validation, classes))
    return draws


def answers(
    draws: list[Draw],
    methods: list[str],
    features: dict[str, np.ndarray],
    probabilities: dict[str, np.ndarray | None],
    known: dict[str, float | None],
) -> tuple[np.ndarray, np.ndarray]:
    """One PTM on every draw: its tokens (R, D), the draws' class means one below the other, and scores (T, Q).

    features, probabilities: source -> (N, D), (N, S) or None. known: what methods may ask for beside arrays.
    A method without a value has NaN.
    """
    tokens, table = [], np.full((len(draws), len(methods)), np.nan)
    others = [method for method in methods if method != HELD_OUT]
    for row, draw in zip(table, draws, strict=True):
        support = np.concatenate([features[source][drawn] for source, drawn, _ in draw.classes])
        codes = draw.codes
        tokens.append(class_means(support, codes))
        soft = [probabilities[source] for source, _, _ in draw.classes]
        arrays = known | {"features": support, "labels": codes}
        if all(p is not None for p in soft):
            arrays["probabilities"] = np.concatenate(
                [p[drawn] for p, (_, drawn, _) in zip(soft, draw.classes, strict=True)]
            )
        found = {each["method"]: each["score"] for each in score(others, arrays)}
        if HELD_OUT in methods:
            fit = np.concatenate([features[source][rest] for source, _, rest in draw.classes])
            fit_codes = np.repeat(np.arange(len(draw.classes)), [len(rest) for _, _, rest in draw.classes])
            found[HELD_OUT] = held_out_accuracy(fit, fit_codes, support, codes)
        row[:] = [found[method] for method in methods]
    return np.concatenate(tokens), table
