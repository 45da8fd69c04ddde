"""The newer scores: against their formulas, a published figure, limits, and the joins over the zoo."""

import inspect

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr, weightedtau

from orbweaver.methods import METHODS as M
from orbweaver.methods import ScoreError, ScoreInputs, aggregated, borda, joined, score
from orbweaver.methods._matrix import FeatureMatrix, labelled
from orbweaver.methods._parc import _with_two_values
from orbweaver.methods._ped import declined, repelled
from orbweaver.methods.tables import FORMS, JOINED
from tests.methods import oracles
from tests.methods import oracles_newer as oracle
from tests.methods.samples import call, sample

SHAPES = {
    "tall": {"n": 60, "d": 12}, "wide": {"n": 40, "d": 70}, "tall and large": {"n": 150, "d": 80},
    "two classes": {"n": 30, "d": 5, "c": 2}, "more classes than samples a class": {"n": 60, "d": 9, "c": 15},
}  # fmt: skip
LABELS = np.arange(80) % 4


@pytest.fixture(name="data", params=SHAPES)
def _data(request):
    data = sample(seed=3, **SHAPES[request.param])
    r = np.random.default_rng(1)
    chance = r.random(len(data["labels"]))
    return data | {"labels": np.where(chance < 0.2, 0, data["labels"])}  # classes of unequal sizes


@pytest.mark.parametrize(
    "name",
    [
        "etran_lda", "etran_energy", "tmi", "gbc_spherical", "gbc_spherical_full", "transrate_selection",
        "transrate_rows", "knn_parc", "naive_bayes", "fisher", "silhouette",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scale", [1, 0.05])
def test_agrees_with_its_formula(name, scale, data):
    data = data | {"features": data["features"] * scale}
    plain = getattr(oracle, name)
    expected = plain(**{k: data[k] for k in inspect.signature(plain).parameters if k in data})
    assert call(name, data) == pytest.approx(expected, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("scale", [1, 0.1, 0.02])
def test_ncti(scale, data):
    """At the first scale no shrinkage, at the others some."""
    x = data["features"] * scale
    expected = oracle.ncti(x, data["labels"])
    found = [M[name](x, data["labels"]) for name in JOINED["ncti"]]
    assert found == pytest.approx(expected, rel=1e-7)


def test_ncti_switches_to_no_shrinkage_where_variances_add_up_to_23():
    """The published rule: exp(-sum of variances) = 1e-10."""
    data = sample()
    total = np.linalg.svd(data["features"] - data["features"].mean(axis=0), compute_uv=False)[:32] ** 2
    edge = np.sqrt(-np.log(1e-10) / (total.sum() / 59))
    below, above = (M["ncti_seli"](data["features"] * edge * f, data["labels"]) for f in (0.999, 1.001))
    assert above < below * 0.999  # W is divided by N - C on one side, by N on the other: sqrt(60/56) in all


def test_ped(data):
    moved, _ = declined(data["features"], data["labels"], data["source_features"])
    x = oracle.ped(data["features"], data["labels"], data["source_features"])
    np.testing.assert_allclose(moved.array, x, rtol=1e-10, atol=1e-12)
    assert np.abs(x - data["features"]).max() > 1e-4
    assert call("ped_sfda", data) == pytest.approx(oracles.sfda(x, data["labels"]), rel=1e-7)
    assert call("ped_logme", data) == pytest.approx(M["logme"](x, data["labels"]), rel=1e-9)


def test_ped_limits():
    far = np.eye(4) * 100
    np.testing.assert_array_equal(repelled(far, np.ones(4)), far)  # no overlap, no move
    same = np.ones((3, 2))
    np.testing.assert_array_equal(repelled(same, np.ones(3)), same)
    near = np.array([[0.0, 0], [1, 0]])
    # a gap of 5 closes by 0.5 % of it on either side, so twice, and goes on while a move is half the first or more
    gap, expected = 5.0, near.copy()
    for _ in range(6):
        expected += np.array([[-1, 0], [1, 0]]) * 0.005 * gap
        gap -= 0.01 * gap
    np.testing.assert_allclose(repelled(near, np.full(2, 5.0)), expected)
    data = sample()
    with pytest.raises(ValueError, match="features have 12 columns, source_features 11"):
        M["ped_sfda"](data["features"], data["labels"], data["source_features"][:, 1:])


def test_etran_regression():
    r = np.random.default_rng(0)
    x, y = r.normal(size=(50, 8)) + 1, r.normal(size=(50, 3)) * 5
    assert M["etran_regression"](x, y) == pytest.approx(oracle.etran_regression(x, y), rel=1e-10)
    assert M["etran_regression"](x, x @ r.normal(size=(8, 2))) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ScoreError, match="features of rank N fit any targets"):
        M["etran_regression"](r.normal(size=(20, 30)), y[:20])
    (row,) = score(["etran_regression"], ScoreInputs(features=x, labels=np.arange(50) % 3))
    assert np.isnan(row["score"]) and row["reason"] == "the target has no values, but classes"


def test_etran_of_small_features_is_chance():
    data = sample(n=400, c=7, d=20, signal=3)
    assert M["etran_lda"](data["features"], data["labels"]) > 0.95
    assert M["etran_lda"](data["features"] * 1e-4, data["labels"]) == pytest.approx(1 / 7, abs=1e-3)
    assert M["etran_energy"](np.zeros((40, 16))) == pytest.approx(np.log(16))


def test_etran_energy_takes_the_lowest_5_of_1000():
    x = np.repeat(np.arange(1000.0)[:, None], 4, axis=1)
    assert M["etran_energy"](x) == pytest.approx(np.log(4) + 2)  # of 0, 1, 2, 3, 4
    assert M["etran_energy"](x[:399]) == pytest.approx(np.log(4))


def test_ncti_limits():
    x = np.eye(10)[LABELS] * 100 + np.random.default_rng(0).normal(size=(80, 10))
    assert M["ncti_ncc"](x, LABELS) == pytest.approx(1)
    assert M["ncti_vc"](x, LABELS) == pytest.approx(-np.log(4 * np.sqrt(20)))  # rows all alike: rank one
    with pytest.raises(ScoreError, match="one point"):
        M["ncti_seli"](np.eye(10)[LABELS], LABELS)


def test_tmi_limits():
    """Below the floor only the width counts; above, a feature stretched by a adds log a."""
    r = np.random.default_rng(0)
    x = r.normal(size=(80, 6)) * 1e-3
    constants = oracle.digamma(20) - oracle.digamma(3)
    assert M["tmi"](x, LABELS) == pytest.approx(constants + 6 * np.log(2))
    wide = r.normal(size=(80, 6)) * 1e4
    assert M["tmi"](wide * 3, LABELS) - M["tmi"](wide, LABELS) == pytest.approx(6 * np.log(3))


def test_tmi_finds_the_entropy_of_a_uniform_cube():
    x = np.random.default_rng(0).uniform(0, 500, size=(4000, 2))
    assert M["tmi"](x, np.arange(4000) % 2) == pytest.approx(2 * np.log(500), abs=0.1)


def test_spherical_gbc_limits():
    twins = np.repeat(np.random.default_rng(0).normal(size=(20, 10)), 4, axis=0)
    for name in ("gbc_spherical", "gbc_spherical_full"):
        assert M[name](twins, LABELS) == pytest.approx(-12)
        assert M[name](np.eye(10)[LABELS] * 1000, LABELS) == pytest.approx(0, abs=1e-12)
    data = sample()
    assert M["gbc_spherical_full"](data["features"], data["labels"]) > M["gbc_spherical"](
        data["features"], data["labels"]
    )


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_spherical_gbc_tells_far_classes_apart(scale):
    """Three classes, a sample on either side of each middle; at scale 1 the overlaps are 2e-16, 5e-19 and 1e-68."""
    middles = np.array([0.0, 12, 25]) * scale
    features = np.array([[middle + side, 0] for middle in middles for side in (-1, 1)])
    variance = (1 + 1e-4) / 2  # that of the second feature is the floor
    expected = -2 * np.exp(-((np.array([12, 13, 25]) * scale) ** 2) / 8 / variance).sum()
    for name in ("gbc_spherical", "gbc_spherical_full"):
        assert M[name](features, np.repeat(range(3), 2)) == pytest.approx(expected, rel=1e-9, abs=0)


def test_transrate_forms_without_classes_to_tell():
    twins = np.repeat(np.random.default_rng(0).normal(size=(20, 10)), 4, axis=0)
    assert M["transrate_rows"](twins, LABELS) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ScoreError, match="same mean"):
        M["transrate_selection"](twins, LABELS)
    with pytest.raises(ScoreError, match="same for all"):
        M["transrate_selection"](np.ones((80, 3)), LABELS)


def test_one_neighbour_is_never_the_sample_itself():
    x = np.repeat(np.random.default_rng(0).normal(size=(40, 3)), 2, axis=0)
    assert M["knn_parc"](x, np.arange(80) // 2) == 100
    assert M["knn_parc"](x, np.arange(80) % 2) < 100


def test_plain_baselines():
    x = np.eye(10)[LABELS] * 50 + np.random.default_rng(0).normal(size=(80, 10))
    assert M["naive_bayes"](x, LABELS) == M["kmeans_nmi"](x, LABELS) == 1
    assert M["silhouette"](x, LABELS) > 0.9
    noise = np.random.default_rng(0).normal(size=(800, 8))
    assert M["kmeans_nmi"](noise, np.arange(800) % 4) < 0.05
    assert M["naive_bayes"](noise, np.arange(800) % 4) == pytest.approx(0.25, abs=0.08)
    # two far clusters of 40, of which 10 samples each bear the other's label
    labels = (np.arange(80) // 40 + (np.arange(80) % 4 == 0)) % 2
    halves = (np.arange(80.0) // 40 * 9)[:, None]
    shared = np.log(2) + 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
    assert M["kmeans_nmi"](halves, labels) == pytest.approx(shared / np.log(2))
    for name in ("naive_bayes", "kmeans_nmi"):
        with pytest.raises(ScoreError, match="same for all"):
            M[name](np.ones((80, 3)), LABELS)


def test_ncti_and_etran_join_over_the_zoo():
    parts = {"a": np.array([1.0, 3, 2, np.nan]), "b": np.array([5.0, 5, 5, 9])}
    np.testing.assert_allclose(joined(parts, {"a": 2.0, "b": 1.0}), [0, 2, 1, np.nan])
    np.testing.assert_array_equal(joined({"a": np.full(3, np.nan)}, {"a": 1.0}), np.full(3, np.nan))
    table = pd.DataFrame(
        [
            {"ptm": f"p{i}", "method": method, "score": value, "reason": ""}
            for method in JOINED["ncti"]
            for i, value in enumerate([0.0, 1, 4] if method == "ncti_vc" else [2.0, 3, 1])
        ]
    )
    found = aggregated(table).set_index(["method", "ptm"])["score"]
    np.testing.assert_allclose(found["ncti"], [0.5 + 0.5, 1 + 1 + 0.25, 1])
    assert "etran" not in found and "borda_all" not in found  # a join is one vote, and one is not enough
    table.loc[0, "score"] = np.nan
    gone = aggregated(table)
    assert gone["score"].isna().tolist() == [True, False, False]
    assert gone["reason"].tolist() == ["a part has no score", "", ""]


def test_a_join_has_one_vote_and_forms_have_none():
    r = np.random.default_rng(0)
    methods = ("logme", "knn", *JOINED["etran"], *FORMS)
    scores = {method: r.normal(size=6) for method in methods}
    table = pd.DataFrame(
        [{"ptm": i, "method": m, "score": scores[m][i], "reason": ""} for m in methods for i in range(6)]
    )
    found = aggregated(table).set_index(["method", "ptm"])["score"]
    votes = {name: scores[name] for name in ("logme", "knn")} | {"etran": found["etran"].to_numpy()}
    np.testing.assert_array_equal(found["borda_all"], borda(votes))


def test_etran_join_gives_its_published_figure():
    """ETran's notebook, CIFAR-100, 11 PTMs: 0.900 joined, 0.869 and 0.572 its parts alone (scipy's weightedtau)."""
    lda = [56.4710, 56.9900, 57.4049, 60.1718, 62.8693, 64.8515, 62.1942, 60.3697, 64.9293, 65.4657, 53.8804]
    energy = [
        7.904757, 7.450751, 7.297618, 7.891054, 8.134985, 8.102324, 7.342873, 7.970491, 7.963035, 8.039751, 7.189405
    ]  # fmt: skip
    accuracy = [81.49, 78.11, 72.04, 82.75, 84.26, 84.88, 81.94, 82.80, 84.88, 85.66, 79.84]
    parts = {"etran_lda": np.array(lda) / 100, "etran_energy": np.array(energy)}
    found = [weightedtau(v, accuracy).statistic for v in (joined(parts, JOINED["etran"]), *parts.values())]
    assert found == pytest.approx([0.900, 0.869, 0.572], abs=5e-4)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.lists(st.floats(-10, 10), min_size=4, max_size=4), min_size=2, max_size=2),
    st.permutations(range(4)),
    st.floats(0.1, 10),
)
def test_a_join_does_not_know_units_or_order(rows, order, factor):
    parts = dict(zip("ab", (np.round(np.array(row), 3) for row in rows), strict=True))
    value = joined(parts, {"a": 1.0, "b": 0.5})
    assert ((value >= 0) & (value <= 1.5 + 1e-12)).all()
    np.testing.assert_allclose(joined({k: v[order] for k, v in parts.items()}, {"a": 1.0, "b": 0.5}), value[order])
    np.testing.assert_allclose(
        joined({k: v * factor + 1 for k, v in parts.items()}, {"a": 1.0, "b": 0.5}), value, atol=1e-9
    )


def test_data_free_rows_take_their_sign():
    spectra = {"alpha": 3.0, "weighted_alpha": 2.0, "stable_rank": 9.0, "spectral_norm": 0.5,
               "frobenius_norm": 2.5, "mp_soft_rank": 0.25}  # fmt: skip
    assert {name: M[name](spectra) for name in spectra} == {name: -value for name, value in spectra.items()}
    assert M["gmacs"](4.1) == 4.1 and M["feature_width"](512) == 512.0
    rows = score(["alpha", "gmacs", "feature_width"], ScoreInputs(features=np.eye(3)))
    assert [row["reason"] for row in rows] == [
        "the spectra of the PTM's weights are not known",
        "what one input costs the PTM is not known",
        "the PTM's number of features is not known",
    ]


@pytest.mark.parametrize("shape", [{"n": 60, "d": 12}, {"n": 40, "d": 70}])
def test_classes_that_move_keep_their_scatter(shape):
    """Moments without a second look at all pairs of features are those of the features themselves."""
    data = sample(seed=4, **shape)
    matrix, classes = labelled(data["features"].astype(np.float32), data["labels"])
    moves = 3 * np.random.default_rng(0).normal(size=(len(classes), shape["d"])) + 1
    moved, plain = matrix.moved(classes, moves), FeatureMatrix(matrix.array + moves[classes.codes])
    np.testing.assert_allclose(moved.array, plain.array, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(moved.mean, plain.mean, rtol=1e-12, atol=1e-12)
    for part in ("gram", "lengths", "along_mean"):
        found, expected = (getattr(each.moments, part) for each in (moved, plain))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("levels", [2, 6, 10**6])
def test_a_rank_correlation_with_two_values_needs_the_ranks_of_one(levels):
    r = np.random.default_rng(levels)
    values, true = r.integers(0, levels, 400).astype(float), r.random(400) < 0.2
    product, squares = _with_two_values(values, true)
    assert product / np.sqrt(squares) == pytest.approx(spearmanr(values, true).statistic, rel=1e-12)
    assert _with_two_values(np.ones(400), true)[1] == 0
