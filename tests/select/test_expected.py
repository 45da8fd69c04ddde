"""The calibration of scores to accuracies: exact where the world is as it supposes, honest where it is noisy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from orbweaver.select.order import expected


def made_up(targets: int, noise: float, seed: int = 0, gain: float = 0.8, slope: float = 0.6) -> pd.DataFrame:
    """A benchmark that obeys the formula, up to an error of each target; the score is the probe's own logit."""
    random = np.random.default_rng(seed)
    rows = []
    for target in range(targets):
        level = random.uniform(0.3, 0.8, 10)
        q = logit(level)
        truth = expit(q.mean() + gain + slope * (q - q.mean()) + noise * random.normal())
        rows += [(f"t{target}", f"p{i}", t, a, s) for i, (t, a, s) in enumerate(zip(truth, level, q, strict=True))]
    table = pd.DataFrame(rows, columns=["dataset", "ptm", "truth", "level", "score"])
    return table.assign(family=table["dataset"])


def test_a_world_without_noise_is_recovered_exactly() -> None:
    found = expected.calibrate(made_up(4, 0.0))
    assert (found.gain, found.slope) == (pytest.approx(0.8), pytest.approx(0.6))
    assert found.width == pytest.approx(0, abs=1e-9) and found.regret[1] == 0 and found.found[1] == 4
    level = np.array([0.7, np.nan, 0.4])
    middle, low, high = expected.ranges(found, level, logit(level))
    q = logit(level[[0, 2]])
    assert middle[[0, 2]] == pytest.approx(expit(q.mean() + 0.8 + 0.6 * (q - q.mean())))
    assert np.isnan([middle[1], low[1], high[1]]).all()


def test_where_few_were_forwarded_the_spread_is_the_benchmarks() -> None:
    """Five levels tell a spread, two of six do not."""
    level, score = np.array([0.2, 0.5, 0.4, 0.7, 0.6, 0.3]), np.arange(6.0)
    at, deviation = expected.terms(np.where(score < 5, level, np.nan), score)
    assert at == pytest.approx(logit(level[:5]).mean())
    assert deviation.std() == pytest.approx(logit(level[:5]).std())
    _, deviation = expected.terms(np.where(score < 2, level, np.nan), score)
    assert deviation.std() == pytest.approx(1)


def test_the_range_holds_as_often_as_it_says() -> None:
    """Calibrated on five noisy targets, it should hold four in five of the accuracies of a sixth."""
    hits = []
    for seed in range(25):
        table = made_up(6, 0.5, seed)
        new = table[table["dataset"] == "t5"]
        found = expected.calibrate(table[table["dataset"] != "t5"])
        _, low, high = expected.ranges(found, new["level"].to_numpy(), new["score"].to_numpy())
        hits.append(np.mean((low <= new["truth"]) & (new["truth"] <= high)))
    assert 0.6 < np.mean(hits) < 0.97


def test_targets_of_two_families_calibrate_nothing() -> None:
    assert expected.calibrate(made_up(2, 0.1)) is None
    table = made_up(6, 0.1)
    assert expected.calibrate(table.assign(family=["a"] * 30 + ["b"] * 30)) is None


def test_a_target_is_not_covered_by_its_own_family() -> None:
    """Three pairs of targets, alike within a pair: what is left out with its twin falls outside, alone inside."""
    table = made_up(6, 0.0)
    pair = table["dataset"].str[1].astype(int) // 2
    table["truth"] = expit(logit(table["truth"]) + np.array([0.0, 1.0, 5.0])[pair])
    alone = expected.calibrate(table)
    together = expected.calibrate(table.assign(family=[f"f{number}" for number in pair]))
    assert together.families == 3 and alone.families == 6 and together.targets == alone.targets
    assert together.width > alone.width
    scores = table.rename(columns={"truth": "value"})
    scores = pd.concat([scores.assign(method=m) for m in ("probe",)])
    made = expected.benchmark(["probe"], scores, scores, families={"t0": "f", "t1": "f", "t2": ""})
    assert made.groupby("dataset")["family"].first().tolist() == ["f", "f", "t2", "t3", "t4", "t5"]


def test_a_method_that_contradicts_the_truth_moves_nobody() -> None:
    table = made_up(4, 0.0)
    found = expected.calibrate(table.assign(score=-table["score"]))
    assert found.slope == 0
    middle, *_ = expected.ranges(found, np.array([0.3, 0.6]), np.array([1.0, 2.0]))
    assert middle[0] == middle[1]
