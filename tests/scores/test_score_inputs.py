import numpy as np
import pytest

from stages.scores import ScoreError, shared_work
from stages.scores.algebra import centred_spectrum, moments, raw_spectrum, row_blocks
from stages.scores.inputs import (
    checked_labels,
    checked_matrix,
    checked_probabilities,
    plain_sample,
    stratified_sample,
)
from stages.scores.shared import remembered


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(5), "features must be a matrix of two samples or more"),
        (np.zeros((1, 5)), "of two samples or more"),
        (np.zeros((5, 0)), "of two samples or more"),
        (np.zeros((5, 2), complex), "real numbers, not complex"),
        (np.array([["a"], ["b"]]), "real numbers"),
        (np.array([[np.nan], [1.0]]), "1 values that are NaN or infinite, of 2"),
        (np.array([[np.inf], [-np.inf]]), "2 values that are NaN or infinite, of 2"),
    ],
)
def test_unsound_matrices(array, message):
    with pytest.raises(ValueError, match=message):
        checked_matrix(array)


def test_large_values_are_not_infinite():
    huge = np.full((3, 2), 1.5e308)
    assert checked_matrix(huge) is huge
    half = np.full((500, 4), 6e4, dtype=np.float16)
    assert checked_matrix(half) is half


def test_probabilities():
    with pytest.raises(ValueError, match="probabilities must not be negative"):
        checked_probabilities(np.array([[1.5, -0.5], [1, 0]]))
    with pytest.raises(ValueError, match="must sum to 1"):
        checked_probabilities(np.ones((2, 2)))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([0, 1]), r"must have shape \(3,\)"),
        (np.array([[0], [1], [1]]), r"must have shape \(3,\)"),
        (np.array([0.0, 1.0, 1.0]), "must be integers"),
        (np.array([0, -1, 1]), "must count from 0"),
    ],
)
def test_unsound_labels(labels, message):
    with pytest.raises(ValueError, match=message) as caught:
        checked_labels(labels, 3)
    assert not isinstance(caught.value, ScoreError)


def test_classes_close_gaps():
    classes = checked_labels(np.array([7, 2, 7, 9, 2, 7], dtype=np.uint8), 6)
    assert classes.codes.tolist() == [1, 0, 1, 2, 0, 1]
    assert classes.counts.tolist() == [2, 3, 1]
    assert [m.tolist() for m in classes.members()] == [[1, 4], [0, 2, 5], [3]]
    rows = np.arange(12.0).reshape(6, 2)
    assert classes.sums(rows).tolist() == [[10, 12], [14, 17], [6, 7]]
    assert np.array_equal(classes.sums(rows[:2], slice(0, 2)) + classes.sums(rows[2:], slice(2, 6)), classes.sums(rows))


def test_samples_are_seeded_and_stratified():
    labels = np.repeat([0, 1, 2], [600, 300, 100])
    classes = checked_labels(labels, 1000)
    drawn = stratified_sample(classes, 100, 0)
    assert np.all(np.abs(np.bincount(labels[drawn]) - [60, 30, 10]) <= 1)
    assert len(np.unique(drawn)) == 100
    assert np.array_equal(drawn, stratified_sample(classes, 100, 0))
    assert not np.array_equal(drawn, stratified_sample(classes, 100, 1))
    assert len(np.unique(plain_sample(1000, 100, 0))) == 100
    assert np.array_equal(plain_sample(50, 100, 0), np.arange(50))
    assert np.array_equal(stratified_sample(classes, 1000, 0), np.arange(1000))


def test_blocks_cover_all_rows(monkeypatch):
    monkeypatch.setattr("stages.scores.algebra.BLOCK", 50)
    r = np.random.default_rng(0)
    for shape in ((40, 7), (12, 90)):
        x = r.normal(size=shape).astype(np.float32) + 3
        centre = r.normal(size=shape[1])
        whole = np.concatenate([b for _, b in row_blocks(x, centre)])
        assert np.array_equal(whole, x.astype(np.float64) - centre)
        rows = r.permutation(len(x))[:9]
        assert np.array_equal(np.concatenate([b for _, b in row_blocks(x, rows=rows)]), x[rows].astype(np.float64))
        z = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
        m = moments(x)
        assert np.allclose(m.gram, z.T @ z if m.tall else z @ z.T)
        assert np.allclose(m.lengths, (z**2).sum(axis=1))
        assert np.allclose(m.along_mean, z @ m.mean)
        for spectrum, plain in ((centred_spectrum(x), z), (raw_spectrum(x), x)):
            true = np.linalg.svd(plain.astype(np.float64), compute_uv=False)
            assert np.allclose(np.sqrt(spectrum.values), true[: len(spectrum.values)])
            points = spectrum.coordinates(x, 5)
            assert np.allclose((points**2).sum(axis=0), spectrum.values[:5])
            left = np.concatenate([b for _, b in spectrum.left_blocks(x)])
            assert np.allclose(left.T @ left, np.eye(len(spectrum.values)))


def test_shared_work_computes_once_and_forgets():
    calls = []

    @remembered
    def total(array, power):
        calls.append(power)
        return (array**power).sum()

    a, b = np.arange(4), np.arange(4)
    total(a, 1)
    total(a, 1)
    assert calls == [1, 1]
    with shared_work():
        assert [total(a, 1), total(a, 1), total(a, 2), total(b, 1)] == [6, 6, 14, 6]
        with shared_work():
            total(a, 1)
        total(a, 1)
        # An array that nobody else holds must not lend its id to the next one.
        assert [total(np.full(3, i), 1) for i in range(50)] == [3 * i for i in range(50)]
    assert calls[2:5] == [1, 2, 1]
    assert len(calls) == 55
    total(a, 1)
    assert len(calls) == 56


def test_shared_work_forgets_after_an_error():
    a = np.arange(4)
    calls = []

    @remembered
    def once(array):
        calls.append(array)

    with pytest.raises(RuntimeError), shared_work():
        once(a)
        raise RuntimeError
    once(a)
    assert len(calls) == 2
