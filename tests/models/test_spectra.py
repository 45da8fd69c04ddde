"""What weights alone say: against plain formulas, and known laws."""

import numpy as np
import pytest
from scipy import stats

from orbweaver.models.spectra import _exponent, weight_spectra

R = np.random.default_rng(0)


def test_the_exponent_is_that_of_the_nearest_tail():
    for values in (np.linalg.svd(R.normal(size=(30, 45)), compute_uv=False) ** 2, R.pareto(2, size=40) + 1):
        fits = []
        for least in np.sort(values)[:-1]:
            tail = values[values >= least]
            shape = len(tail) / np.log(tail / least).sum()
            law = stats.pareto(shape, scale=least)
            fits.append((stats.ks_1samp(tail, law.cdf, method="asymp").statistic, 1 + shape))
        assert _exponent(values) == pytest.approx(min(fits)[1])


def test_a_power_law_has_its_exponent():
    assert _exponent((1 - R.random(3000)) ** (-1 / 1.5)) == pytest.approx(2.5, abs=0.15)
    assert np.isnan(_exponent(np.ones(20)))


def test_numbers_of_one_layer():
    w = R.normal(size=(20, 50)).astype(np.float32)
    found = weight_spectra([w])
    largest, frobenius = np.linalg.norm(w, 2) ** 2, (w.astype(float) ** 2).sum()
    assert found["stable_rank"] == pytest.approx(frobenius / largest, rel=1e-5)
    assert found["spectral_norm"] == pytest.approx(np.log10(largest), rel=1e-5)
    assert found["frobenius_norm"] == pytest.approx(np.log10(frobenius), rel=1e-5)
    assert found["weighted_alpha"] == pytest.approx(found["alpha"] * np.log10(largest), rel=1e-5)
    assert weight_spectra([w.T]) == found


def test_random_weights_reach_the_edge_of_marchenko_and_pastur():
    assert weight_spectra([R.normal(size=(300, 400))])["mp_soft_rank"] == pytest.approx(1, abs=0.05)
    one_direction = R.normal(size=(60, 1)) @ R.normal(size=(1, 80)) * 3 + R.normal(size=(60, 80))
    assert weight_spectra([one_direction])["mp_soft_rank"] < 0.1


def test_a_convolution_is_its_matrices_put_together():
    kernel = R.normal(size=(16, 12, 3, 3))
    values = np.concatenate(
        [np.linalg.svd(kernel[:, :, i, j], compute_uv=False) ** 2 for i in range(3) for j in range(3)]
    )
    found = weight_spectra([kernel])
    assert found["stable_rank"] == pytest.approx(values.sum() / values.max(), rel=1e-5)
    assert found["alpha"] == pytest.approx(_exponent(values), rel=1e-5)


def test_the_mean_is_over_layers_that_have_a_spectrum():
    one, two = R.normal(size=(20, 30)), R.normal(size=(40, 10)) * 5
    small = [R.normal(size=s) for s in ((64,), (3, 64), (64, 1, 3, 3), (1, 40, 8))]
    both, each = weight_spectra([one, *small, np.zeros((30, 30)), two]), [weight_spectra([w]) for w in (one, two)]
    assert both == {name: pytest.approx((each[0][name] + each[1][name]) / 2, rel=1e-5) for name in both}
    assert weight_spectra(small) == {}
