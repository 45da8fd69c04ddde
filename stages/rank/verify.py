"""The test of a ranking: the first places fine-tuned on the user's images, by the benchmark's own protocol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from stages import files
from stages.finetune.__main__ import all_runs
from stages.params import Params
from stages.rank.reading import DataError
from stages.zoo.cards import Card

HELD_OUT = 0.25


def hold_out(split: files.Images, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted rows to rank and fine-tune on, and rows that only the fine-tuned PTMs are measured on.

    Raises DataError when a class is too small to be split three ways (fit, choose the learning rate, measure).
    """
    stratify = None
    if split.kind == "classification":
        counts = np.bincount(split.targets)
        if counts.min() < 4:
            raise DataError(
                f"'{split.name}': class '{split.classes[int(counts.argmin())]}' has {counts.min()} images; "
                "--verify needs 4 or more of each, to fine-tune on some and measure on others"
            )
        stratify = split.targets
    size = max(round(HELD_OUT * len(split)), len(split.classes), 1)
    train, test = train_test_split(np.arange(len(split)), test_size=size, stratify=stratify, random_state=seed)
    return np.sort(train), np.sort(test)


def fine_tuned(
    cards: Sequence[Card], split: files.Images, train: np.ndarray, test: np.ndarray, p: Params
) -> dict[str, float]:
    """Result of each PTM on the held-out rows: the mean over the seeds of the protocol's best setting.

    Kept run by run in the store, like the benchmark's own.
    """
    to_fit, to_measure = split.take(train), split.take(test)
    results = {}
    for card in tqdm(cards, desc="fine-tuning", unit="PTM", disable=None, leave=False):
        results[card.name] = float(
            np.mean([run.test for run, counts in all_runs(card, to_fit, to_measure, p) if counts])
        )
    return results


def image_passes(p: Params, images: int) -> int:
    """Forward and backward passes of single images that fine-tuning one PTM takes."""
    runs = len(p.finetune.learning_rates) * len(p.finetune.weight_decays) + p.finetune.seeds - 1
    fitted = round(images * (1 - p.finetune.validation_fraction))
    each = p.finetune.steps * p.finetune.batch_size if p.finetune.steps else p.finetune.epochs * fitted
    return runs * each
