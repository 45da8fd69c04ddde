"""What is known of PTMs before any is run: what they have in common, and what each was trained on.

So the scores of forwarded PTMs on a dataset tell something about the others too; see `orbweaver.spider.evidence`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from orbweaver.models.card import Card


@dataclass(frozen=True)
class Relatives:
    """What M PTMs have in common. sources, architectures: M names each; means: source -> its class means (C, D) under
    the general encoder, for the sources whose images are here."""

    sources: Sequence[str]
    architectures: Sequence[str]
    means: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, cards: Sequence[Card], means: Mapping[str, np.ndarray]) -> Relatives:
        """The relatives among the PTMs of these cards, in their order."""
        return cls([card.source for card in cards], [card.architecture for card in cards], means)

    @cached_property
    def alike(self) -> np.ndarray:
        """(3, M, M): do two PTMs share their source, their architecture, are they the same?"""
        families = [name.split(".")[0] for name in self.architectures]  # what follows the dot names weights
        same = [np.equal.outer(np.array(names), np.array(names)) for names in (self.sources, families)]
        return np.stack([*same, np.eye(len(self.sources), dtype=bool)]).astype(float)

    def nearness(self, classes: np.ndarray) -> np.ndarray:
        """(M,): minus the earth mover's distance of a dataset to each PTM's source; NaN where its images are not here.

        Both are sets of class means under the general encoder, classes (C, D) those of the dataset; every class counts
        alike, and moving one to another costs their Euclidean distance. The domain similarity of Y. Cui et al., "Large
        Scale Fine-Grained Categorization and Domain-Specific Transfer Learning" (CVPR 2018), is exp(-0.01 d) of it.
        """
        distances = {source: _moved(classes, means) for source, means in self.means.items()}
        return np.array([-distances.get(source, np.nan) for source in self.sources])

    def best_of_each(self, scores: np.ndarray) -> np.ndarray:
        """(B, S): of each of the S sources the PTM with the highest of the scores (B, M), best first.

        They are forwarded before any other, as PTMs of one source tell much about each other.
        """
        best_first = np.argsort(-scores, axis=1, kind="stable")
        codes = np.unique(self.sources, return_inverse=True)[1][best_first]
        earlier = np.tril(np.equal(codes[:, :, None], codes[:, None, :]), -1).any(2)
        return best_first[~earlier].reshape(len(scores), -1)


def _moved(one: np.ndarray, other: np.ndarray) -> float:
    import ot  # it takes long to import, and few need it
    from scipy.spatial.distance import cdist

    costs = cdist(one.astype(np.float64), other.astype(np.float64))
    return float(ot.emd2(np.full(len(one), 1 / len(one)), np.full(len(other), 1 / len(other)), costs))
