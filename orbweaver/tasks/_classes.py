"""What tasks with classes share: what their targets say, can they be told apart, and how are samples held out?"""

from __future__ import annotations

import numpy as np

from orbweaver.core.errors import TargetError
from orbweaver.data.split import Split


class Classes:
    """A part of a task whose targets are classes: its F-labels are their names."""

    def label_texts(self, split: Split, template: str) -> list[str]:
        return [template.replace("{}", name) for name in split.classes]


class OneClass(Classes):
    """A part of a task whose targets are one class each."""

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        return {"labels": targets}

    def check(self, train: Split) -> None:
        if len(np.unique(train.targets)) < 2:
            raise TargetError(f"target '{train.name}' has one class; a ranking needs at least two")


def stratified(train: Split, strata: np.ndarray | None, fraction: float) -> tuple[np.ndarray, np.ndarray]:
    """Samples to fit on and samples to choose on, (F,) and (V,), in which strata (N,), its classes, keep their shares.

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
