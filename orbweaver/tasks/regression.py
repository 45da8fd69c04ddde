"""regression: a picture, to one or more values. Truth: minus the root mean squared error, in the target's unit."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from orbweaver.data.split import Split
from orbweaver.tasks._image import ImageTask
from orbweaver.tasks.base import PTM


class Regression(ImageTask):
    name, metric, label_rows = "regression", "minus RMSE", "nothing"

    def label_texts(self, split: Split, template: str) -> list[str]:
        return []

    def example(self, split: Split, sample: int) -> str:
        return ", ".join(f"{value:.3g}" for value in np.atleast_1d(split.targets[sample]))

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {"targets": targets.reshape(len(targets), -1)}

    def strata(self, train: Split) -> None:
        return None

    def outputs(self, split: Split) -> int:
        return split.targets.reshape(len(split), -1).shape[1]

    def adapt(self, ptm: PTM, train: Split, samples: np.ndarray) -> None:
        """A new head, whose outputs stand for standardised values."""
        values = train.targets[samples]
        ptm.centre, ptm.scale = values.mean(0), np.maximum(values.std(0), 1e-12)
        super().adapt(ptm, train, samples)

    def aims(self, ptm: PTM, split: Split) -> Tensor:
        standardised = (split.targets - ptm.centre) / ptm.scale
        return torch.from_numpy(standardised.reshape(len(split), -1)).float()

    def loss(self, label_smoothing: float) -> nn.Module:
        return nn.MSELoss()

    def truth(self, ptm: PTM, outputs: Tensor, targets: np.ndarray) -> float:
        predicted = outputs.double().numpy() * ptm.scale + ptm.centre
        return -float(np.sqrt(np.mean((predicted - targets.reshape(len(targets), -1)) ** 2)))


TASK = Regression()
