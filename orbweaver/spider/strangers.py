"""What a ranker may have to do without: PTMs that it never learned from, and scores that nobody computed.

In training a share of both is hidden from it, so that it learns to rank a PTM by its card and its evidence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orbweaver.models.card import Card


@dataclass(frozen=True)
class Facts:
    """What cards say of M PTMs. values (M, F) float32; architecture, source: (M,) codes."""

    values: np.ndarray
    architecture: np.ndarray
    source: np.ndarray


@dataclass(frozen=True)
class Strangers:
    """ptms (M,) bool: PTMs whose tokens come from `facts` (M, F) and whose class means have no projection. evidence
    (Q,) bool: methods whose scores are missing."""

    ptms: np.ndarray
    evidence: np.ndarray
    facts: np.ndarray


def facts_of(cards: Sequence[Card]) -> Facts:
    """Size, width of the features and of the input, accuracy on the source and whether it is known; which architecture
    and which source, one column each of those that there are."""
    numbers, codes = [], []
    for card in cards:
        known = card.source_accuracy is not None
        side = card.preprocessing.input_size[1]
        sizes = math.log10(card.n_parameters) - 6, math.log10(card.feature_width) - 3, math.log2(side / 64)
        numbers.append([*sizes, card.source_accuracy if known else 0.0, float(known)])
    for names in ([card.architecture for card in cards], [card.source for card in cards]):
        codes.append(np.unique(names, return_inverse=True)[1])
    columns = [np.array(numbers), *(np.eye(each.max() + 1)[each] for each in codes)]
    return Facts(np.concatenate(columns, axis=1).astype(np.float32), *codes)


def some_strangers(facts: Facts, methods: int, share: float, random: np.random.Generator) -> Strangers:
    """A share of the PTMs at random, or half of the time all of one architecture or of one source; and of methods."""
    count = len(facts.values)
    if random.random() < 0.5:
        ptms = random.random(count) < share
    else:
        kind = facts.architecture if random.random() < 0.5 else facts.source
        ptms = kind == kind[random.integers(count)]
    return Strangers(ptms, random.random(methods) < share, facts.values)
