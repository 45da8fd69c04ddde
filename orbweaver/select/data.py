"""A user's data as ranking sees them: which samples are looked at first, and which are kept apart."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from orbweaver.core.cache import Cache
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split
from orbweaver.select.settings import Settings

FIRST, OF_A_CLASS = 100, 8  # samples that a first look needs: in all, and times the classes


@dataclass(frozen=True)
class Data:
    """A user's data, and what ranking PTMs for it takes. rows: the samples to rank by, of those in `split`.

    parts: of all samples, disjoint, in the order in which they are looked at; each is forwarded by itself, so that
    looking at more never forwards again what was seen.
    """

    split: Split
    rows: np.ndarray
    settings: Settings
    cache: Cache
    benchmark: Workspace | None = None
    parts: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.parts:
            object.__setattr__(self, "parts", looks(self.split, self.settings.seed))

    def seen(self, looks: int | None = None) -> np.ndarray:
        """Sorted rows to rank by after so many looks; by default after all."""
        return np.intersect1d(np.concatenate(self.parts[:looks]), self.rows)


def looks(split: Split, seed: int) -> list[np.ndarray]:
    """Disjoint sorted rows whose unions are an eighth, a quarter, a half and all of a split; fewer of a small one.

    In each union classes have their shares, and so have equal sets of labels.
    """
    ends = counts(len(split), len(split.classes))
    order = shared_order(split.targets, np.random.default_rng(seed))
    return [np.sort(order[start:end]) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def counts(samples: int, classes: int) -> list[int]:
    """How many samples have been seen after each look."""
    least = max(FIRST, OF_A_CLASS * classes)
    return [samples // share for share in (8, 4, 2) if samples // share >= least] + [samples]


def shared_order(targets: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(N,) all rows in an order of which every beginning holds each stratum, rows of equal targets, by its share."""
    n = len(targets)
    _, strata = np.unique(targets.reshape(n, -1), axis=0, return_inverse=True)
    strata = strata.reshape(-1)
    rows = random.permutation(n)
    by = rows[np.argsort(strata[rows], kind="stable")]
    sizes = np.bincount(strata)
    within = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    place = np.empty(n)
    place[by] = (within + random.random(len(sizes))[strata[by]]) / sizes[strata[by]]
    return np.argsort(place, kind="stable")
