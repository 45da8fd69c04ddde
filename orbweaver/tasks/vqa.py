"""vqa: one of the possible answers to a question about a picture.

Feature: after the last layer, the first word token and the mean of the image tokens; the head reads both.
Fine-tuning: a new head for the target's answers. Truth: accuracy.

Public PTMs are the ViLTs, BLIPs and CLIPs of the Hugging Face hub or in a folder; their feature is the vector of
the words and the mean of the image tokens. A head that they bring answers other questions and is left out.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from orbweaver.core.errors import TargetError
from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models.card import Card
from orbweaver.models.fusion import Fusion
from orbweaver.models.hub import origin
from orbweaver.models.seeing import Seeing, built_seeing, public_seeing
from orbweaver.models.text import padded, trimmed
from orbweaver.models.vocabulary import Vocabulary
from orbweaver.tasks._targets import OneClass
from orbweaver.tasks._text import Batch, Headed, HeadedTask, TextTask
from orbweaver.tasks.base import PTM, Public


class Answerer(Headed):
    """A network that reads pictures and words, and a head; without answers there is no head."""

    def __init__(self, reader: Fusion | Seeing, answers: int) -> None:
        super().__init__()
        self.reader = reader
        self.width = reader.words + reader.wide
        self.num_classes = answers
        self.head = nn.Linear(self.width, answers) if answers else None

    def read(self, pixels: Tensor, batch: Batch) -> Tensor:
        batch = trimmed(batch)
        image, words = self.reader.both(pixels, batch["ids"], batch["mask"])
        return torch.cat([words, image.mean(1)], 1)


class VQA(OneClass, HeadedTask):
    name = "vqa"
    hold_out = TextTask.hold_out  # at random, not by class: many answers occur only once

    def example(self, split: Split, sample: int) -> str:
        return f"{split.texts['question'][sample]} {self.in_words(split, sample)}"

    def check(self, train: Split) -> None:
        if len(np.unique(train.targets)) < 2:
            raise TargetError(f"target '{train.name}': all its questions have one answer; there is nothing to predict")

    def network(
        self, architecture: str, input_size: int, vocabulary: Vocabulary, classes: list[str], raw: Path | None
    ) -> Answerer:
        return Answerer(Fusion(architecture, input_size, vocabulary, raw), len(classes))

    def public(self, spec: PtmSettings, raw: Path) -> Public:
        reader, vocabulary, preprocessing, config = public_seeing(spec.architecture, spec.input_size, raw)
        ptm = PTM(Answerer(reader, 0), preprocessing, vocabulary, config)
        return Public(ptm, None, "as its model card says", origin(spec.architecture))

    def of_card(self, card: Card, vocabulary: Vocabulary) -> nn.Module:
        if card.config is None:
            return super().of_card(card, vocabulary)
        return Answerer(built_seeing(card.config, card.preprocessing.input_size[1]), len(card.source_classes))

    def batch(self, split: Split, vocabulary: Vocabulary) -> Batch:
        ids, mask = padded([vocabulary.enclosed(text) for text in split.texts["question"]], vocabulary.pad)
        return {"ids": ids, "mask": mask}


TASK = VQA()
