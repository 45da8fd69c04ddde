"""vqa: a picture and a question, to one of the possible answers.

Feature: after the last layer, the first word token beside the mean of the image tokens, which the answer is read from.
Fine-tuning: a new head for the target's answers. Truth: accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from orbweaver.core.device import device
from orbweaver.core.errors import TargetError
from orbweaver.data.split import Split
from orbweaver.models.fusion import Fusion
from orbweaver.models.text import padded, trimmed
from orbweaver.models.vocabulary import Vocabulary
from orbweaver.tasks._text import Batch, TextTask, in_batches
from orbweaver.tasks.base import PTM, Measured


class Answerer(Fusion):
    def __init__(
        self, architecture: str, input_size: int, vocabulary: Vocabulary, answers: int, raw: Path | None = None
    ) -> None:
        super().__init__(architecture, input_size, vocabulary, raw)
        self.width *= 2
        self.head = nn.Linear(self.width, answers)

    def _read(self, pixels: Tensor, batch: Batch) -> Tensor:
        batch = trimmed(batch)
        read = self(pixels, batch["ids"], batch["mask"])
        return torch.cat([read[:, self.image.count], read[:, : self.image.count].mean(1)], 1)

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        return functional.cross_entropy(self.head(self._read(pixels, batch)), batch["answer"])

    def features(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        read = self._read(pixels, batch)
        return read, self.head(read).softmax(1)


class Vqa(TextTask):
    name, metric, second_metric, label_rows = "vqa", "accuracy", "", "class"

    def label_texts(self, split: Split, template: str) -> list[str]:
        return list(split.classes)

    def example(self, split: Split, sample: int) -> str:
        return f"{split.texts['question'][sample]} {split.classes[split.targets[sample]]}"

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {"labels": targets}

    def check(self, train: Split) -> None:
        if len(np.unique(train.targets)) < 2:
            raise TargetError(f"target '{train.name}': all its questions have one answer; there is nothing to predict")

    def network(
        self, architecture: str, input_size: int, vocabulary: Vocabulary, classes: list[str], raw: Path | None
    ) -> Answerer:
        return Answerer(architecture, input_size, vocabulary, len(classes), raw)

    def batch(self, split: Split, vocabulary: Vocabulary) -> Batch:
        ids, mask = padded([vocabulary.enclosed(text) for text in split.texts["question"]], vocabulary.pad)
        return {"ids": ids, "mask": mask, "answer": torch.from_numpy(split.targets)}

    def adapt(self, ptm: PTM, train: Split, samples: np.ndarray) -> None:
        ptm.network.head = nn.Linear(ptm.network.width, len(train.classes))
        ptm.network = ptm.network.to(device())

    def measured(self, ptm: PTM, split: Split, pixels: Callable[[slice], Tensor]) -> Measured:
        right = [
            (ptm.network.features(pixels(some), batch)[1].argmax(1) == batch["answer"]).cpu().numpy()
            for some, batch in in_batches(self.batch(split, ptm.vocabulary))
        ]
        return Measured(float(np.concatenate(right).mean()))


TASK = Vqa()
