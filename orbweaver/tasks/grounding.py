"""grounding: a picture and a phrase, to the box of what it says.

The PTM looks at image tokens with weights that sum to 1. The box stands about the mean place of what it looks at (a
soft argmax); by how much beside it, and how large, is read from the mean of these tokens. Feature: that mean of the
last layer. Fine-tuning keeps all weights, since a box means the same on every dataset. Truth: share of boxes whose
IoU with the true one is at least 0.5; beside it the mean IoU.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.ops import generalized_box_iou_loss

from orbweaver.core.errors import LabelsError
from orbweaver.data.split import Split
from orbweaver.models.fusion import Fusion
from orbweaver.models.text import padded, trimmed
from orbweaver.models.vocabulary import Vocabulary
from orbweaver.tasks._measures import iou
from orbweaver.tasks._text import Batch, TextTask, in_batches
from orbweaver.tasks.base import PTM, Measured

BOX_UNITS = 1000


def box_text(box: np.ndarray) -> str:
    """A box as "<left,top,right,bottom>", each in thousandths of the image's width or height, rounded.

    box (4,): left, top, right, bottom relative to the image, 0 to 1. Relative, so that a text does not depend on the
    size at which an image is stored; thousandths, so that no box of an image up to 1,000 pixels loses its place.
    Raises LabelsError for coordinates outside the image or out of order.
    """
    left, top, right, bottom = (float(side) for side in box)
    if not (0 <= left <= right <= 1 and 0 <= top <= bottom <= 1):
        raise LabelsError(f"box ({left}, {top}, {right}, {bottom}) is not left, top, right, bottom between 0 and 1")
    return "<" + ",".join(str(round(side * BOX_UNITS)) for side in (left, top, right, bottom)) + ">"


class Locator(Fusion):
    def __init__(self, architecture: str, input_size: int, vocabulary: Vocabulary, raw: Path | None = None) -> None:
        super().__init__(architecture, input_size, vocabulary, raw)
        self.look = nn.Linear(self.width, 1)
        self.head = nn.Linear(self.width, 4)
        rows, columns = self.image.grid
        y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
        self.register_buffer("places", torch.stack([x.flatten(), y.flatten()], 1), persistent=False)

    def _look(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Weights (B, S) of the image tokens, and their mean (B, D)."""
        batch = trimmed(batch)
        image = self(pixels, batch["ids"], batch["mask"])[:, : self.image.count]
        weights = self.look(image).softmax(1)
        return weights[..., 0], (weights * image).sum(1)

    def features(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, None]:
        return self._look(pixels, batch)[1], None

    def boxes(self, pixels: Tensor, batch: Batch) -> Tensor:
        """(B, 4): x0, y0, x1, y1 in shares of the image's width and height."""
        weights, seen = self._look(pixels, batch)
        beside, side = self.head(seen).split(2, 1)
        centre, side = weights @ self.places + beside.tanh() / 4, side.sigmoid()
        return torch.cat([centre - side / 2, centre + side / 2], 1)

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        """5 L1 + 2 (1 - GIoU), the weights of DETR (Carion et al. 2020), whose heads are of this form."""
        boxes = self.boxes(pixels, batch)
        overlap = generalized_box_iou_loss(boxes, batch["box"], reduction="mean")
        return 5 * functional.l1_loss(boxes, batch["box"]) + 2 * overlap


class Grounding(TextTask):
    name, metric, second_metric, label_rows = "grounding", "accuracy at IoU 0.5", "mean IoU", "sample"

    def label_texts(self, split: Split, template: str) -> list[str]:
        return [box_text(box) for box in split.targets]

    def example(self, split: Split, sample: int) -> str:
        return split.texts["phrase"][sample]

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {"targets": targets}

    def network(
        self, architecture: str, input_size: int, vocabulary: Vocabulary, classes: list[str], raw: Path | None
    ) -> Locator:
        return Locator(architecture, input_size, vocabulary, raw)

    def batch(self, split: Split, vocabulary: Vocabulary) -> Batch:
        ids, mask = padded([vocabulary.enclosed(text) for text in split.texts["phrase"]], vocabulary.pad)
        return {"ids": ids, "mask": mask, "box": torch.from_numpy(split.targets).float()}

    def measured(self, ptm: PTM, split: Split, pixels: Callable[[slice], Tensor]) -> Measured:
        found = [
            ptm.network.boxes(pixels(some), batch).cpu().numpy()
            for some, batch in in_batches(self.batch(split, ptm.vocabulary))
        ]
        overlap = iou(np.concatenate(found), split.targets)
        return Measured(float((overlap >= 0.5).mean()), float(overlap.mean()))


TASK = Grounding()
