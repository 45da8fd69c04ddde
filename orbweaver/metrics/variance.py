"""What the truth's variance is made of: a general order of the PTMs, what is special to a target, and noise.

With T targets, M PTMs, and z_tm the truth standardised on each target (mean 0, standard deviation 1, ddof 0), the model
is z_tm = g_m + r_tm: the PTM's general effect, the same on every target, and the rest, interaction and noise. The
unbiased estimates of a two-way analysis of variance with one value a cell, g_m being estimated by mean_t z_tm, are

    ms_p = T sum_m g_m^2 / (M - 1),     ms_r = sum_tm (z_tm - g_m)^2 / ((T - 1) (M - 1)),
    sigma2_g = (ms_p - ms_r) / T,       general = sigma2_g / (sigma2_g + ms_r).

Put differently, `general` is the mean over all pairs of targets of the correlation of their truths. This gives a value
for each target here: a target's `general` is its mean correlation with the others, and the mean over targets is the
zoo's. Source of the analysis of variance: H. Scheffe, "The Analysis of Variance", 1959, chapter 7 (random effects).
"""

import numpy as np

from orbweaver.metrics.intervals import nan_mean


def split_variance(truth: np.ndarray, error: np.ndarray) -> dict[str, np.ndarray]:
    """Shares of the variance of the standardised truth, by target.

        noise       = mean_m e_tm^2 / s_t^2, s_t^2 the unbiased variance of the measured truth over PTMs
        interaction = 1 - general - noise

    They are estimates: a small share may come out below zero. The zoo's shares are the means over targets.

    Args:
        truth: (T, M). A PTM without truth on some target is left out, so that all targets have the same PTMs.
        error: (T,) or (T, M), standard error of a truth (the mean over its seeds); NaN where it is unknown: noise and
            interaction are then NaN too.

    Returns:
        general, noise, interaction, each (T,). NaN with fewer than two targets or three PTMs, and where all truths are
        equal.
    """
    n_targets = len(truth)
    whole = ~np.isnan(truth).any(axis=0)
    values = truth[:, whole]
    error = np.broadcast_to(error if np.ndim(error) == 2 else np.asarray(error)[:, None], truth.shape)[:, whole]
    general, noise = np.full((2, n_targets), np.nan)
    if values.shape[1] > 2:
        variance = values.var(axis=1, ddof=1)
        spread = np.where(variance > 0, variance, np.nan)
        noise = np.mean(error**2, axis=1) / spread
        z = (values - values.mean(axis=1, keepdims=True)) / np.sqrt(spread)[:, None]
        correlation = z @ z.T / (z.shape[1] - 1)
        np.fill_diagonal(correlation, np.nan)
        general = nan_mean(correlation, axis=1)
    return {"general": general, "noise": noise, "interaction": 1 - general - noise}
