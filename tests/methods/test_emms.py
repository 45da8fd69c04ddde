"""EMMS and its rivals on F-labels: against a generic solver, by brute force, and what must not change them."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import zscore

from orbweaver.methods import FeatureMatrix, ScoreError, ScoreInputs, of_encoders, score
from orbweaver.methods._emms import (
    SATURATED,
    _alternated,
    _problem,
    emms,
    emms_gcv,
    emms_published,
    emms_weights,
    simplex_minimum,
    sparsemax,
)
from orbweaver.methods._f_labels import embedded
from orbweaver.methods._logme import logme, logme_labels, logme_of_encoders
from orbweaver.methods._transrate import transrate, transrate_labels
from tests.methods import oracles as oracle

few = settings(max_examples=20, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def case(seed=0, n=60, d=7, e=9, k=3, noise=(0.3, 1.0, 2.0)):
    """Features, and k F-labels of each sample that are more or less linear in them."""
    r = np.random.default_rng(seed)
    x = r.normal(size=(n, d)) * np.geomspace(3, 0.3, d) + 2
    z = [x @ r.normal(size=(d, e)) * 0.4 + r.normal(size=(n, e)) * noise[i % 3] + i for i in range(k)]
    return x, z


def by_class(seed=0, n=60, d=7, c=6, widths=(9, 9)):
    r = np.random.default_rng(seed)
    labels = r.permutation(np.arange(n) % c)
    x = r.normal(size=(c, d))[labels] + r.normal(size=(n, d))
    return x, labels, [r.normal(size=(c, width)) for width in widths]


def leftover(x, y):
    """What numpy's least squares on the z-scored features leaves of y."""
    x = zscore(x)
    return y - x @ np.linalg.lstsq(x, y, rcond=None)[0]


def by_generic_solver(x, z):
    k = len(z)
    z, x = np.stack([zscore(label) for label in z], axis=2), zscore(x)

    def residual(t):
        return (leftover(x, z @ t) ** 2).sum() / z[:, :, 0].size

    found = minimize(residual, np.full(k, 1 / k), method="SLSQP", bounds=[(0, 1)] * k,
                     constraints={"type": "eq", "fun": lambda t: t.sum() - 1}, options={"ftol": 1e-12})  # fmt: skip
    return found.fun, found.x


@pytest.mark.parametrize("shape", [{}, {"d": 1}, {"e": 90}, {"n": 40, "d": 30}, {"k": 5}, {"k": 1}])
def test_exact_agrees_with_a_generic_solver(shape):
    x, z = case(**shape)
    value, t = by_generic_solver(x, z)
    assert -emms(x, label_embeddings=z) == pytest.approx(value, rel=1e-7)
    assert emms_weights(x, label_embeddings=z) == pytest.approx(t, abs=1e-3)


def test_exact_agrees_with_brute_force():
    x, z = case(seed=5)
    grid = [(i / 40, j / 40, 1 - (i + j) / 40) for i in range(41) for j in range(41 - i)]
    left = np.stack([leftover(x, zscore(label)) for label in z], axis=2)
    values = [((left @ t) ** 2).sum() / z[0].size for t in grid]
    best = -emms(x, label_embeddings=z)
    assert best <= min(values) + 1e-12
    assert best == pytest.approx(min(values), rel=3e-3)
    assert np.abs(emms_weights(x, label_embeddings=z) - grid[int(np.argmin(values))]).max() < 1 / 40


@few
@given(seed=SEEDS, k=st.integers(1, 6), rank=st.integers(1, 6))
def test_simplex_minimum_is_where_no_vertex_pulls(seed, k, rank):
    """t is optimal when every encoder's gradient is at least that along t (Karush, Kuhn and Tucker)."""
    b = np.random.default_rng(seed).normal(size=(rank, k)) * 10.0 ** np.random.default_rng(seed).uniform(-3, 3)
    a = b.T @ b
    t = simplex_minimum(a)
    assert t.min() >= 0
    assert t.sum() == pytest.approx(1)
    assert (a @ t).min() >= t @ a @ t - 1e-8 * np.trace(a)


def test_of_minimisers_that_tie_the_evenest_is_taken():
    assert simplex_minimum(np.zeros((3, 3))) == pytest.approx(np.full(3, 1 / 3))
    assert simplex_minimum(np.ones((3, 3))) == pytest.approx(np.full(3, 1 / 3), abs=1e-5)
    assert simplex_minimum(np.diag([1.0, 1, 0])) == pytest.approx([0, 0, 1], abs=1e-4)


@settings(max_examples=5, deadline=None)
@given(seed=SEEDS)
def test_what_is_free(seed):
    x, z = case(seed)
    r = np.random.default_rng(seed)
    value, error = emms(x, label_embeddings=z), emms_gcv(x, label_embeddings=z)
    turn = np.linalg.qr(r.normal(size=(x.shape[1],) * 2))[0]
    rows, order = r.permutation(len(x)), r.permutation(len(z))
    stretched = [label * r.uniform(0.1, 10, label.shape[1]) - 5 for label in z]
    for features, labels in [
        (x @ turn * 7 - 3, z),
        (x[rows], [label[rows] for label in z]),
        (x, [z[i] for i in order]),
        (x, stretched),
        (np.hstack([x, x[:, :3] @ r.normal(size=(3, 2)), np.ones((len(x), 1))]), z),  # no new directions
    ]:
        assert emms(features, label_embeddings=labels) == pytest.approx(value, rel=1e-6)
        if features.shape == x.shape:
            assert emms_gcv(features, label_embeddings=labels) == pytest.approx(error, rel=1e-6)
    assert emms(x @ r.normal(size=(7, 7)), label_embeddings=z) == pytest.approx(value, rel=1e-5)
    assert emms_weights(x, label_embeddings=[z[i] for i in order]) == pytest.approx(
        emms_weights(x, label_embeddings=z)[order], abs=1e-5
    )


@pytest.mark.parametrize(("d", "n"), [(7, 60), (80, 60), (80, 90)])
@pytest.mark.parametrize("method", [emms, emms_gcv, emms_published, emms_weights, logme_labels, transrate_labels])
def test_class_sums_are_the_expanded_labels(method, d, n):
    x, labels, rows = by_class(n=n, d=d, c=12, widths=(9, 14))
    gaps = np.array([0, 3, 4, 7, 8, 9, 10, 11, 12, 14, 15, 18])  # ids of classes without samples are passed over
    spread = [np.full((19, row.shape[1]), np.nan) for row in rows]
    for sparse, row in zip(spread, rows, strict=True):
        sparse[:] = 99.0
        sparse[gaps] = row
    if d > n and method in (emms, emms_published, emms_weights):
        for arrays in (
            {"label_embeddings": [row[labels] for row in rows]},
            {"labels": labels, "class_embeddings": rows},
        ):
            with pytest.raises(ScoreError, match="rank N - 1"):
                method(x, **arrays)
        return
    expanded = method(x, label_embeddings=[row[labels] for row in rows])
    assert method(x, labels, class_embeddings=rows) == pytest.approx(expanded, rel=1e-6)
    assert method(x, gaps[labels], class_embeddings=spread) == pytest.approx(expanded, rel=1e-6)


def test_encoders_of_different_width_are_padded_to_equal_variance():
    x, z = case()
    narrow = [z[0], z[1][:, :4]]
    padded = np.hstack([zscore(narrow[1]) * np.sqrt(9 / 4), np.zeros((60, 5))])
    one, other = leftover(x, zscore(narrow[0])), leftover(x, padded)
    fits = [((t * one + (1 - t) * other) ** 2).sum() / (60 * 9) for t in np.linspace(0, 1, 2001)]
    assert -emms(x, label_embeddings=narrow) == pytest.approx(min(fits), rel=1e-5)


def test_limits():
    x, z = case(n=200)
    r = np.random.default_rng(1)
    assert emms(x, label_embeddings=[x @ r.normal(size=(7, 9))]) == pytest.approx(0, abs=1e-12)
    assert emms(r.normal(size=(5000, 4)), label_embeddings=[r.normal(size=(5000, 6))]) == pytest.approx(-1, abs=0.01)
    assert emms_gcv(r.normal(size=(500, 4)), label_embeddings=[r.normal(size=(500, 6))]) == pytest.approx(-1, abs=0.03)
    assert emms(np.ones((200, 3)), label_embeddings=z[:1]) == pytest.approx(-1)
    assert np.isfinite(emms_gcv(np.ones((200, 3)), label_embeddings=z))
    alone = emms(x, label_embeddings=z[:1])
    assert emms(x, label_embeddings=[z[0]] * 3) == pytest.approx(alone, rel=1e-9)
    assert emms_weights(x, label_embeddings=[z[0]] * 3) == pytest.approx([1 / 3] * 3, abs=1e-4)
    assert emms(x, label_embeddings=z) >= alone
    constant = [np.hstack([z[0], np.full((200, 2), 7.1)])]
    assert emms(x, label_embeddings=constant) == pytest.approx(alone * 9 / 11)


def test_a_regression_is_its_own_label():
    x, z = case(k=1, e=1)
    fit = np.corrcoef(z[0][:, 0], np.hstack([x, np.ones((60, 1))]) @ np.linalg.lstsq(
        np.hstack([x, np.ones((60, 1))]), z[0][:, 0], rcond=None)[0])[0, 1] ** 2  # fmt: skip
    assert emms(x, targets=z[0]) == pytest.approx(fit - 1)
    assert logme_labels(x, targets=z[0]) == pytest.approx(logme(x, targets=zscore(z[0])))
    assert np.isfinite(transrate_labels(x, targets=z[0]))
    # F-labels come first where a task has both.
    assert emms(x, targets=z[0], label_embeddings=[z[0] ** 3]) != emms(x, targets=z[0])


def saturated(signal, seed=0):
    r = np.random.default_rng(seed)
    x = r.normal(size=(40, 100))
    return x, [x[:, :5] @ r.normal(size=(5, 9)) * signal + r.normal(size=(40, 9)) for _ in range(2)]


def test_saturated_features_have_no_score_but_are_ranked_by_gcv():
    scores = []
    for signal in (0, 1, 10):
        x, z = saturated(signal)
        for method in (emms, emms_published, emms_weights):
            with pytest.raises(ScoreError, match="rank N - 1"):
                method(x, label_embeddings=z)
        scores.append(emms_gcv(x, label_embeddings=z))
    assert scores == sorted(scores)
    assert scores[0] == pytest.approx(-1 / 2, abs=0.1)  # two unrelated labels half cancel
    assert scores[2] - scores[0] > 0.02
    table = score(["emms", "logme_labels"], ScoreInputs(features=x, label_embeddings=z))
    assert [row["reason"] for row in table] == [SATURATED, ""]
    assert np.isnan(table[0]["score"])
    assert np.isfinite(table[1]["score"])


@pytest.mark.parametrize(("d", "ranked"), [(37, True), (38, True), (39, False), (40, False)])
def test_features_of_rank_n_minus_1_fit_any_label(d, ranked):
    x, z = saturated(1)
    assert bool(np.isfinite(score(["emms"], ScoreInputs(features=x[:, :d], label_embeddings=z))[0]["score"])) == ranked


def test_no_ptm_changes_the_row_of_another():
    """Each PTM's rows come from its own inputs alone, whatever others are scored before, between and after."""
    wide, z = saturated(1)
    narrow = ScoreInputs(features=wide[:, :20], label_embeddings=z)
    methods = ["emms", "emms_gcv", "emms_published"]
    alone = score(methods, narrow)
    rows = score(methods, ScoreInputs(features=wide, label_embeddings=z))
    assert [row["score"] for row in score(methods, narrow)] == [row["score"] for row in alone]
    assert [row["reason"] for row in rows] == [SATURATED, "", SATURATED]
    assert alone[0]["score"] == emms(wide[:, :20], label_embeddings=z) != emms_gcv(wide[:, :20], label_embeddings=z)
    assert not any(row["reason"] for row in alone)


def test_generalised_cross_validation_by_its_formula():
    x, z = case(n=30, d=25, k=1)
    centred, y = x - x.mean(axis=0), zscore(z[0])
    s = np.linalg.eigvalsh(centred.T @ centred)
    errors = []
    for ridge in s.mean() * np.logspace(-6, 3, 91):
        hat = centred @ np.linalg.solve(centred.T @ centred + ridge * np.eye(25), centred.T) + 1 / 30
        errors.append(30 * ((y - hat @ y) ** 2).sum() / (9 * (30 - np.trace(hat)) ** 2))
    assert -emms_gcv(x, label_embeddings=z) == pytest.approx(min(errors), rel=1e-9)


def published(x, z, sweeps):
    """The alternating scheme as it is written, on whole matrices."""
    x, z = zscore(x), [zscore(label) for label in z]
    stacked = np.stack([label.ravel() for label in z], axis=1)
    t = np.full(len(z), 1 / len(z))
    for _ in range(sweeps):
        fit = x @ np.linalg.lstsq(x, (stacked @ t).reshape(z[0].shape), rcond=None)[0]
        t = sparsemax(np.linalg.lstsq(stacked, fit.ravel(), rcond=None)[0])
    return -((fit.ravel() - stacked @ t) ** 2).sum() / fit.size


@pytest.mark.parametrize("sweeps", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_alternating_is_the_published_scheme(seed, sweeps):
    x, z = case(seed)
    problem = _problem(*embedded(x, None, None, z, None))
    value = -_alternated(problem, sweeps)[-1] / problem.size
    assert value == pytest.approx(published(x, z, sweeps), rel=1e-9)
    assert value <= emms(x, label_embeddings=z) + 1e-12
    if sweeps == 1:
        assert emms_published(x, label_embeddings=z) == value


def test_alternating_falls_to_the_minimum_where_its_projection_is_exact():
    """With orthogonal labels of one length, least squares and projection are the exact step in t."""
    r = np.random.default_rng(2)
    x = r.normal(size=(64, 6))
    basis = np.linalg.qr(np.hstack([np.ones((64, 1)), r.normal(size=(64, 30))]))[0][:, 1:] * 8
    x = x + basis[:, :10] @ r.normal(size=(10, 6))
    z = [basis[:, 10 * k : 10 * k + 10] for k in range(3)]
    residuals = _alternated(_problem(*embedded(x, None, None, z, None)), 300)
    assert np.all(np.diff(residuals) <= 1e-9)
    assert residuals[0] > residuals[-1] * 1.001
    assert -residuals[-1] / (64 * 10) == pytest.approx(emms(x, label_embeddings=z), rel=1e-6)


def test_alternating_may_rise_elsewhere():
    """Why it is not the default: least squares and projection are no descent step for labels that correlate."""
    rises = 0
    for seed in range(20):
        x, z = case(seed, noise=(1.0, 1.0, 1.0))
        rises += bool(np.any(np.diff(_alternated(_problem(*embedded(x, None, None, z, None)), 20)) > 1e-9))
    assert rises


@few
@given(seed=SEEDS, k=st.integers(1, 6))
def test_sparsemax_is_the_nearest_point_of_the_simplex(seed, k):
    v = np.random.default_rng(seed).normal(size=k) * 2
    t = sparsemax(v)
    assert t.min() >= 0
    assert t.sum() == pytest.approx(1)
    for corner in np.eye(k):  # no way into the simplex leads nearer
        assert (v - t) @ (corner - t) <= 1e-9


def test_logme_on_f_labels_by_its_formula():
    x, labels, rows = by_class(n=40, d=5, widths=(4, 3))
    expected = [oracle.logme(x, zscore(row[labels])) for row in rows]
    assert logme_of_encoders(x, labels, rows) == pytest.approx(expected, abs=1e-6)
    assert logme_labels(x, labels, rows) == pytest.approx(np.mean(expected), abs=1e-6)


def test_transrate_on_f_labels():
    x, labels, rows = by_class(n=120)
    with pytest.raises(ScoreError, match="just give back the classes, so that this is transrate"):
        transrate_labels(x, labels, rows)
    with pytest.raises(ScoreError, match="this is transrate"):  # a row a sample says no more
        transrate_labels(x, labels, label_embeddings=[row[labels] for row in rows])
    assert transrate_labels(x, label_embeddings=[row[labels] for row in rows]) == pytest.approx(transrate(x, labels))
    rows[1][3] = rows[1][2]  # to this encoder two classes are one
    merged = (transrate(x, labels) + transrate(x, np.where(labels == 3, 2, labels))) / 2
    assert transrate_labels(x, labels, rows) == pytest.approx(merged)
    line = np.arange(120.0)[:, None]
    assert transrate_labels(x, targets=line) == pytest.approx(transrate(x, np.arange(120) // 12))
    order = np.random.default_rng(0).permutation(120)
    assert transrate_labels(x[order], targets=line[order]) == pytest.approx(transrate_labels(x, targets=line))


@pytest.mark.parametrize("method", [emms, emms_gcv, emms_published, logme_labels, transrate_labels])
def test_what_is_wrong_is_named(method):
    x, labels, rows = by_class()
    for arrays, message in [
        ({}, "the target has no F-labels"),
        ({"labels": labels}, "the target has no F-labels"),
        ({"label_embeddings": []}, "no text encoder"),
        ({"labels": labels * 0, "class_embeddings": rows}, "of one class"),
        ({"labels": labels, "class_embeddings": [rows[0], rows[1] * 0]}, "encoder 1 gives all targets the same"),
    ]:
        with pytest.raises(ScoreError, match=message):
            method(x, **arrays)
    sets = np.eye(len(rows[0]))[labels]
    for arrays, message in [
        ({"class_embeddings": rows}, "class_embeddings need labels"),
        ({"targets": sets[1:], "class_embeddings": rows}, "targets have 59 rows for 60 samples"),
        ({"targets": sets, "class_embeddings": [rows[0], rows[1][1:]]}, "have 5 rows for 6 columns of targets"),
        ({"labels": labels, "class_embeddings": [rows[0], rows[1][:-1]]}, "no row for label 5"),
        ({"label_embeddings": [x, x[:-1]]}, "encoder 1 have 59 rows for 60 samples"),
        ({"label_embeddings": [x + np.nan]}, "label_embeddings hold 420 values that are NaN"),
        ({"label_embeddings": x}, "must be a matrix"),
    ]:
        with pytest.raises(ValueError, match=message) as caught:
            method(x, **arrays)
        assert not isinstance(caught.value, ScoreError)


def test_inputs_stay_and_work_is_shared():
    x, labels, rows = by_class(c=12)
    methods = {m.__name__: m for m in (emms, emms_gcv, emms_published, logme_labels, transrate_labels)}
    before = [np.copy(a) for a in (x, labels, *rows)]
    for a in (x, labels, *rows):
        a.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        alone = [method(x, labels, rows) for method in methods.values()]
        matrix = FeatureMatrix.of(x)
        assert [method(matrix, labels, rows) for method in methods.values()] == alone
        inputs = ScoreInputs(features=x, labels=labels, class_embeddings=rows)
        assert [row["score"] for row in score(methods, inputs)] == alone
        of_encoders(methods, ["a", "b"], inputs)
    assert all(map(np.array_equal, (x, labels, *rows), before))
