"""Fast code against the formula written out."""

import inspect

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.special import logsumexp

from orbweaver.methods import METHODS, held_out_accuracy
from orbweaver.methods._pactran import _class_round
from tests.methods import oracles as oracle
from tests.methods.samples import call, sample

SHAPES = {"tall": {"n": 60, "d": 12}, "wide": {"n": 40, "d": 70}, "tall and large": {"n": 150, "d": 80}}


@pytest.fixture(name="data", params=SHAPES)
def _data(request):
    return sample(seed=3, **SHAPES[request.param])


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("h_score", 1e-9), ("h_score_shrunk", 1e-9), ("nce", 1e-12), ("leep", 1e-12), ("lfc", 1e-10), ("gbc", 1e-9),
        ("transrate", 1e-9), ("sfda", 1e-7), ("pactran_dirichlet", 1e-9), ("pactran_gamma", 1e-9),
        ("pactran_gauss", 1e-3), ("otce", 1e-12), ("nleep", 1e-8),
    ],
)  # fmt: skip
def test_agrees_with_its_formula(name, tolerance, data):
    plain = getattr(oracle, name)
    expected = plain(**{k: data[k] for k in inspect.signature(plain).parameters if k in data})
    assert call(name, data) == pytest.approx(expected, rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("scale", [100, 1000])
def test_pactran_gauss_of_large_features(scale, data):
    """They leave next to nothing of the loss, and the trace goes by what is left."""
    x, y = data["features"], data["labels"]
    assert call("pactran_gauss", data | {"features": x * scale}) == pytest.approx(
        oracle.pactran_gauss(x, y, scale), abs=2e-2
    )


def test_large_classes_take_the_other_side_of_transrate():
    data = sample(n=90, d=6, c=2)
    expected = oracle.transrate(data["features"], data["labels"])
    assert METHODS["transrate"](data["features"], data["labels"]) == pytest.approx(expected, rel=1e-9)


def test_logme(data):
    x, y = data["features"], data["labels"]
    assert METHODS["logme"](x, y) == pytest.approx(oracle.logme(x, oracle.one_hot(y)), abs=1e-6)
    targets = np.stack([x[:, 0] * 2 + np.sin(x[:, 1]), np.cos(np.arange(len(x)))], axis=1)
    assert METHODS["logme"](x, targets=targets) == pytest.approx(oracle.logme(x, targets), abs=1e-6)


def test_logme_where_published_code_fails():
    """Random labels with D far above N: 42.4 with the null space left out, 0.17 with it."""
    r = np.random.default_rng(0)
    x, y = r.normal(size=(100, 1024)), r.integers(0, 10, 100)
    assert -0.5 < METHODS["logme"](x, y) < 0.5


def test_parc(data):
    x, y = data["features"], data["labels"]
    assert METHODS["parc"](x, y) == pytest.approx(oracle.parc(x, oracle.one_hot(y)), abs=1e-7)
    several = oracle.one_hot(y)
    several[::3, 0] = 1
    assert METHODS["parc"](x, targets=several) == pytest.approx(oracle.parc(x, several), abs=1e-7)
    values = x[:, :1] ** 2
    assert METHODS["parc"](x, targets=values) == pytest.approx(oracle.parc(x, values, pearson=False), abs=1e-6)


def test_probe_leaves_one_out(data):
    x, y = data["features"], data["labels"]
    predictions = oracle.probe_predictions(x, oracle.one_hot(y))
    assert METHODS["probe"](x, y) == pytest.approx((predictions.argmax(axis=1) == y).mean(), abs=1e-12)
    values = np.stack([x[:, 0] - x[:, 1] ** 2, np.cos(np.arange(len(x)))], axis=1)
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    lost = ((values - oracle.probe_predictions(x, values)) ** 2).mean(axis=0)
    assert METHODS["probe"](x, targets=values) == pytest.approx(1 - lost.mean(), abs=1e-7)


def test_accuracy_on_other_samples_is_that_of_the_ridge_classifier(data):
    """At one of the ridges that the probe chooses from."""
    x, y = data["features"], data["labels"]
    fitted, others = np.arange(len(y)) % 3 > 0, np.arange(len(y)) % 3 == 0
    found = held_out_accuracy(x[fitted], y[fitted], x[others], y[others])
    columns = oracle.one_hot(y[fitted])
    s = np.linalg.svd(x[fitted] - x[fitted].mean(axis=0), compute_uv=False) ** 2
    ridges = s[s > s[0] * 1e-12].mean() * np.logspace(-6, 3, 91)
    fits = [oracle.ridge_fit(x[fitted], columns, r)(x[others]).argmax(axis=1) for r in ridges]
    assert found in {float((fit == y[others]).mean()) for fit in fits} and found > 0.5
    constant = held_out_accuracy(np.ones((9, 2)), np.arange(9) // 6, np.ones((4, 2)), np.array([0, 0, 0, 1]))
    assert constant == 0.75  # the most frequent class


def test_knn(data):
    x, y = data["features"], data["labels"]
    hits = 0
    for true, near in zip(y, oracle.knn_predictions(x, y), strict=True):
        votes = np.bincount(near)
        hits += next(label for label in near if votes[label] == votes.max()) == true
    assert METHODS["knn"](x, y) == pytest.approx(hits / len(y))
    values = x[:, :2] ** 2
    means = np.stack([near.mean(axis=0) for near in oracle.knn_predictions(x, values)])
    expected = 1 - (((values - means) ** 2).mean(axis=0) / values.var(axis=0)).mean()
    assert METHODS["knn"](x, targets=values) == pytest.approx(expected)


def test_otce_is_the_optimal_transport():
    """The coupling as a linear programme, which need not be one-to-one."""
    n = 20
    data = sample(n=n)
    cost = ((data["features"][:, None] - data["source_features"][None]) ** 2).sum(axis=2)
    sides = np.concatenate([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    plan = linprog(cost.ravel(), A_eq=sides, b_eq=np.full(2 * n, 1 / n)).x.reshape(n, n)
    joint = oracle.one_hot(data["labels"]).T @ plan @ oracle.one_hot(data["source_labels"])
    entropy = -np.sum(joint * np.log(np.where(joint > 1e-12, joint / joint.sum(axis=0), 1)))
    assert call("otce", data) == pytest.approx(-entropy)


def test_pactran_where_factors_underflow():
    """psi(a) is about -1/a: a source class that a class of few images never saw has a factor of zero."""
    theta = np.random.default_rng(0).dirichlet(np.ones(6), size=8)
    theta[2, :2] = theta[5, :1] = 0
    theta /= theta.sum(axis=1, keepdims=True)
    logs = np.array([1.0, 0.5, -900, -950, -2000, -905])
    with np.errstate(divide="ignore"):
        terms = np.log(theta) + logs
    log_weights = logsumexp(terms, axis=1, keepdims=True)
    for part in (slice(0, 8), slice(2, 3)):
        total, logarithms = _class_round(theta[part], logs)
        assert np.allclose(total, np.exp(terms - log_weights)[part].sum(axis=0), rtol=1e-12)
        assert logarithms == pytest.approx(log_weights[part].sum())
