"""Fine-tuning of PTMs of tasks with words: the protocol of `truth`, with each task's own measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages import compute, files
from stages.finetune.truth import Run, TargetError
from stages.params import FinetuneParams
from stages.zoo.cards import Card
from stages.zoo.tasks import ptms


@dataclass(frozen=True)
class WordsRun(Run):
    """`validation` and `test` are the task's truth, `second` its other measure on the test split.

    Both as in `stages.zoo.tasks.metrics`.
    """

    second: float | None = None


def parts(train: files.Images, fraction: float) -> tuple[files.Images, files.Images]:
    """The part to fit on and the part to choose the learning rate on, the same for all seeds and PTMs.

    Raises TargetError when the target is too small for both.
    """
    held_out = round(fraction * len(train))
    if not 1 <= held_out < len(train) - 1:
        raise TargetError(
            f"target '{train.name}' has {len(train)} samples, too few to fit on some and choose on others"
        )
    order = np.random.default_rng(0).permutation(len(train))
    return train.take(order[held_out:]), train.take(order[:held_out])


def finetune(
    card: Card,
    train: files.Images,
    test: files.Images,
    p: FinetuneParams,
    learning_rate: float,
    weight_decay: float,
    seed: int,
    threads: int,
) -> WordsRun:
    """One run: AdamW end to end on the fitting part; measured on the validation part and the test split.

    Raises TargetError when the target is too small for both parts, or its questions all have one answer.
    """
    compute.repeatable(seed, threads)
    if train.kind == "vqa" and len(np.unique(train.targets)) < 2:
        raise TargetError(f"target '{train.name}': all its questions have one answer; there is nothing to predict")
    fit, validation = parts(train, p.validation_fraction)
    model, words = ptms.load(card)
    model.adapt(train)
    model = model.to(compute.device())
    how = {"epochs": p.epochs, "batch_size": p.batch_size, "weight_decay": weight_decay}
    how |= {"optimizer": p.optimizer, "precision": p.precision}
    ptms.fit(model, card.preprocessing, card.task, fit, words, learning_rate=learning_rate, seed=seed, **how)

    def measured(split: files.Images) -> tuple[float, float | None]:
        return ptms.measure(model, card.preprocessing, card.task, split, words)

    on_test, second = measured(test)
    decay = weight_decay if len(p.weight_decays) > 1 else None
    return WordsRun(learning_rate, seed, measured(validation)[0], on_test, decay, second)
