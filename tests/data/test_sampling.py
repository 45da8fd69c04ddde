"""Samples keep the shares of what they are drawn from, and are the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbweaver.core.errors import FileError
from orbweaver.data.sampling import balanced_labels, of_each_class, stratified_split, systematic, train_part


def random(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_stratified_split_keeps_shares() -> None:
    labels = np.repeat([0, 1], [80, 20])
    train, test = stratified_split(labels, 50, 50, 0, "x")
    assert labels[train].sum() == labels[test].sum() == 10
    assert not set(train) & set(test)
    with pytest.raises(FileError, match=r"dataset 'x' has 100 images; 60 train \+ 41 test were asked for"):
        stratified_split(labels, 60, 41, 0, "x")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.data())
def test_a_systematic_sample_gives_each_class_its_share(labels: list[int], data: st.DataObject) -> None:
    targets, count = np.array(labels), data.draw(st.integers(1, len(labels)))
    rows = systematic(targets, count, random(3))
    assert rows.tolist() == sorted({*rows.tolist()}) and len(rows) == count
    shares = np.bincount(targets, minlength=5) * count / len(targets)
    assert (np.abs(np.bincount(targets[rows], minlength=5) - shares) < 1 + 1e-9).all()
    assert systematic(targets, count, random(3)).tolist() == rows.tolist()


def test_a_systematic_sample_spans_values_and_takes_equal_sets_of_labels_for_a_class() -> None:
    values = random().normal(size=500)
    chosen = values[systematic(values, 50, random())]
    assert len(chosen) == 50 and abs(np.median(chosen) - np.median(values)) < 0.1
    assert chosen.min() <= np.sort(values)[10] and chosen.max() >= np.sort(values)[-10]
    several = np.array([[True, False], [True, True], [False, False]]).repeat([60, 30, 10], axis=0)
    rows = systematic(several, 10, random())
    assert several[rows].sum(axis=0).tolist() == [9, 3]


def test_a_systematic_sample_of_what_has_no_target_is_any() -> None:
    samples = [systematic(np.zeros((100, 0)), 20, random(seed)) for seed in range(2)]
    assert all(len({*rows.tolist()}) == 20 for rows in samples)
    assert samples[0].tolist() != samples[1].tolist()
    assert systematic(np.zeros((5, 0)), 5, random()).tolist() == [0, 1, 2, 3, 4]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(1, 9))
def test_so_many_of_each_class_grow_with_the_budget(labels: list[int], budget: int) -> None:
    targets = np.array(labels)
    rows = of_each_class(targets, budget, random(3))
    counts = np.bincount(targets, minlength=5)
    assert np.bincount(targets[rows], minlength=5).tolist() == np.minimum(counts, budget).tolist()
    assert {*rows} <= {*of_each_class(targets, budget + 1, random(3))}
    assert rows.tolist() == sorted(rows.tolist())


def test_so_many_of_each_label_and_of_none_at_all() -> None:
    several = random().random((300, 4)) < [0.9, 0.5, 0.1, 0.02]
    chosen = several[of_each_class(several, 20, random())]
    assert (chosen.sum(axis=0) >= np.minimum(several.sum(axis=0), 20)).all() and len(chosen) < 300
    none = ~several.any(axis=1)
    assert (~chosen.any(axis=1)).sum() >= min(20, none.sum())


def test_the_train_part_is_a_share_of_all_and_of_each_class_or_so_many() -> None:
    labels = np.repeat([0, 1, 2], [50, 30, 3])
    train = train_part(labels, random(), share=0.8, per_class=None)
    assert train.sum() == round(0.8 * 83) and np.bincount(labels[train]).tolist()[:2] == [40, 24]
    assert np.bincount(labels[train_part(labels, random(), share=None, per_class=10)]).tolist() == [10, 10, 3]


def test_balanced_labels_differ_by_one_at_most() -> None:
    assert np.bincount(balanced_labels(11, 4)).tolist() == [3, 3, 3, 2]
