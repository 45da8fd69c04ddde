"""What tasks share by their kind of target (one class, several classes, values): its words, the loss, the metric."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from orbweaver.core.errors import TargetError
from orbweaver.data.split import Split
from orbweaver.tasks._measures import average_precision
from orbweaver.tasks.base import PTM

Loss = Callable[[Tensor, Tensor], Tensor]  # of outputs (B, outputs) and aims (B, ...): the mean over the batch


class Targets(ABC):
    """The part of a task that depends on its kind of target; a fully connected head. F-labels are of class names."""

    label_rows = "class"
    second_metric = ""

    @abstractmethod
    def in_words(self, split: Split, sample: int) -> str:
        """The target of a sample, in words."""

    @abstractmethod
    def aims(self, ptm: PTM, split: Split) -> Tensor:
        """What the outputs are trained towards, a row a sample."""

    @abstractmethod
    def loss(self, label_smoothing: float = 0.0) -> Loss: ...

    @abstractmethod
    def truth(self, ptm: PTM, outputs: Tensor, targets: np.ndarray) -> float:
        """The metric of the truth. outputs: (N, outputs)."""

    def outputs(self, split: Split) -> int:
        """How many outputs the head has: one a class."""
        return len(split.classes)

    def strata(self, train: Split) -> np.ndarray | None:
        """(N,) groups that keep their shares when samples are held out; None without groups."""
        return None

    def label_texts(self, split: Split, template: str) -> list[str]:
        return [template.replace("{}", name) for name in split.classes]

    def check(self, train: Split) -> None:
        if (np.ptp(train.targets.astype(float), axis=0) == 0).all():
            raise TargetError(f"target '{train.name}': all its values are equal; there is nothing to predict")

    def hold_out(self, train: Split, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        self.check(train)
        return stratified(train, self.strata(train), fraction)


class OneClass(Targets):
    """One of several classes. Truth: accuracy."""

    metric = "accuracy"

    def in_words(self, split: Split, sample: int) -> str:
        return split.classes[split.targets[sample]]

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {"labels": targets}

    def check(self, train: Split) -> None:
        if len(np.unique(train.targets)) < 2:
            raise TargetError(f"target '{train.name}' has one class; a ranking needs at least two")

    def strata(self, train: Split) -> np.ndarray:
        return train.targets

    def aims(self, ptm: PTM, split: Split) -> Tensor:
        return torch.from_numpy(split.targets)

    def loss(self, label_smoothing: float = 0.0) -> Loss:
        return partial(functional.cross_entropy, label_smoothing=label_smoothing)

    def truth(self, ptm: PTM, outputs: Tensor, targets: np.ndarray) -> float:
        return float((outputs.argmax(1).numpy() == targets).mean())


class Several(Targets):
    """All the classes that apply. Truth: mean average precision, as VOC2007 has it."""

    metric = "mean average precision"

    def in_words(self, split: Split, sample: int) -> str:
        return ", ".join(np.array(split.classes)[split.targets[sample]]) or "none"

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {"targets": targets.astype(np.float64)}

    def aims(self, ptm: PTM, split: Split) -> Tensor:
        return torch.from_numpy(split.targets).float()

    def loss(self, label_smoothing: float = 0.0) -> Loss:
        return functional.binary_cross_entropy_with_logits

    def truth(self, ptm: PTM, outputs: Tensor, targets: np.ndarray) -> float:
        return average_precision(outputs.numpy(), targets)


class Values(Targets):
    """One or more values. Truth: minus the root mean squared error, in the target's unit."""

    metric, label_rows = "minus RMSE", "nothing"

    def label_texts(self, split: Split, template: str) -> list[str]:
        return []

    def in_words(self, split: Split, sample: int) -> str:
        return ", ".join(f"{value:.3g}" for value in np.atleast_1d(split.targets[sample]))

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {"targets": targets.reshape(len(targets), -1)}

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

    def loss(self, label_smoothing: float = 0.0) -> Loss:
        return functional.mse_loss

    def truth(self, ptm: PTM, outputs: Tensor, targets: np.ndarray) -> float:
        predicted = outputs.double().numpy() * ptm.scale + ptm.centre
        return -float(np.sqrt(np.mean((predicted - targets.reshape(len(targets), -1)) ** 2)))


def stratified(train: Split, strata: np.ndarray | None, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Samples to fit on and samples to choose on, (F,) and (V,), in which the strata (N,) keep their shares.

    Each stratum has a sample in both. Raises TargetError where the split is too small for that.
    """
    from sklearn.model_selection import train_test_split  # here, since it takes a second

    present, counts = np.unique(np.zeros(len(train)) if strata is None else strata, return_counts=True)
    if strata is not None and counts.min() < 2:
        few = train.classes[int(present[counts.argmin()])]
        raise TargetError(f"target '{train.name}': class '{few}' has one sample; fine-tuning needs two or more of each")
    held_out = max(len(present), round(fraction * len(train)))
    if len(train) - held_out < len(present):
        raise TargetError(
            f"target '{train.name}' has {len(train)} samples, too few to fit on some and choose on others"
        )
    fit, validation = train_test_split(np.arange(len(train)), test_size=held_out, stratify=strata, random_state=0)
    return fit, validation
