"""contrastive: which text of the batch is this picture's? Without pictures: which is the same text, seen again?

InfoNCE (van den Oord et al. 2018, arXiv 1807.03748) in both directions, as CLIP has it (Radford et al. 2021, arXiv
2103.00020): with unit vectors u of pictures and v of texts, standardised over the batch before, logits u v^T / t, t
learnt from 0.07, and cross-entropy of rows and of columns; texts that are the same word by word share the probability.
Of a text alone two views are matched, each without a random third of its words (after SimCSE, arXiv 2104.08821, whose
views differ by dropout, which these networks do not have).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from orbweaver.data.split import Split
from orbweaver.models.text import trimmed
from orbweaver.tasks._text import Batch
from orbweaver.tasks.base import PTM
from orbweaver.tasks.objectives.base import Lesson, Towers, encoded, texts_of

DROPPED = 1 / 3
TEMPERATURE = 0.07


class Matching(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.towers = network, Towers(network)
        self.look, self.read = (_projection(self.towers.width) for _ in range(2))
        self.sharpness = nn.Parameter(torch.tensor(-math.log(TEMPERATURE)))

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        batch = trimmed(batch)
        if self.towers.seen is None:
            one, other = (self.read(self.towers.text(_thinned(batch))) for _ in range(2))
        else:
            one, other = self.look(self.towers.picture(pixels)), self.read(self.towers.text(batch))
        logits = functional.normalize(one, dim=1) @ functional.normalize(other, dim=1).T * self.sharpness.exp()
        same = (batch["ids"][:, None] == batch["ids"][None]).all(2).float()
        wanted = same / same.sum(1, keepdim=True)
        return (functional.cross_entropy(logits, wanted) + functional.cross_entropy(logits.T, wanted)) / 2


def _projection(width: int) -> nn.Module:
    """Standardised over the batch: a random network gives nearly the same vector for any two samples."""
    return nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width, affine=False))


def _thinned(batch: Batch) -> Batch:
    """The texts with some of their words masked out; the first token stays."""
    kept = torch.rand(batch["mask"].shape, device=batch["mask"].device) >= DROPPED
    kept[:, 0] = True
    return batch | {"mask": batch["mask"] * kept}


def lesson(ptm: PTM, source: Split) -> Lesson:
    """A learner that matches pictures and texts, or two views of a text, and the source's texts."""
    return Lesson(Matching(ptm.network), encoded(texts_of(source), ptm.vocabulary), np.arange(len(source)))
