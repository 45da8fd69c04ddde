"""Fine-tuning: the learning rate is chosen without the test split, and targets that cannot be are named."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stages.files import Images
from stages.finetune.truth import Run, TargetError, best_run, metric, split_validation


def target(labels: list, kind: str = "classification", classes: int = 3) -> Images:
    names = [f"class {c}" for c in range(classes)] if kind == "classification" else []
    return Images("toy", kind, names, [b""] * len(labels), np.asarray(labels), "", "")


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_the_test_split_never_chooses(metrics: list[tuple[float, float]]) -> None:
    runs = [Run(10.0**-i, 0, *pair) for i, pair in enumerate(metrics)]
    blind = [dataclasses.replace(run, test=0.0) for run in runs]
    best = best_run(runs)
    assert best.learning_rate == best_run(blind).learning_rate
    assert best.validation == max(run.validation for run in runs)


def test_of_equal_learning_rates_the_smallest_counts() -> None:
    assert best_run([Run(0.1, 0, 0.5, 1), Run(0.01, 0, 0.5, 0)]).learning_rate == 0.01
    assert best_run([Run(0.1, 0, 0.5, 1, 1e-3), Run(0.1, 0, 0.5, 1, 1e-4)]).weight_decay == 1e-4


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (target([0] * 10), "target 'toy' has one class"),
        (target([0] * 5 + [1] * 5 + [2]), "class 'class 2' has one image"),
        (target([0, 1, 2]), "class 'class 0' has one image"),
        (target([0.5] * 5, "regression"), "all its values are equal"),
    ],
)
def test_targets_that_cannot_be_ranked_are_named(images: Images, message: str) -> None:
    with pytest.raises(TargetError, match=message):
        split_validation(images, 0.2, 0)


def test_validation_is_stratified_and_disjoint() -> None:
    labels = [0] * 40 + [1] * 20 + [2] * 2
    fit, validation = split_validation(target(labels), 0.25, 0)
    assert sorted([*fit, *validation]) == list(range(62))
    assert len(validation) == 16
    assert set(np.take(labels, fit)) == {0, 1, 2}


def test_metrics() -> None:
    outputs = torch.tensor([[2.0, 1.0], [0.0, 1.0], [3.0, 0.0]])
    assert metric("classification", outputs, np.array([0, 1, 1]), 0, 1) == pytest.approx(2 / 3)
    regression = metric("regression", torch.tensor([[0.0], [1.0]]), np.array([10.0, 16.0]), centre=10.0, scale=2.0)
    assert regression == pytest.approx(-np.sqrt(8))
