"""multilabel: a picture, to all the classes that apply. Truth: mean average precision, as VOC2007 has it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from orbweaver.data.split import Split
from orbweaver.tasks._classes import Classes
from orbweaver.tasks._image import ImageTask
from orbweaver.tasks.base import PTM


def average_precision(scores: np.ndarray, present: np.ndarray) -> float:
    """11-point mAP of VOC2007 (Everingham et al. 2010); scores and present are (N, C).

    Per class the mean, over recalls r = 0, 0.1, ..., 1, of the best precision at recall r or more; then the mean over
    the classes that any image shows.
    """
    values = []
    for column, truth in zip(scores.T, present.T, strict=True):
        if not truth.any():
            continue
        hits = truth[np.argsort(-column, kind="stable")].cumsum()
        precision, recall = hits / np.arange(1, len(hits) + 1), hits / hits[-1]
        reached = [precision[recall >= r - 1e-12].max() for r in np.linspace(0, 1, 11)]
        values.append(np.mean(reached))
    return float(np.mean(values))


class Multilabel(Classes, ImageTask):
    name, metric, label_rows = "multilabel", "mean average precision", "class"

    def example(self, split: Split, sample: int) -> str:
        return ", ".join(np.array(split.classes)[split.targets[sample]]) or "none"

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {"targets": targets.astype(np.float64)}

    def strata(self, train: Split) -> None:
        return None

    def aims(self, ptm: PTM, split: Split) -> Tensor:
        return torch.from_numpy(split.targets).float()

    def loss(self, label_smoothing: float) -> nn.Module:
        return nn.BCEWithLogitsLoss()

    def truth(self, ptm: PTM, outputs: Tensor, targets: np.ndarray) -> float:
        return average_precision(outputs.numpy(), targets)


TASK = Multilabel()
