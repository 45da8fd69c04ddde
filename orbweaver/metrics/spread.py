"""How much there is to rank: the spread of the truth against the noise of fine-tuning seeds."""

import numpy as np
import pandas as pd

from orbweaver.metrics.tau import weighted_taus


def truth_spread(truth: pd.DataFrame, seed: int, n_draws: int = 1000) -> pd.DataFrame:
    """One row a target: where the PTMs lie, how far apart they are, and what a perfect method could still reach.

    With v_i the value of PTM i, the mean of `seeds` runs, and s_i the standard deviation of one run:

        noise   = sqrt(mean_i s_i^2), pooled, since a single s_i of a handful of seeds is unreliable
        error   = noise / sqrt(seeds), the standard error of one v_i
        tied    = pairs with |v_i - v_j| < 1.96 sqrt(2) error, whose order may well differ with another set of seeds
        ceiling = mean weighted tau of v as scores with v + N(0, error^2) as truth: what a method reaches that knows
                  each PTM's expected value and is judged by one noisy measurement of it. The measured v stand in for
                  the expected values; since noise has spread them, the real ceiling is a little lower.

    Args:
        truth: columns dataset, ptm, value, task; optional noise (std of one run, NaN unknown), seeds (runs; 1).
        seed: of the simulated noise.

    Returns:
        columns dataset, task, n_ptms, min, median, max, std (over PTMs), noise, seeds, std_over_error, pairs, tied,
        ceiling, in the unit of the truth; what needs the noise is NaN where it is unknown. seeds: the fewest of a PTM.
    """
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        [_spread(target, rows, generator, n_draws) for target, rows in truth.groupby("dataset", sort=False)]
    )


def standard_error(rows: pd.DataFrame) -> tuple[float, int, float]:
    """Noise of one run (pooled over PTMs, NaN where it is unknown), seeds, and the standard error of a PTM's value.

    Args:
        rows: of one target; columns as for `truth_spread`, with its formulas.
    """
    noises = rows["noise"].to_numpy(dtype=float) if "noise" in rows else np.array([])
    noises = noises[~np.isnan(noises)]
    seeds = int(rows["seeds"].min()) if "seeds" in rows and len(rows) else 1
    noise = float(np.sqrt(np.mean(noises**2))) if len(noises) else np.nan
    return noise, seeds, float(noise / np.sqrt(seeds))


def _spread(target: str, rows: pd.DataFrame, generator: np.random.Generator, n_draws: int) -> dict[str, object]:
    rows = rows.dropna(subset=["value"])
    values = rows["value"].to_numpy(dtype=float)
    noise, seeds, error = standard_error(rows)
    i, j = np.triu_indices(len(values), 1)
    known = not np.isnan(noise)
    replicates = values + (error if known else 0.0) * generator.standard_normal((n_draws, len(values)))
    std = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
    return {
        "dataset": target,
        "task": rows["task"].iloc[0] if len(rows) else "",
        "n_ptms": len(values),
        "min": float(values.min()) if len(values) else np.nan,
        "median": float(np.median(values)) if len(values) else np.nan,
        "max": float(values.max()) if len(values) else np.nan,
        "std": std,
        "noise": noise,
        "seeds": seeds,
        "std_over_error": std / error if known and error > 0 else np.nan,
        "pairs": len(i),
        "tied": float(np.sum(np.abs(values[i] - values[j]) < 1.96 * np.sqrt(2) * error)) if known else np.nan,
        "ceiling": float(np.mean(weighted_taus(replicates, values))) if known else np.nan,
    }
