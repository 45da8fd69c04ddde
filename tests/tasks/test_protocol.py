"""Every task of `ZOO` is what `Task` says, and what it says of a dataset fits the dataset."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from orbweaver.core.errors import UnknownName
from orbweaver.tasks import TASKS, ZOO, fits, task
from orbweaver.tasks.base import Task

from .examples import both

METHODS = [name for name, found in vars(Task).items() if inspect.isfunction(found) and not name.startswith("_")]


def test_the_protocol_is_looked_at() -> None:
    assert {"label_texts", "rows", "check", "hold_out", "load", "features", "fit", "measure"} <= {*METHODS}
    assert {*Task.__annotations__} == {"name", "metric", "second_metric", "label_rows"}


@pytest.mark.parametrize("name", ZOO)
def test_every_task_fulfils_the_protocol(name: str) -> None:
    found = task(name)
    assert found.name == name
    assert isinstance(found.metric, str)
    assert found.metric
    assert isinstance(found.second_metric, str)
    assert found.label_rows in ("class", "sample", "nothing")
    assert found.fingerprint == task(name).fingerprint
    for method in METHODS:
        ours, asked = (inspect.signature(getattr(each, method)).parameters for each in (found, Task))
        assert [*ours] == [*asked][1:], method
        assert [p.default for p in ours.values()] == [p.default for p in asked.values()][1:], method


def test_tasks_are_told_apart() -> None:
    assert len({task(name).fingerprint for name in ZOO}) == len(ZOO)
    assert {ZOO[zoo] == zoo for zoo in ZOO.values()} == {True}
    assert {name for name, about in TASKS.items() if not about.fraction} == {"regression", "text_regression"}
    assert {name for name, about in TASKS.items() if about.inner} == {"image_classification"} <= {*ZOO.values()}
    assert fits("image_classification", "multilabel") and not fits("multilabel", "multilabel")
    with pytest.raises(UnknownName, match="unknown task 'captions': did you mean 'caption'"):
        task("captions")


@pytest.mark.parametrize("name", ZOO)
def test_what_a_task_says_of_a_dataset_fits_it(name: str) -> None:
    found, (train, _) = task(name), both(name)
    rows = found.rows(train)
    assert np.array_equal(np.unique(rows), np.arange(len(train)))
    assert (len(rows) > len(train)) == (name == "caption")
    texts = found.label_texts(train, "a {}")
    assert len(texts) == {"class": len(train.classes), "sample": len(rows), "nothing": 0}[found.label_rows]
    assert all(found.example(train, sample) for sample in range(len(train)))
    targets = found.score_targets(train.targets[rows])
    assert targets.keys() <= {"labels", "targets"}
    assert len(targets) == (name not in ("caption", "extractive_qa"))
    assert all(len(values) == len(rows) for values in targets.values())
    assert all(values.ndim == 2 and values.dtype == np.float64 for key, values in targets.items() if key == "targets")
    found.check(train)
    fit, validation = found.hold_out(train, 0.25)
    assert sorted([*fit, *validation]) == list(range(len(train)))
    assert len(validation) == round(0.25 * len(train))
