"""classification: the class of a picture, by its encoder alone, or of a text where there are no pictures."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from orbweaver.data.split import Split
from orbweaver.models.text import trimmed
from orbweaver.tasks._text import Batch
from orbweaver.tasks.base import PTM
from orbweaver.tasks.objectives.base import Lesson, Towers, encoded, texts_of


class Sorting(nn.Module):
    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.towers = network, Towers(network)
        self.head = nn.Linear(self.towers.width, classes)

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        read = self.towers.text(trimmed(batch)) if self.towers.seen is None else self.towers.picture(pixels)
        return functional.cross_entropy(self.head(read), batch["label"])


def lesson(ptm: PTM, source: Split) -> Lesson:
    """A head for the source's classes, and its pictures, or texts where it has none."""
    batch: Batch = {"label": torch.from_numpy(source.targets)}
    if not len(source.images):
        batch |= encoded(texts_of(source), ptm.vocabulary)
    return Lesson(Sorting(ptm.network, len(source.classes)), batch, np.arange(len(source)))
