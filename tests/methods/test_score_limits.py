"""Values known in advance."""

import numpy as np
import pytest

from orbweaver.methods import METHODS, TARGET_BLIND, _nleep
from tests.methods.samples import sample

M = METHODS
C = 4
LABELS = np.arange(80) % C
ENTROPY = -np.log(C)


def clusters(distance, spread=0.1, d=10, seed=0):
    """Classes at the corners of a simplex."""
    noise = np.random.default_rng(seed).normal(size=(len(LABELS), d)) * spread
    return np.eye(d)[LABELS] * distance + noise


def test_target_blind_methods_stand_first_and_say_what_they_got():
    assert tuple(METHODS)[: len(TARGET_BLIND)] == TARGET_BLIND
    assert M["parameters"](25_000_000) == 25e6
    assert M["source_accuracy"](0.76) == 0.76


@pytest.mark.parametrize("name", ["nce", "leep"])
def test_perfect_predictions(name):
    assert M[name](np.eye(9)[LABELS * 2], LABELS) == pytest.approx(0, abs=1e-12)


def test_uninformative_predictions():
    assert M["leep"](np.full((80, 5), 0.2), LABELS) == pytest.approx(ENTROPY)
    assert M["nce"](np.full((80, 5), 0.2), LABELS) == pytest.approx(ENTROPY)
    assert M["nce"](np.eye(2)[np.arange(80) // 4 % 2], LABELS) == pytest.approx(ENTROPY)


def test_nce_is_zero_when_the_label_is_a_function_of_the_source_class():
    source = np.random.default_rng(0).integers(0, 12, 80)
    assert M["nce"](np.eye(12)[source], source % C) == pytest.approx(0, abs=1e-12)


def test_pactran_prefers_certainty():
    for name in ("pactran_dirichlet", "pactran_gamma"):
        assert M[name](np.eye(6)[LABELS], LABELS) > M[name](np.full((80, 6), 1 / 6), LABELS)


@pytest.mark.parametrize("shape", [{}, {"n": 30, "d": 200}, {"n": 30, "d": 30}])
def test_h_scores_are_bounded(shape):
    data = sample(**shape)
    for name in ("h_score", "h_score_shrunk"):
        assert 0 <= M[name](data["features"], data["labels"]) <= C - 1 + 1e-9
    assert M["h_score"](clusters(1, spread=1e-7), LABELS) == pytest.approx(C - 1, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_h_score_of_features_that_fit_any_label_is_one_number(seed):
    """Else rounding would rank the PTMs."""
    data = sample(seed, n=80, d=200, c=8)
    assert M["h_score"](data["features"], data["labels"]) == 7


def test_h_score_of_noise_is_small():
    r = np.random.default_rng(0)
    assert M["h_score"](r.normal(size=(4000, 5)), r.integers(0, C, 4000)) < 0.02


def test_logme_survives_a_perfect_fit():
    exact = M["logme"](np.eye(C)[LABELS], LABELS)
    assert np.isfinite(exact)
    assert exact > M["logme"](clusters(1), LABELS)


def test_logme_of_no_features_is_the_evidence_of_noise():
    expected = -np.log(2 * np.pi * np.e / C) / 2
    assert M["logme"](np.zeros((80, 3)), LABELS) == pytest.approx(expected)


def test_logme_warns_when_it_has_not_converged(monkeypatch):
    import sys

    data = sample()
    monkeypatch.setattr(sys.modules["orbweaver.methods._logme"], "ROUNDS", 1)
    with pytest.warns(UserWarning, match="LogME did not converge"):
        M["logme"](data["features"], data["labels"])


def test_gbc_bounds():
    twins = np.repeat(np.random.default_rng(0).normal(size=(20, 10)), C, axis=0)
    assert M["gbc"](twins, LABELS) == pytest.approx(-C * (C - 1))
    assert M["gbc"](np.ones((80, 10)), LABELS) == pytest.approx(-C * (C - 1))
    assert M["gbc"](clusters(1000), LABELS) == pytest.approx(0, abs=1e-12)
    assert -C * (C - 1) < M["gbc"](clusters(0.1), LABELS) < 0


def test_transrate_of_coincident_classes_is_zero():
    twins = np.repeat(np.random.default_rng(0).normal(size=(20, 10)), C, axis=0)
    assert M["transrate"](twins, LABELS) == pytest.approx(0, abs=1e-9)
    assert M["transrate"](clusters(10), LABELS) > 1


def test_lfc_limits():
    assert M["lfc"](np.eye(C)[LABELS], LABELS) == pytest.approx(1)
    r = np.random.default_rng(0)
    assert abs(M["lfc"](r.normal(size=(2000, 5)), r.integers(0, C, 2000))) < 0.02


def test_sfda_limits():
    assert M["sfda"](clusters(100), LABELS) == pytest.approx(1)
    assert M["sfda"](np.eye(10)[LABELS], LABELS) == pytest.approx(1)
    twins = np.repeat(np.random.default_rng(0).normal(size=(20, 10)), C, axis=0)
    assert 1 / C - 1e-9 <= M["sfda"](twins, LABELS) < 0.5


def test_parc_limits():
    assert M["parc"](clusters(100), LABELS) > 45
    r = np.random.default_rng(0)
    assert abs(M["parc"](r.normal(size=(400, 40)), r.integers(0, C, 400))) < 3


def test_otce_limits():
    x = clusters(50)
    assert M["otce"](x, LABELS, x, LABELS) == pytest.approx(0, abs=1e-12)
    assert M["otce"](x, LABELS, x, np.arange(80) // 4 % 2) < -1
    with pytest.raises(ValueError, match="features have 10 columns, source_features 9"):
        M["otce"](x, LABELS, x[:, 1:], LABELS)


def test_nleep_limits():
    assert M["nleep"](clusters(50), LABELS) == pytest.approx(0, abs=1e-6)
    r = np.random.default_rng(0)
    assert M["nleep"](r.normal(size=(600, 4)), r.integers(0, C, 600)) < -1


@pytest.mark.parametrize("scale", [1e-3, 1, 1e6])
def test_nleep_passes_over_no_component_that_a_sample_may_have_a_share_in(scale):
    """The bounds that spare it densities are above these, be it by rounding; and near them where they are all of it."""
    r = np.random.default_rng(0)
    for width in (5, 30):
        points = r.normal(size=(200, width)) * scale * np.linspace(3, 0.1, width)
        quadratics, reach = _nleep._quadratics(points), np.linalg.norm(points[:, : _nleep.PREFIX], axis=1).max()
        mixture = _nleep._maximised(points, np.arange(200), np.arange(200) % 9, np.ones(200))
        for component in mixture.values():
            bound, density = quadratics @ component.bound(reach), component.log_density(points)
            assert (bound >= density).all()
            if width == 5:
                assert bound == pytest.approx(density, rel=1e-4, abs=1e-4)


def test_nleep_of_large_features():
    """Of which 1e-6 is below rounding: components of fewer samples than dimensions have a covariance all the same."""
    data = sample(n=80, d=200, c=8, signal=0.3)
    assert M["nleep"](data["features"] * 1e6, data["labels"]) == M["nleep"](data["features"] * 1e3, data["labels"])


@pytest.mark.parametrize("name", ["probe", "knn"])
def test_accuracies(name):
    assert M[name](clusters(50), LABELS) == 1
    r = np.random.default_rng(0)
    assert M[name](r.normal(size=(800, 8)), r.integers(0, C, 800)) == pytest.approx(1 / C, abs=0.08)
    assert M[name](clusters(50), targets=np.eye(C)[LABELS]) > 0.99


def test_probe_of_no_features_predicts_the_mean():
    """Without a sample its own class is the rarer one, so a balanced task is always guessed wrong."""
    assert M["probe"](np.ones((80, 3)), LABELS) == 0
    assert M["probe"](np.ones((80, 3)), targets=np.arange(80.0)[:, None]) < 0
