"""grounding: the box, in a picture, of what a phrase says.

The PTM weighs its image tokens; the weights sum to 1. The box lies near the mean place of the weighted tokens (a soft
argmax); its offset from there and its size are read from the weighted mean of the tokens. Feature: that mean of the
last layer. Fine-tuning keeps all weights, since a box means the same on every dataset. Truth: share of boxes whose
IoU with the true one is at least 0.5; beside it the mean IoU.

Public PTMs are of the Hugging Face hub or in a folder: OWL-ViTs and OWLv2s, which propose a box at each image token and
say how well it fits the phrase, and ViLTs, BLIPs and CLIPs, which get the same fresh head as PTMs trained here. A
detector's proposals are weighted by the softmax of how well they fit: training lowers their weighted mean error, the
proposal with the largest weight is the answer, and the feature is the weighted mean of the image tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.ops import box_convert, generalized_box_iou_loss
from transformers import Owlv2ForObjectDetection, OwlViTForObjectDetection, PreTrainedModel

from orbweaver.core.errors import LabelsError
from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models import hub
from orbweaver.models.card import Card
from orbweaver.models.fusion import Fusion
from orbweaver.models.seeing import Seeing, built_seeing, public_seeing, vocabulary_of
from orbweaver.models.text import padded, trimmed
from orbweaver.models.vocabulary import Vocabulary
from orbweaver.tasks._measures import iou
from orbweaver.tasks._text import Batch, TextTask, in_batches
from orbweaver.tasks.base import PTM, Measured, Public

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


def errors(boxes: Tensor, wanted: Tensor) -> Tensor:
    """5 L1 + 2 (1 - GIoU), the weights of DETR (Carion et al. 2020), of boxes (..., 4) each: (...)."""
    overlap = generalized_box_iou_loss(boxes, wanted, reduction="none")
    return 5 * (boxes - wanted).abs().mean(-1) + 2 * overlap


class Locator(nn.Module):
    def __init__(self, reader: Fusion | Seeing) -> None:
        super().__init__()
        self.reader, self.width = reader, reader.wide
        self.look = nn.Linear(self.width, 1)
        self.ask = None if reader.joint else nn.Linear(reader.words, self.width)  # where tokens have not seen the words
        self.head = nn.Linear(self.width, 4)
        rows, columns = reader.grid
        y, x = torch.meshgrid((torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij")
        self.register_buffer("places", torch.stack([x.flatten(), y.flatten()], 1), persistent=False)

    def _look(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Weights (B, S) of the image tokens, and their mean (B, D)."""
        batch = trimmed(batch)
        image, words = self.reader.both(pixels, batch["ids"], batch["mask"])
        seen = self.look(image)
        if self.ask is not None:
            seen = seen + image @ self.ask(words)[..., None] / self.width**0.5
        weights = seen.softmax(1)
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
        return errors(self.boxes(pixels, batch), batch["box"]).mean()


class Detector(nn.Module):
    """An OWL-ViT or OWLv2 of transformers."""

    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__()
        self.network = network
        self.width = network.config.vision_config.hidden_size

    def _propose(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes (B, S, 4), x0, y0, x1, y1; weights (B, S) that sum to 1; image tokens (B, S, D)."""
        batch = trimmed(batch)
        found = self.network(input_ids=batch["ids"], attention_mask=batch["mask"], pixel_values=pixels,
                             interpolate_pos_encoding=True)  # fmt: skip
        return (
            box_convert(found.pred_boxes, "cxcywh", "xyxy"),
            found.logits[..., 0].softmax(1),
            found.image_embeds.flatten(1, 2),
        )

    def features(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, None]:
        _, weights, image = self._propose(pixels, batch)
        return (weights[..., None] * image).sum(1), None

    def boxes(self, pixels: Tensor, batch: Batch) -> Tensor:
        boxes, weights, _ = self._propose(pixels, batch)
        return boxes[torch.arange(len(boxes)), weights.argmax(1)]

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        boxes, weights, _ = self._propose(pixels, batch)
        return (weights * errors(boxes, batch["box"][:, None].expand_as(boxes))).sum(1).mean()


DETECTORS = {"owlvit": OwlViTForObjectDetection, "owlv2": Owlv2ForObjectDetection}


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
        return Locator(Fusion(architecture, input_size, vocabulary, raw))

    def public(self, spec: PtmSettings, raw: Path) -> Public:
        name = spec.architecture
        config = hub.config_of(name)
        if config.model_type in DETECTORS:
            network = hub.model_of(DETECTORS[config.model_type], name, raw)
            vocabulary, described = vocabulary_of(name, config), hub.described(network.config)
            ptm = PTM(Detector(network), hub.preprocessing_of(name, spec.input_size), vocabulary, described)
        else:
            reader, vocabulary, preprocessing, described = public_seeing(name, spec.input_size, raw)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)  # the fresh head is always the same
                ptm = PTM(Locator(reader), preprocessing, vocabulary, described)
        return Public(ptm, None, "as its model card says", hub.origin(name))

    def of_card(self, card: Card, vocabulary: Vocabulary) -> nn.Module:
        if card.config is None:
            return super().of_card(card, vocabulary)
        if (kind := card.config["model_type"]) in DETECTORS:
            return Detector(hub.built(DETECTORS[kind], card.config))
        return Locator(built_seeing(card.config, card.preprocessing.input_size[1]))

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
