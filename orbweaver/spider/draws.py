"""How episodes are drawn: as few-shot mixtures of sources.

A mixture is a pool of classes from several sources; a draw takes some of its classes and some images of each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from orbweaver.core.errors import UserError
from orbweaver.core.names import check_known
from orbweaver.core.settings import EpisodeSettings

FIT = 25  # images a class at most that the held-out probe is fitted to
SMALLEST = 5  # images a class of the smallest draws


@dataclass(frozen=True)
class Draw:
    """One episode. For each of its classes: the source, the rows drawn, and further rows of the class, disjoint."""

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


def plan(codes: dict[str, np.ndarray], families: dict[str, str], settings: EpisodeSettings, seed: int) -> list[Draw]:
    """All draws, before any is computed: mixtures of 2 to 4 sources, or the mixtures listed, and draws of each.

    A share `validation` of every source's classes is set aside, and the same share of the mixtures is made of
    them alone: validation episodes have no class in common with training episodes. If there is only one source, at
    least two of its classes are set aside, or, if it has fewer than four, images of each class. A draw takes 2 classes
    up to the whole pool (`ways` at most), and the same number of images of each, between SMALLEST and `shots`
    (log-uniform).

    codes: source -> (N,) class codes of its training split; the order of sources matters; families: of these sources.
    Raises UserError with no source of two classes or more, UnknownName where a listed mixture names no source.
    """
    random = np.random.default_rng((seed, 0))
    aside: dict[str, dict[bool, list[np.ndarray]]] = {}  # source -> of validation or not -> rows of each class
    for source, labels in codes.items():
        rows = [np.flatnonzero(labels == c) for c in random.permutation(labels.max() + 1)]
        least = 1 if len(codes) > 1 else 2
        if len(codes) == 1 and len(rows) < 4:
            mixed = [random.permutation(each) for each in rows if len(each) > 1]
            cuts = [max(1, round(settings.validation * len(each))) for each in mixed]
            aside[source] = {
                True: [each[:cut] for each, cut in zip(mixed, cuts, strict=True)],
                False: [each[cut:] for each, cut in zip(mixed, cuts, strict=True)],
            }
        else:
            count = min(max(least, round(settings.validation * len(rows))), len(rows) - least)
            aside[source] = {True: rows[:count], False: rows[count:]}
    if not aside or all(len(classes) < 2 for parts in aside.values() for classes in parts.values()):
        raise UserError(
            "Model Spider's episodes need sources with images of several classes; name some under 'sources' in "
            "params.yaml"
        )
    every = max(2, round(1 / settings.validation))
    draws = []
    listed = settings.mixtures if isinstance(settings.mixtures, list) else [None] * settings.mixtures
    for mixture, classes_of in enumerate(listed):
        validation = mixture % every == every - 1
        random = np.random.default_rng((seed, 1, mixture))
        if classes_of is None:
            some = _some_sources(codes, families, settings.alone, random)
            pool = [(source, rows) for source in some for rows in aside[source][validation]]
        else:
            pool = []
            for source, count in classes_of.items():
                check_known(source, codes, "source in a mixture of 'spider.episodes.mixtures'")
                there = aside[source][validation]
                pool += [(source, there[i]) for i in random.permutation(len(there))[:count]]
        pool = [pool[i] for i in random.permutation(len(pool))[: settings.ways]]
        for _ in range(settings.draws if len(pool) > 1 else 0):
            ways = random.permutation(len(pool))[: random.integers(2, len(pool) + 1)]
            shots = round(np.exp(random.uniform(np.log(min(SMALLEST, settings.shots)), np.log(settings.shots))))
            classes = []
            for source, rows in (pool[i] for i in ways):
                rows = random.permutation(rows)
                drawn = max(1, min(shots, len(rows) // 2))
                classes.append((source, rows[:drawn], rows[drawn : drawn + FIT]))
            draws.append(Draw(mixture, validation, classes))
    return draws


def _some_sources(
    codes: dict[str, np.ndarray], families: dict[str, str], alone: float, random: np.random.Generator
) -> np.ndarray:
    """The sources of a mixture at random: 2 to 4 of all, or of one family."""
    names = sorted(codes)
    if alone and random.random() < alone:
        family = random.choice(sorted({families[name] for name in names}))
        names = [name for name in names if families[name] == family]
    return random.choice(names, min(len(names), int(random.integers(2, 5))), replace=False)
