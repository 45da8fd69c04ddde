from dataclasses import dataclass

import numpy as np
import pytest

from orbweaver.core.errors import UnknownName, UserError
from orbweaver.methods import (
    METHODS,
    OF_ENCODERS,
    TARGET_BLIND,
    FeatureMatrix,
    MethodError,
    ScoreError,
    ScoreInputs,
    _checked,
    _emms,
    _logme,
    _matrix,
    _ncti,
    _transrate,
    of_encoders,
    sampled,
    score,
)
from orbweaver.methods import inputs as inputs_module
from orbweaver.methods._checked import Probabilities, checked_labels, checked_matrix
from orbweaver.methods._matrix import row_blocks
from tests.methods.samples import call, sample


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
        Probabilities(np.array([[1.5, -0.5], [1, 0]]))
    with pytest.raises(ValueError, match="must sum to 1"):
        Probabilities(np.ones((2, 2)))


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
    drawn = sampled(1000, 100, 0, classes)
    assert np.all(np.abs(np.bincount(labels[drawn]) - [60, 30, 10]) <= 1)
    assert len(np.unique(drawn)) == 100
    assert np.array_equal(drawn, sampled(1000, 100, 0, labels))
    assert not np.array_equal(drawn, sampled(1000, 100, 1, classes))
    assert len(np.unique(sampled(1000, 100, 0))) == 100
    assert np.array_equal(sampled(50, 100, 0), np.arange(50))
    assert np.array_equal(sampled(1000, 1000, 0, classes), np.arange(1000))


def test_blocks_cover_all_rows(monkeypatch):
    monkeypatch.setattr("orbweaver.methods._matrix.BLOCK", 50)
    r = np.random.default_rng(0)
    for shape in ((40, 7), (12, 90)):
        x = r.normal(size=shape).astype(np.float32) + 3
        centre = r.normal(size=shape[1])
        whole = np.concatenate([b for _, b in row_blocks(x, centre)])
        assert np.array_equal(whole, x.astype(np.float64) - centre)
        rows = r.permutation(len(x))[:9]
        assert np.array_equal(np.concatenate([b for _, b in row_blocks(x, rows=rows)]), x[rows].astype(np.float64))
        z = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
        matrix = FeatureMatrix.of(x)
        m = matrix.moments
        assert np.allclose(m.gram, z.T @ z if matrix.tall else z @ z.T)
        assert np.allclose(m.lengths, (z**2).sum(axis=1))
        assert np.allclose(m.along_mean, z @ matrix.mean)
        for spectrum, plain in ((matrix.centred, z), (matrix.raw, x)):
            true = np.linalg.svd(plain.astype(np.float64), compute_uv=False)
            assert np.allclose(np.sqrt(spectrum.values), true[: len(spectrum.values)])
            points = spectrum.coordinates(5)
            assert np.allclose((points**2).sum(axis=0), spectrum.values[:5])
            left = np.concatenate([b for _, b in spectrum.left_blocks()])
            assert np.allclose(left.T @ left, np.eye(len(spectrum.values)))


def test_parts_of_a_matrix_are_computed_once_and_forgotten():
    calls = []

    def total(matrix, other):
        calls.append(other.value)
        return (matrix.array * other.value).sum()

    matrix, again = FeatureMatrix.of(np.eye(4)), FeatureMatrix.of(np.eye(4))
    assert FeatureMatrix.of(matrix) is matrix
    assert matrix.centred is matrix.centred
    classes = checked_labels(np.array([0, 0, 1, 1]), 4)
    assert matrix.class_sums(classes) is matrix.class_sums(classes)
    assert matrix.class_sums(classes) is not again.class_sums(classes)

    @dataclass(frozen=True, eq=False)
    class Factor:
        value: int

    one, two = Factor(1), Factor(2)
    assert [matrix.once(total, f) for f in (one, one, two, one)] == [4, 4, 8, 4]
    assert again.once(total, one) == 4
    assert calls == [1, 2, 1]
    # An object that nobody else holds must not lend its place to the next one.
    assert [matrix.once(total, Factor(i)) for i in range(3, 50)] == [4 * i for i in range(3, 50)]
    assert len(calls) == 3 + 47
    made = len(matrix._made)
    del one, two
    assert len(matrix._made) == made - 2


def test_a_failure_is_not_kept():
    calls = []

    def failing(matrix, other):
        calls.append(other)
        if len(calls) == 1:
            raise RuntimeError
        return 5

    matrix, classes = FeatureMatrix.of(np.eye(4)), checked_labels(np.array([0, 0, 1, 1]), 4)
    with pytest.raises(RuntimeError):
        matrix.once(failing, classes)
    assert [matrix.once(failing, classes) for _ in range(2)] == [5, 5]
    assert len(calls) == 2


def test_a_suite_does_what_its_methods_share_once(monkeypatch):
    counts = {}

    def count(place, name):
        plain = getattr(place, name)

        def counted(*arguments, **named):
            counts[name] = counts.get(name, 0) + 1
            return plain(*arguments, **named)

        monkeypatch.setattr(place, name, counted)

    count(_matrix.FeatureMatrix, "_spectrum")  # centred and raw
    count(_matrix, "_class_sums")
    count(_matrix, "checked_matrix")  # features and source features
    count(_checked, "checked_matrix")  # probabilities
    count(inputs_module, "checked_labels")
    count(inputs_module, "f_labels")
    count(_matrix, "_class_variances")
    count(_ncti, "_parts")
    count(_emms, "_problem")
    count(_logme, "_mean_evidence")  # of the labels, and of two encoders
    count(_transrate, "_parts")  # of two encoders, and with NCTI's once
    inputs = ScoreInputs(**sample())
    # PED has features of its own, and decomposes those; so have scores of what is inside.
    names = [
        name for name in METHODS if name not in ("ped_sfda", "ped_logme", "etran_regression") and "inner" not in name
    ]
    assert not any(row["reason"] for row in score(names, inputs))
    of_encoders(METHODS, ["a", "b"], inputs)
    assert counts == {
        "_spectrum": 2, "_class_sums": 1, "checked_matrix": 3, "checked_labels": 1, "f_labels": 1, "_problem": 1,
        "_mean_evidence": 3, "_parts": 3, "_class_variances": 1,
    }  # fmt: skip


def test_rows_say_why_there_is_no_score():
    data = sample()
    alone = {"features": data["features"]}
    reasons = {
        "leep": "the PTM has no source head",
        "otce": "the target has no classes",
        "source_accuracy": "the PTM's accuracy on its source is not known",
        "parameters": "the PTM's number of parameters is not known",
        "knn": "the target has neither classes nor values",
        "emms": "the target has no F-labels",
    }
    rows = score(reasons, ScoreInputs(**alone))
    assert {row["method"]: row["reason"] for row in rows} == reasons
    assert all(np.isnan(row["score"]) and row["seconds"] >= 0 for row in rows)
    row = score(["otce"], ScoreInputs(features=data["features"], labels=data["labels"]))[0]
    assert row["reason"] == "no images of the PTM's source here"
    with pytest.raises(UnknownName, match="did you mean 'logme'"):
        score(["logmee"], ScoreInputs(**alone))


@pytest.mark.parametrize(
    ("method", "change", "message"),
    [
        ("h_score", {"features": np.full((60, 12), np.nan)}, "720 values that are NaN"),
        ("emms", {"labels": np.arange(60) + 41}, "no row for label 100"),
        ("otce", {"source_features": np.ones((60, 3))}, "12 columns, source_features 3"),
        ("leep", {"probabilities": np.ones((60, 7))}, "must sum to 1"),
    ],
)
def test_what_a_method_raises_names_method_ptm_and_dataset(method, change, message):
    inputs = ScoreInputs(**sample() | change, ptm="resnet", dataset="digits")
    with pytest.raises(UserError, match=f"^{method} of 'resnet' on 'digits': ValueError: .*{message}"):
        score([method], inputs)


def test_a_method_that_breaks_is_named(monkeypatch):
    def broken(features, labels):
        raise np.linalg.LinAlgError("no convergence")

    monkeypatch.setitem(METHODS, "gbc", broken)
    with pytest.raises(MethodError, match=r"^gbc of 'resnet': LinAlgError: no convergence$"):
        score(["gbc"], ScoreInputs(**sample(), ptm="resnet"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.zeros(4, int)}, "differ in samples: features 5, labels 4"),
        ({"label_embeddings": [np.zeros((5, 2)), np.zeros((6, 2))]}, "label_embeddings 1 6"),
        ({"source_features": np.zeros((3, 2)), "source_labels": np.zeros(2, int)}, "source_features and source_labels"),
        ({"labels": np.zeros(5, int), "targets": np.zeros((5, 1))}, "either labels or targets"),
        ({"targets": np.zeros(5)}, r"not of shape \(5,\)"),
        ({"targets": np.zeros((5, 3)), "class_embeddings": [np.zeros((2, 4))]}, "each of the 3 columns"),
    ],
)
def test_inputs_that_do_not_fit(arrays, message):
    with pytest.raises(MethodError, match=f"^inputs of scores of 'digits': .*{message}"):
        ScoreInputs(features=np.zeros((5, 2)), dataset="digits", **arrays)


def test_some_samples_only():
    data = sample()
    inputs = ScoreInputs(**data, ptm="resnet")
    whole = score(["logme"], inputs)[0]["score"]
    rows = np.random.default_rng(0).permutation(60)[:40]
    some = {name: data[name][rows] for name in ("features", "labels", "probabilities")}
    names = ["logme", "leep", "otce", "emms", "parameters"]
    found = score(names, inputs.take(rows))
    assert [row["score"] for row in found] == [call(name, data | some) for name in names]
    assert found[0]["score"] != whole
    assert inputs.take(rows).ptm == "resnet"
    by_sample = [array[data["labels"]] for array in data["class_embeddings"]]
    of_samples = ScoreInputs(features=data["features"], label_embeddings=by_sample)
    assert score(["emms"], of_samples.take(rows))[0]["score"] == pytest.approx(call("emms", data | some))


def several_classes(n=60, c=5, seed=0):
    """A multilabel target: most samples have more than one class."""
    data = sample(seed=seed, n=n, c=c)
    targets = np.eye(c)[data["labels"]]
    targets[np.arange(n), np.random.default_rng(seed).integers(0, c, n)] = 1
    embeddings = [array[:c] for array in data["class_embeddings"]]
    return data | {"labels": None, "targets": targets, "class_embeddings": embeddings}


def test_every_method_on_a_multilabel_target():
    data = several_classes()
    rows = {row["method"]: row for row in score(METHODS, ScoreInputs(**data))}
    by_targets = ["probe", "probe_inner", "knn", "logme", "logme_inner", "parc"]
    on_f_labels = ["emms", "emms_gcv", "emms_published", "logme_labels", "transrate_labels"]
    defined = [*TARGET_BLIND, *by_targets, *on_f_labels, "etran_energy", "etran_regression"]
    assert [name for name in METHODS if np.isfinite(rows[name]["score"])] == [n for n in METHODS if n in defined]
    others = {rows[name]["reason"] for name in METHODS if name not in defined}
    assert others == {"the target has no single class per sample"}
    for name in by_targets:
        assert rows[name]["score"] == call(name, {key: data[key] for key in ("features", "inner", "targets")})
    means = [data["targets"] @ e / data["targets"].sum(axis=1, keepdims=True) for e in data["class_embeddings"]]
    for name in on_f_labels:
        expected = call(name, {"features": data["features"], "label_embeddings": means})
        assert rows[name]["score"] == pytest.approx(expected, rel=1e-6)
    table = of_encoders(METHODS, ["a", "b"], ScoreInputs(**data))
    assert table["encoder"].tolist() == ["a", "b"]
    assert {"encoder", "weight", *OF_ENCODERS} - {"emms"} == {*table}
    assert table["weight"].sum() == pytest.approx(1)
    assert table["logme_labels"].mean() == pytest.approx(rows["logme_labels"]["score"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda y: np.tile(y[:1], (60, 1)), "all samples have the same classes"),
        (lambda y: np.where(np.arange(60)[:, None] < 3, 0, y), "3 samples have no class"),
        (lambda y: y[:, :1], "samples have no class"),
        (lambda y: y.astype(bool), ""),
        (lambda y: np.hstack([y, np.zeros((60, 1))]), ""),  # a class that no sample has
    ],
)
def test_multilabel_targets_at_their_limits(change, reason):
    data = several_classes()
    targets = change(data["targets"])
    names = np.random.default_rng(0).normal(size=(6, 4))[: targets.shape[1]]
    inputs = ScoreInputs(**data | {"targets": targets, "class_embeddings": [names]})
    rows = {row["method"]: row for row in score(METHODS, inputs)}
    assert reason in rows["emms"]["reason"]
    assert np.isfinite(rows["emms"]["score"]) == (not reason)
    if "same classes" not in reason:
        assert np.isfinite(rows["logme"]["score"])


def test_a_column_that_no_class_changes_does_not_count():
    data = several_classes()
    constant = [np.hstack([e, np.full((5, 1), 0.3, np.float32)]) for e in data["class_embeddings"][:1]]
    wider = call("emms", data | {"class_embeddings": constant})
    alone = call("emms", data | {"class_embeddings": data["class_embeddings"][:1]})
    assert wider == pytest.approx(alone * 9 / 10)


def test_what_is_said_of_encoders():
    data = sample()
    table = of_encoders(["logme", "emms"], ["a", "b"], ScoreInputs(**data))
    assert table["weight"].tolist() == OF_ENCODERS["emms"](
        data["features"], data["labels"], data["class_embeddings"]
    ).tolist()  # fmt: skip
    wide = ScoreInputs(**sample(n=30, d=80))
    table = of_encoders(["emms", "logme_labels"], ["a", "b"], wide)
    assert table["weight"].isna().all()
    assert table["logme_labels"].notna().all()
    number = ScoreInputs(features=data["features"], targets=data["features"][:, :1])
    assert of_encoders(["emms"], ["a", "b"], number).empty
