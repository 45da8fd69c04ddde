"""Statistics of the spectra of a PTM's weights: exponents, norms and ranks, averaged over its layers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

LEAST = 10  # eigenvalues; a layer with fewer has no tail to fit


def weight_spectra(arrays: Iterable[np.ndarray]) -> dict[str, float]:
    """Statistics of a network's weights, after Martin and Mahoney, averaged over layers, to six digits.

    A layer is an array (out, in), or (out, in, k, k) of a convolution, which stands for k k matrices whose eigenvalues
    are put together; others, and those of fewer than ten positive eigenvalues, are left out. Of the eigenvalues x of
    W^T W, not divided by the size of W (Martin, Peng and Mahoney, Nature Communications 12:4122, 2021):

        alpha            exponent of p(x) ~ x^-alpha above x_min, by maximum likelihood, x_min by the least distance of
                         Kolmogorov and Smirnov (Clauset, Shalizi and Newman 2009, arXiv 0706.1062)
        weighted_alpha   alpha log10(max x)
        stable_rank      sum x / max x, which is |W|_F^2 / |W|_2^2
        spectral_norm    log10 max x
        frobenius_norm   log10 sum x
        mp_soft_rank     the upper edge of Marchenko and Pastur's law, s^2 (sqrt(out) + sqrt(in))^2 with s^2 the mean
                         squared weight, over max x (Martin and Mahoney, JMLR 22:165, 2021, who fit s^2 to the bulk)

    Empty where no layer is left.
    """
    layers = [found for array in arrays if (found := _of_layer(np.asarray(array))) is not None]
    if not layers:
        return {}
    means = {name: np.mean([layer[name] for layer in layers]) for name in layers[0]}
    return {name: float(f"{mean:.6g}") for name, mean in means.items()}


def _of_layer(array: np.ndarray) -> dict[str, float] | None:
    if array.ndim not in (2, 4) or min(array.shape[:2]) < 2:
        return None
    matrices = array.astype(np.float64).reshape(*array.shape[:2], -1).transpose(2, 0, 1)
    values = np.linalg.svd(matrices, compute_uv=False).ravel() ** 2
    values = values[values > values.max() * max(matrices.shape[1:]) * np.finfo(float).eps]
    if len(values) < LEAST:
        return None
    largest, total = values.max(), values.sum()
    edge = np.mean(matrices**2) * np.sqrt(matrices.shape[1:]).sum() ** 2
    alpha = _exponent(values)
    return {
        "alpha": alpha,
        "weighted_alpha": alpha * np.log10(largest),
        "stable_rank": total / largest,
        "spectral_norm": np.log10(largest),
        "frobenius_norm": np.log10(total),
        "mp_soft_rank": edge / largest,
    }


def _exponent(values: np.ndarray) -> float:
    """The exponent of the tail x >= x_min, 1 + n / sum log(x / x_min), at the x_min whose tail is nearest a power law.

    The package `powerlaw` looks at one side of each step of the distribution only, and takes half a minute for 5,000
    values where this takes less than one second. `weightwatcher`, by the authors of these numbers, analyses a
    model object rather than the arrays of a file, all that a card is made from; its values were not compared.
    """
    x = np.sort(values)
    logs = np.log(x)
    distance, exponent = np.inf, np.nan
    for start in range(len(x) - 1):
        above = logs[start:] - logs[start]
        n, total = len(above), above.sum()
        if total <= 0:
            break
        law = -np.expm1(-n / total * above)
        steps = np.arange(n + 1) / n
        far = max((law - steps[:-1]).max(), (steps[1:] - law).max())
        if far < distance:
            distance, exponent = far, 1 + n / total
    return float(exponent)
