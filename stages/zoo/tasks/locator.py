"""grounding: a picture and a phrase, to the box of what it says.

The PTM looks at image tokens with weights that sum to 1. The box stands about the mean place of what it looks at (a
soft argmax); by how much beside it, and how large, is read from the mean of these tokens. Feature: that mean of the
last layer. Fine-tuning keeps all weights, since a box means the same on every dataset. Truth: share of boxes whose
IoU with the true one is at least 0.5.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

from stages.files import Images
from stages.zoo.tasks.metrics import Measured, iou
from stages.zoo.tasks.vision import Fusion
from stages.zoo.tasks.words import Words, padded, trimmed


class Locator(Fusion):
    def __init__(self, architecture: str, input_size: int, words: Words, weights: bool = False) -> None:
        super().__init__(architecture, input_size, words, weights)
        self.look = nn.Linear(self.width, 1)
        self.head = nn.Linear(self.width, 4)
        rows, columns = self.image.grid
        y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
        self.register_buffer("places", torch.stack([x.flatten(), y.flatten()], 1), persistent=False)

    def _look(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Weights (B, S) of the image tokens, and their mean (B, D)."""
        batch = trimmed(batch)
        image = self(pixels, batch["ids"], batch["mask"])[:, : self.image.count]
        weights = self.look(image).softmax(1)
        return weights[..., 0], (weights * image).sum(1)

    def features(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, None]:
        return self._look(pixels, batch)[1], None

    def boxes(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """(B, 4) as in `Images.targets`."""
        weights, seen = self._look(pixels, batch)
        beside, side = self.head(seen).split(2, 1)
        centre, side = weights @ self.places + beside.tanh() / 4, side.sigmoid()
        return torch.cat([centre - side / 2, centre + side / 2], 1)

    def loss(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """5 L1 + 2 (1 - GIoU), the weights of DETR (Carion et al. 2020), whose heads are of this form."""
        boxes = self.boxes(pixels, batch)
        overlap = generalized_box_iou_loss(boxes, batch["box"], reduction="mean")
        return 5 * functional.l1_loss(boxes, batch["box"]) + 2 * overlap

    def adapt(self, split: Images) -> None:
        pass


def build(architecture: str, input_size: int, words: Words, classes: list[str], weights: bool = False) -> Locator:
    return Locator(architecture, input_size, words, weights)


def rows(split: Images, words: Words) -> dict[str, torch.Tensor]:
    ids, mask = padded([[words.start, *words.ids(text), words.end] for text in split.texts["phrase"]], words.pad)
    return {"ids": ids, "mask": mask, "box": torch.from_numpy(split.targets).float()}


@torch.inference_mode()
def measure(
    model: Locator, pixels: Callable[[slice], torch.Tensor], split: Images, words: Words, batch_size: int = 100
) -> Measured:
    told, found = rows(split, words), []
    for start in range(0, len(split), batch_size):
        some = slice(start, start + batch_size)
        found.append(model.boxes(pixels(some), {name: tensor[some] for name, tensor in told.items()}).numpy())
    overlap = iou(np.concatenate(found), split.targets)
    return Measured(float((overlap >= 0.5).mean()), float(overlap.mean()))
