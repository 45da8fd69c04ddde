"""Fine-tuning of one PTM on one target, and the choice of its learning rate without the test split."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from stages import compute, files
from stages.errors import UserError
from stages.params import FinetuneParams
from stages.zoo import models, training
from stages.zoo.cards import Card
from stages.zoo.pixels import Stream, images


class TargetError(UserError):
    """A target that nobody can be fine-tuned on: one class, or too few images."""


@dataclass(frozen=True)
class Run:
    """One training run; `validation` and `test` are as `metric` has them: higher is better."""

    learning_rate: float
    seed: int
    validation: float
    test: float
    weight_decay: float | None = None  # where several were tried


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
    elif (np.ptp(train.targets, axis=0) == 0).all():
        raise TargetError(f"target '{train.name}': all its values are equal; there is nothing to predict")
    smallest = len(np.unique(stratify)) if stratify is not None else 1
    held_out = max(smallest, round(fraction * len(train)))
    from sklearn.model_selection import train_test_split  # here, since it takes seconds and words do without

    fit, validation = train_test_split(np.arange(len(train)), test_size=held_out, stratify=stratify, random_state=seed)
    return fit, validation


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


def metric(
    kind: str, outputs: torch.Tensor, targets: np.ndarray, centre: float | np.ndarray, scale: float | np.ndarray
) -> float:
    """Accuracy (classification), 11-point mAP (multilabel), or minus root mean squared error in the target's unit."""
    if kind == "classification":
        return float((outputs.argmax(1).numpy() == targets).mean())
    if kind == "multilabel":
        return average_precision(outputs.numpy(), targets)
    predicted = outputs.double().numpy() * scale + centre
    return -float(np.sqrt(np.mean((predicted - targets.reshape(len(targets), -1)) ** 2)))


def finetune(
    card: Card,
    train: files.Images,
    test: files.Images,
    p: FinetuneParams,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    threads: int,
) -> Run:
    """One run: new head, end to end on the fitting part; measured on the validation part and the test split."""
    compute.repeatable(seed, threads)
    if train.kind not in ("classification", "multilabel", "regression"):
        raise TargetError(f"target '{train.name}': fine-tuning for kind '{train.kind}' does not exist")
    config = card.preprocessing
    fit, validation = split_validation(train, p.validation_fraction, 0)  # one split for all seeds and PTMs
    model = models.load(card)
    values = train.targets.reshape(len(train), -1)
    models.new_head(model, len(train.classes) or values.shape[1])
    model = model.to(compute.device(), memory_format=torch.channels_last)
    centre, scale = 0.0, 1.0
    if train.kind == "classification":
        targets, loss = torch.from_numpy(train.targets), nn.CrossEntropyLoss()
    elif train.kind == "multilabel":
        targets, loss = torch.from_numpy(train.targets).float(), nn.BCEWithLogitsLoss()
    elif train.targets.ndim == 1:
        centre, scale = float(train.targets[fit].mean()), float(train.targets[fit].std())
        targets, loss = torch.from_numpy((train.targets - centre) / scale).float()[:, None], nn.MSELoss()
    else:
        centre, scale = values[fit].mean(0), values[fit].std(0).clip(1e-12)
        targets, loss = torch.from_numpy((values - centre) / scale).float(), nn.MSELoss()
    training.fit(
        model,
        config,
        images(train, config, p.augment)[fit],
        targets[fit],
        loss,
        epochs=math.ceil(p.steps * p.batch_size / len(fit)) if p.steps else p.epochs,
        batch_size=p.batch_size,
        optimizer=p.optimizer,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        precision=p.precision,
        seed=seed,
    )

    def measured(some: torch.Tensor | Stream, targets: np.ndarray) -> float:
        outputs = training.predict(model, config, some, 128, p.precision)
        return metric(train.kind, outputs, targets, centre, scale)

    return Run(
        learning_rate,
        seed,
        validation=measured(images(train, config)[validation], train.targets[validation]),
        test=measured(images(test, config), test.targets),
        weight_decay=weight_decay if len(p.weight_decays) > 1 else None,
    )


def best_run(runs: list[Run]) -> Run:
    """The run with the best validation metric; of equals that of the smallest rate, then decay. Never sees `test`."""
    return min(runs, key=lambda run: (-run.validation, run.learning_rate, run.weight_decay or 0))
