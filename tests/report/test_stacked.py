"""The row `stacking`: what it may look at, and what it may not."""

import numpy as np
import pandas as pd
import pytest

from orbweaver.report.evaluate import Zoo, evaluate
from orbweaver.report.stacked import stacked, with_stacking

FAMILIES = ["a", "a", "b", "b", "c", "d"]
PTMS = [f"ptm {i}" for i in range(12)]


def arrays(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A general order, what a score sees of the rest, and a score that sees nothing."""
    random = np.random.default_rng(seed)
    rest = random.normal(size=(6, 12))
    truth = random.normal(size=12) + rest
    return truth, np.stack([rest + 0.2 * random.normal(size=rest.shape), random.normal(size=rest.shape)], axis=1)


def zoo(families: list[str] | None = FAMILIES) -> Zoo:
    truth, scores = arrays()
    names = [f"target {t}" for t in range(6)]
    long = pd.DataFrame(truth, names, PTMS).rename_axis(index="dataset", columns="ptm").stack().rename("value")
    long = long.reset_index().assign(task="image_classification")
    if families:
        long["family"] = long["dataset"].map(dict(zip(names, families, strict=True)))
    rows = [
        {"dataset": names[t], "ptm": PTMS[m], "method": method, "score": scores[t, q, m]}
        for t in range(6) for q, method in enumerate(["sees", "coin"]) for m in range(12)
    ]  # fmt: skip
    half = [{**row, "method": "half"} for row in rows if row["method"] == "sees" and row["ptm"] != PTMS[0]]
    cards = pd.DataFrame({"ptm": PTMS, "n_parameters": 1.0, "source_accuracy": 0.5})
    return Zoo(long, pd.DataFrame([*rows, *half]), cards)


def test_it_is_ahead_of_the_prior_and_of_what_it_is_made_of():
    found = evaluate(with_stacking(zoo(), ["sees", "coin"]), 0, 50).tau["mean"]
    for other in ("sees", "coin", "mean_truth_other_families", "mean_truth_elsewhere"):
        assert found["stacking_family_out"] > found[other], other


def test_no_part_of_it_saw_the_family_of_the_target():
    truth, scores = arrays()
    before = stacked(truth, scores, FAMILIES)
    changed = truth.copy()
    changed[:2] = -changed[:2]
    after = stacked(changed, scores, FAMILIES)
    np.testing.assert_allclose(after[:2], before[:2])
    assert (after[2:] != before[2:]).any()


def test_rows_of_the_family_and_of_all_others_are_told_apart():
    plain = with_stacking(zoo(None), ["sees", "coin"]).scores
    assert {*plain["method"]} == {"sees", "coin", "half", "stacking"}
    both = with_stacking(zoo(), ["sees", "coin"]).scores.pivot(
        index=["dataset", "ptm"], columns="method", values="score"
    )
    assert not np.allclose(both["stacking"], both["stacking_family_out"])


def test_methods_that_did_not_score_all_take_no_part():
    one = with_stacking(zoo(), ["sees", "coin", "half"]).scores.query("method == 'stacking'")
    other = with_stacking(zoo(), ["sees", "coin"]).scores.query("method == 'stacking'")
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True))


def test_without_methods_it_is_the_prior():
    found = with_stacking(zoo(), [])
    tau = evaluate(found, 0, 50).tau
    assert tau.loc["stacking_family_out", "mean"] == pytest.approx(tau.loc["mean_truth_other_families", "mean"])


def test_too_few_targets_teach_nothing():
    few = zoo()
    few = Zoo(few.truth[few.truth["dataset"] < "target 2"], few.scores, few.cards)
    assert with_stacking(few, ["sees"]) is few
