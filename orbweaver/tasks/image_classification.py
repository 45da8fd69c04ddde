"""image_classification: a picture, to one of several classes. Truth: accuracy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from orbweaver.data.split import Split
from orbweaver.tasks._classes import OneClass
from orbweaver.tasks._image import ImageTask
from orbweaver.tasks.base import PTM


class ImageClassification(OneClass, ImageTask):
    name, metric, label_rows = "image_classification", "accuracy", "class"

    def example(self, split: Split, sample: int) -> str:
        return split.classes[split.targets[sample]]

    def strata(self, train: Split) -> np.ndarray:
        return train.targets

    def aims(self, ptm: PTM, split: Split) -> Tensor:
        return torch.from_numpy(split.targets)

    def loss(self, label_smoothing: float) -> nn.Module:
        return nn.CrossEntropyLoss(label_smoothing=label_smoothing)

    def truth(self, ptm: PTM, outputs: Tensor, targets: np.ndarray) -> float:
        return float((outputs.argmax(1).numpy() == targets).mean())


TASK = ImageClassification()
