"""vqa: a picture and a question, to one of the possible answers.

Feature: after the last layer, the first word token beside the mean of the image tokens, which the answer is read from.
Fine-tuning: a new head for the target's answers. Truth: accuracy.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from stages.files import Images
from stages.zoo.tasks.metrics import Measured
from stages.zoo.tasks.vision import Fusion
from stages.zoo.tasks.words import Words, padded, trimmed


class Answerer(Fusion):
    def __init__(self, architecture: str, input_size: int, words: Words, answers: int, weights: bool = False) -> None:
        super().__init__(architecture, input_size, words, weights)
        self.width *= 2
        self.head = nn.Linear(self.width, answers)

    def _read(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        batch = trimmed(batch)
        read = self(pixels, batch["ids"], batch["mask"])
        return torch.cat([read[:, self.image.count], read[:, : self.image.count].mean(1)], 1)

    def loss(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        return functional.cross_entropy(self.head(self._read(pixels, batch)), batch["answer"])

    def features(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        read = self._read(pixels, batch)
        return read, self.head(read).softmax(1)

    def adapt(self, split: Images) -> None:
        self.head = nn.Linear(self.width, len(split.classes)).to(self.head.weight.device)


def build(architecture: str, input_size: int, words: Words, classes: list[str], weights: bool = False) -> Answerer:
    return Answerer(architecture, input_size, words, len(classes), weights)


def rows(split: Images, words: Words) -> dict[str, torch.Tensor]:
    ids, mask = padded([[words.start, *words.ids(text), words.end] for text in split.texts["question"]], words.pad)
    return {"ids": ids, "mask": mask, "answer": torch.from_numpy(split.targets)}


@torch.inference_mode()
def measure(
    model: Answerer, pixels: Callable[[slice], torch.Tensor], split: Images, words: Words, batch_size: int = 100
) -> Measured:
    asked, right = rows(split, words), []
    for start in range(0, len(split), batch_size):
        some = slice(start, start + batch_size)
        batch = {name: tensor[some] for name, tensor in asked.items()}
        right.append((model.features(pixels(some), batch)[1].argmax(1) == batch["answer"]).numpy())
    return Measured(float(np.concatenate(right).mean()), None)
