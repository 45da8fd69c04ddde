from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from orbweaver.metrics.spread import truth_spread
from orbweaver.metrics.tau import weighted_tau
from orbweaver.report.evaluate import MEASURES, Zoo, evaluate
from orbweaver.report.priors import BLIND, blind_scores, mean_truth_elsewhere
from orbweaver.report.tables import markdown_table, metrics, notes, text_table


@pytest.fixture
def evaluation(tables):
    return evaluate(Zoo(*tables), seed=0, n_resamples=200)


def test_blind_rankings_stand_first_and_methods_fall(evaluation):
    assert list(evaluation.tau.index[:3]) == list(BLIND)
    assert evaluation.tau["mean"][3:].is_monotonic_decreasing
    assert evaluation.tau["group"].tolist() == ["blind"] * 3 + ["method"] * 5
    assert evaluation.best == "good" and evaluation.tau.loc["good", "tied_with_best"]
    assert not evaluation.tau.loc["coin", "tied_with_best"]


def test_every_cell_is_the_plain_weighted_tau(evaluation, tables):
    truth, scores, _ = tables
    for (method, target), rows in scores.groupby(["method", "dataset"]):
        both = rows.merge(truth, on=["dataset", "ptm"])
        expected = weighted_tau(both["value"], both["score"])
        assert evaluation.tau.loc[method, target] == pytest.approx(expected, nan_ok=True)
    assert set(MEASURES) <= set(evaluation.measures.columns)


def test_targets_of_another_task_stand_beside_the_mean(evaluation):
    assert evaluation.headline == ["digits", "games", "solar", "scale"]
    row = evaluation.tau.loc["good"]
    assert row["mean"] == pytest.approx(row[evaluation.headline].astype(float).mean())
    assert row["low"] <= row["mean"] <= row["high"]
    assert np.isnan(evaluation.tau.loc["no_head", "defect"]) and evaluation.tau.loc["no_head", "answered"] == 4
    assert "Not in the mean, being of another task: defect." in notes(evaluation)


def test_what_was_not_scored_is_said(evaluation):
    rows = evaluation.measures.set_index(["method", "dataset"])
    assert rows.loc[("partial", "digits"), ["n_ptms", "n_scored"]].tolist() == [12, 10]
    assert "~ partial scored 10 of the 12 PTMs on digits." in notes(evaluation)
    assert evaluation.tau.loc["partial", "digits"].round(3).astype(str) + "~" in text_table({"zoo": evaluation})


def test_methods_that_scored_as_many_share_a_sentence(evaluation):
    shy = evaluation.measures["method"].isin(["fair", "coin"]) & evaluation.measures["dataset"].isin(
        evaluation.headline
    )
    measures = evaluation.measures.assign(n_scored=evaluation.measures["n_scored"].mask(shy, 11))
    said = [note for note in notes(replace(evaluation, measures=measures)) if note.startswith("~")]
    assert said[1:] == ["~ partial scored 10 of the 12 PTMs on digits."]
    assert said[0] in {
        f"~ {two} scored 11 of the 12 PTMs on every target of the mean." for two in ("fair, coin", "coin, fair")
    }


def test_a_method_with_an_easier_exam_is_not_the_best(tables):
    truth, scores, cards = tables
    easy = truth.assign(method="easy", score=truth["value"])[["dataset", "ptm", "method", "score"]]
    evaluation = evaluate(Zoo(truth, pd.concat([scores, easy[easy["ptm"] != "vit_b"]]), cards), 0, 50)
    assert evaluation.best == "good" and evaluation.tau.loc["easy", "tied_with_best"]


def test_a_method_that_answers_few_targets_has_no_mean(tables):
    truth, scores, cards = tables
    easy = truth.assign(method="easy", score=truth["value"])[["dataset", "ptm", "method", "score"]]

    def mean(targets: list[str]) -> float:
        both = pd.concat([scores, easy[easy["dataset"].isin(targets)]])
        evaluation = evaluate(Zoo(truth, both, cards), 0, 50)
        assert evaluation.tau.loc["easy", "answered"] == len(targets)
        assert ("| easy |" in markdown_table({"zoo": evaluation})) == (len(targets) > 1)
        return evaluation.tau.loc["easy", "mean"]

    assert np.isnan(mean(["digits"])) and mean(["digits", "games"]) == pytest.approx(1)


def test_regret_is_in_points_for_fractions_only(evaluation):
    rows = evaluation.measures.set_index(["method", "dataset"])
    assert rows.loc[("parameters", "digits"), "regret_at_1"] > 1
    truth = evaluation.truth.loc["defect"]
    chosen = truth[evaluation.scores["parameters"].loc["defect"].idxmax()]
    assert rows.loc[("parameters", "defect"), "regret_at_1"] == pytest.approx(truth.max() - chosen)


def test_a_ptm_that_left_the_list_leaves_every_table(tables):
    truth, scores, cards = tables
    kept = evaluate(Zoo(truth[truth["ptm"] != "vit_a"], scores, cards[cards["ptm"] != "vit_a"]), 0, 20)
    assert "vit_a" not in kept.truth.columns and (kept.measures["n_ptms"] == 11).all()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t, s, c: (t.iloc[:0], s, c), "truth: no rows"),
        (lambda t, s, c: (t.drop(columns="value"), s, c), "truth: no column value"),
        (lambda t, s, c: (pd.concat([t, t[:1]]), s, c), "truth: digits, resnet_a occurs twice"),
        (lambda t, s, c: (t, pd.concat([s, s[:1]]), c), "scores: digits, resnet_a, good occurs twice"),
        (lambda t, s, c: (t, s.assign(score=np.inf), c), "scores: digits, resnet_a, good is infinite"),
        (lambda t, s, c: (t, s, c[1:]), "no card for PTM resnet_a"),
        (lambda t, s, c: (t.assign(dataset="mean"), s, c), "occurs twice"),
        (lambda t, s, c: (t[t["dataset"] == "digits"].assign(dataset="mean"), s, c), "may not be called 'mean'"),
    ],
)
def test_bad_tables_are_refused_by_name(tables, spoil, message):
    with pytest.raises(ValueError, match=message):
        evaluate(Zoo(*spoil(*tables)), seed=0, n_resamples=10)


def test_mean_truth_elsewhere_by_hand():
    truth = pd.DataFrame({"a": [1.0, 30, 5], "b": [2.0, 10, 5], "c": [3.0, 20, np.nan]}, index=["x", "y", "z"])
    scores = mean_truth_elsewhere(truth)
    assert scores.loc["x"].tolist() == [(1 + 0.5) / 2, (0 + 0.5) / 2, 0.5]
    assert scores.loc["z"].tolist() == [(0 + 1) / 2, (0.5 + 0) / 2, (1 + 0.5) / 2]


def test_blind_scores_never_see_their_target(tables):
    truth, _, cards = tables
    table = truth.pivot(index="dataset", columns="ptm", values="value")
    changed = table.copy()
    changed.loc["digits"] = np.random.default_rng(0).permutation(table.loc["digits"])
    families = [*"abcab"]
    before, after = (blind_scores(each, cards, families) for each in (table, changed))
    assert [*before] == [*BLIND, "mean_truth_other_families"]
    for old, new in zip(before.values(), after.values(), strict=True):
        pd.testing.assert_series_equal(old.loc["digits"], new.loc["digits"])


def test_order_of_ptms_and_rows_changes_nothing(tables):
    truth, scores, cards = tables
    shuffled = (truth.sample(frac=1, random_state=0), scores.sample(frac=1, random_state=1), cards[::-1])
    first, second = (evaluate(Zoo(*t), seed=0, n_resamples=10).tau for t in (tables, shuffled))
    columns = ["digits", "games", "solar", "scale", "defect", "mean"]
    pd.testing.assert_frame_equal(first[columns], second.loc[first.index, columns])


def test_spread_of_the_truth(tables):
    truth, _, _ = tables
    spread = truth_spread(truth, seed=0).set_index("dataset")
    digits = truth[truth["dataset"] == "digits"]["value"].to_numpy()
    limit = 1.96 * 0.01  # sqrt(2) of a difference, over sqrt(2) seeds
    tied = sum(abs(digits[i] - digits[j]) < limit for i in range(12) for j in range(i))
    assert spread.loc["digits", "tied"] == tied and spread.loc["digits", "pairs"] == 66
    assert spread.loc["digits", "std_over_error"] == pytest.approx(np.std(digits, ddof=1) / (0.01 / np.sqrt(2)))
    assert 0.5 < spread.loc["digits", "ceiling"] < 1
    noisier = truth_spread(truth.assign(noise=1.0), seed=0).set_index("dataset")
    assert abs(noisier.loc["digits", "ceiling"]) < 0.3
    unknown = truth_spread(truth.drop(columns=["noise", "seeds"]), seed=0).set_index("dataset")
    assert np.isnan(unknown.loc["digits", ["noise", "tied", "ceiling"]].astype(float)).all()


def test_metrics_hold_no_nan_and_tables_say_the_same(evaluation):
    values = metrics({"zoo": evaluation})["weighted_tau"]
    assert values["good"]["mean"] == round(evaluation.tau.loc["good", "mean"], 6)
    assert "defect" not in values["no_head"]
    assert f"{values['good']['mean']:.3f}" in text_table({"zoo": evaluation})
    markdown = markdown_table({"zoo": evaluation})
    assert r"*mean\_truth\_elsewhere*" in markdown and rf"{values['good']['mean']:.3f}\*" in markdown


def test_seconds_stand_in_the_printed_table_only(evaluation, tables):
    seconds = tables[1].assign(seconds=1.5)
    assert "s/score" in text_table({"zoo": evaluation}, seconds) and "1.500" in text_table({"zoo": evaluation}, seconds)
