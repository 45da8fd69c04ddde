"""Fine-tuning of one PTM on one target, and the choice of its learning rate without the test split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

from stages import compute, files
from stages.errors import UserError
from stages.params import FinetuneParams
from stages.zoo import models, training
from stages.zoo.cards import Card
from stages.zoo.pixels import pixels


class TargetError(UserError):
    """A target that nobody can be fine-tuned on: one class, or too few images."""


@dataclass(frozen=True)
class Run:
    """One training run; `validation` and `test` are accuracy, or minus RMSE for regression: higher is better."""

    learning_rate: float
    seed: int
    validation: float
    test: float


def split_validation(train: files.Images, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the part to fit on and of the part to choose the learning rate on, (F,) and (V,).

    Classes are stratified. Raises TargetError for one class, or when a class has a single image.
    """
    stratify = None
    if train.kind == "classification":
        counts = np.bincount(train.targets, minlength=len(train.classes))
        if (counts > 0).sum() < 2:
            raise TargetError(f"target '{train.name}' has one class; a ranking needs at least two")
        if counts[counts > 0].min() < 2:
            few = train.classes[int(np.flatnonzero(counts == 1)[0])]
            raise TargetError(
                f"target '{train.name}': class '{few}' has one image; fine-tuning needs two or more of each"
            )
        stratify = train.targets
    elif np.ptp(train.targets) == 0:
        raise TargetError(f"target '{train.name}': all its values are equal; there is nothing to predict")
    smallest = len(np.unique(stratify)) if stratify is not None else 1
    held_out = max(smallest, round(fraction * len(train)))
    fit, validation = train_test_split(np.arange(len(train)), test_size=held_out, stratify=stratify, random_state=seed)
    return fit, validation


def metric(kind: str, outputs: torch.Tensor, targets: np.ndarray, centre: float, scale: float) -> float:
    """Accuracy (classification) or minus root mean squared error in the target's unit (regression)."""
    if kind == "classification":
        return float((outputs.argmax(1).numpy() == targets).mean())
    predicted = outputs[:, 0].double().numpy() * scale + centre
    return -float(np.sqrt(np.mean((predicted - targets) ** 2)))


def finetune(
    card: Card,
    train: files.Images,
    test: files.Images,
    p: FinetuneParams,
    learning_rate: float,
    seed: int,
    threads: int,
) -> Run:
    """One run: new head, AdamW end to end on the fitting part; measured on the validation part and the test split."""
    compute.repeatable(seed, threads)
    if train.kind not in ("classification", "regression"):
        raise TargetError(f"target '{train.name}': fine-tuning for kind '{train.kind}' does not exist")
    config = card.preprocessing
    fit, validation = split_validation(train, p.validation_fraction, 0)  # one split for all seeds and PTMs
    model = models.load(card)
    classification = train.kind == "classification"
    model.reset_classifier(len(train.classes) if classification else 1)
    model = model.to(compute.device(), memory_format=torch.channels_last)
    images = torch.from_numpy(pixels(train, config))
    if classification:
        centre, scale, targets, loss = 0.0, 1.0, torch.from_numpy(train.targets), nn.CrossEntropyLoss()
    else:
        centre, scale = float(train.targets[fit].mean()), float(train.targets[fit].std())
        targets, loss = torch.from_numpy((train.targets - centre) / scale).float()[:, None], nn.MSELoss()
    training.fit(
        model,
        config,
        images[fit],
        targets[fit],
        loss,
        epochs=p.epochs,
        batch_size=p.batch_size,
        learning_rate=learning_rate,
        weight_decay=p.weight_decay,
        seed=seed,
    )

    def measured(images: torch.Tensor, targets: np.ndarray) -> float:
        return metric(train.kind, training.predict(model, config, images, 128), targets, centre, scale)

    return Run(
        learning_rate,
        seed,
        validation=measured(images[validation], train.targets[validation]),
        test=measured(torch.from_numpy(pixels(test, config)), test.targets),
    )


def best_learning_rate(runs: list[Run]) -> float:
    """The learning rate with the best validation metric; of equals the smallest. Never looks at `test`."""
    return min(runs, key=lambda run: (-run.validation, run.learning_rate)).learning_rate
