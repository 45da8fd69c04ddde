import re

import numpy as np
import pandas as pd
import pytest
from scipy.stats import weightedtau

from orbweaver.metrics import intervals
from orbweaver.metrics.gain import general_order
from orbweaver.metrics.measures import regret_at_k
from orbweaver.metrics.tau import weighted_tau
from orbweaver.report import compare
from orbweaver.report.comparisons import gain_rows, top_rows, variance_rows, where_rows
from orbweaver.report.evaluate import Evaluation, Zoo, evaluate
from orbweaver.report.regret import regret_by_budget
from orbweaver.report.statements import statements
from orbweaver.report.tables import markdown_table, notes, short_rows, tau_rows

FAMILIES = {"digits": "hand", "games": "atari", "solar": "cells", "scale": "sprites", "defect": "cells"}
CLASSES = {"digits": 10, "games": 4, "solar": 2, "scale": 10, "defect": np.nan}


@pytest.fixture
def known(tables):
    """The made-up benchmark with families, sizes, and a row that learned without the target's family."""
    truth, scores, cards = tables
    truth = truth.assign(family=truth["dataset"].map(FAMILIES), classes=truth["dataset"].map(CLASSES))
    truth = truth.assign(train=160, test=400)
    learned = scores[scores["method"] == "good"]
    scores = pd.concat([scores, learned.assign(method="fair_family_out")])
    return Zoo(truth, scores, cards, forwards={"fair": 3})


@pytest.fixture
def evaluation(known) -> Evaluation:
    return evaluate(known, seed=0, n_resamples=300)


def test_a_row_that_learned_from_the_family_is_no_headline(evaluation):
    assert [*evaluation.tau.index[:4]] == [
        "parameters",
        "source_accuracy",
        "mean_truth_elsewhere",
        "mean_truth_other_families",
    ]
    assert (evaluation.tau["group"][:4] == "blind").all()
    assert {"fair", "mean_truth_elsewhere"}.isdisjoint(compare.leaders(evaluation.tau))
    assert {"fair", "mean_truth_elsewhere"}.isdisjoint(short_rows(evaluation)["method"])
    assert {"fair", "mean_truth_elsewhere"} <= {*tau_rows(evaluation)["method"]}
    assert "Learned from the target's family too, and not to be relied on: mean_truth_elsewhere, fair." in notes(
        evaluation
    )


def test_the_symmetric_mean_stands_beside_ours(evaluation):
    """Of every method over the headline targets: what scipy gives by default, which weighs by both orders."""
    truth, scores = evaluation.truth, evaluation.scores["good"]
    taus = [weightedtau(truth.loc[target], scores.loc[target]).statistic for target in evaluation.headline]
    for rows in (short_rows, tau_rows):
        shown = rows(evaluation).set_index("method")["symmetric"]
        assert float(shown["good"]) == pytest.approx(np.mean(taus), abs=5.1e-4)


def test_other_families_tell_the_prior(evaluation):
    expected = general_order(evaluation.truth.to_numpy(), [FAMILIES[target] for target in evaluation.truth.index])
    assert evaluation.scores["mean_truth_other_families"].to_numpy() == pytest.approx(expected)
    solar = evaluation.scores["mean_truth_elsewhere"].loc["solar"]
    assert not np.allclose(solar, evaluation.scores["mean_truth_other_families"].loc["solar"])
    prior = evaluation.gain.loc["good", "prior"]
    assert prior == pytest.approx(evaluation.tau.loc["mean_truth_other_families", "mean"])


def test_gain_is_above_zero_where_there_is_one(evaluation):
    gain = evaluation.gain
    assert gain.loc["good", "gain_low"] > 0 and gain.loc["good", "agreement_low"] > 0.3
    assert gain.loc["coin", "gain_low"] <= 0 and gain.loc["mean_truth_other_families", "gain"] == 0
    assert (gain["with_prior"] - gain["prior"]).to_numpy() == pytest.approx(gain["gain"].to_numpy(), nan_ok=True)
    words = gain_rows(evaluation).set_index("method")["in words"]
    assert words["good"] == "adds to the prior"
    assert words["coin"].endswith("not worth its forward passes") and words["parameters"] == "no gain shown"
    assert tau_rows(evaluation).set_index("method").loc["good", "gain"].endswith("^")


def test_notes_count_the_scores_that_the_statements_count(evaluation):
    """And what has a gain and what has none are all of them."""
    said = " ".join(notes(evaluation))
    above, counted = map(int, re.search(r"above 0: (\d+) of the (\d+) scores", said).groups())
    none = int(re.search(r"No gain is shown of the other (\d+) scores", said)[1])
    assert above + none == counted and f"{above} of {counted} scores add" in " ".join(statements(evaluation))
    assert counted < evaluation.gain["gain"].notna().sum()  # there are rows that are no scores


def test_too_few_families_are_said(known):
    alone = Zoo(known.truth.assign(family="one"), known.scores, known.cards)
    evaluation = evaluate(alone, seed=0, n_resamples=50)
    assert evaluation.gain["gain"].isna().all() and "mean_truth_other_families" not in evaluation.tau.index
    assert "There are too few families to tell what a method adds to the general order of the PTMs." in notes(
        evaluation
    )
    assert gain_rows(evaluation)["in words"].eq("not known").all()
    assert "4 image classification targets of 1 family, 12 PTMs" in notes(evaluation)[0]


def test_families_are_what_is_resampled(known):
    """Two targets that a method answers well and two that it does not: of two families they are less evidence."""
    halves = known.scores[known.scores["method"] == "good"].assign(method="halves")
    halves["score"] *= halves["dataset"].isin(["digits", "games"]).map({True: 1, False: -1})
    truth, spread = known.truth[known.truth["task"] == "image_classification"], []
    for family in ({"digits": "x", "games": "x", "solar": "y", "scale": "y"}, {}):
        values = truth.pivot(index="dataset", columns="ptm", values="value")
        scores = halves.pivot(index="dataset", columns="ptm", values="score").loc[values.index]
        of = {target: family.get(target, target) for target in values.index}
        exam = compare.exam_of(values, {"halves": scores}, of, dict.fromkeys(values.index, 0.0), 0, 4000)
        taus = intervals.resampled_taus(exam.drawn, exam.scores, exam.ptms)
        spread.append(intervals.resampled_means(taus, exam.counts).std())
    assert spread[0] / spread[1] == pytest.approx(2**0.5, rel=0.05)


def test_noise_of_the_truth_takes_part(known):
    widths = []
    for noise in (0.0, 0.1):
        row = evaluate(Zoo(known.truth.assign(noise=noise), known.scores, known.cards), 0, 400).tau.loc["good"]
        assert row["low"] <= row["mean"] <= row["high"]
        widths.append(row["high"] - row["low"])
    assert widths[1] > 1.3 * widths[0]


def test_pairs_say_what_the_plain_numbers_say(evaluation):
    pairs = evaluation.pairs.set_index(["method", "other"])
    n = len(evaluation.tau)
    assert len(pairs) == n * (n - 1) // 2
    means = evaluation.tau["mean"]
    row = pairs.loc["good", "coin"]
    assert row["difference"] == pytest.approx(means["good"] - means["coin"])
    assert row["low"] <= row["difference"] <= row["high"] and row["probability"] > 0.95
    assert pairs.loc[("fair_family_out", "good"), ["difference", "low", "high", "probability"]].tolist() == [
        0,
        0,
        0,
        0.5,
    ]
    for k in compare.BUDGETS:
        plain = {
            method: np.mean(
                [
                    100 * regret_at_k(evaluation.truth.loc[t], evaluation.scores[method].loc[t], k)
                    for t in evaluation.headline
                ]
            )
            for method in ("good", "coin")
        }
        assert row[f"regret_{k}"] == pytest.approx(plain["good"] - plain["coin"])
        table = evaluation.regret.set_index(["method", "k"])["regret"]
        assert table["coin", k] == pytest.approx(plain["coin"])


def test_a_partial_method_is_compared_on_its_own_exam(evaluation):
    row = evaluation.pairs.set_index(["method", "other"]).loc["good", "partial"]
    gaps = []
    for target in evaluation.headline:
        truth = evaluation.truth.loc[target]
        both = evaluation.scores["partial"].loc[target].notna()
        taus = [weighted_tau(truth[both], evaluation.scores[m].loc[target][both]) for m in ("good", "partial")]
        gaps.append(taus[0] - taus[1])
    assert row["difference"] == pytest.approx(np.mean(gaps))


def test_what_is_inside_takes_two_passes():
    measures = pd.DataFrame({"method": ["logme", "logme_inner", "parameters"], "dataset": "digits", "n_scored": 3})
    passes = compare.forward_passes(measures, {"digits": 50}, {"parameters"}, {})
    assert passes.to_dict() == {"logme": 150, "logme_inner": 300, "parameters": 0}


def test_forward_passes_are_images_times_ptms(evaluation):
    passes = evaluation.gain["forward_passes"]
    assert passes["parameters"] == 0 and passes["mean_truth_other_families"] == 0
    assert passes["good"] == 160 * 12 and passes["fair"] == passes["fair_family_out"] == 160 * 3
    assert passes["partial"] == pytest.approx(160 * (12 * 3 + 10) / 4)


def test_where_methods_differ(evaluation):
    by = evaluation.by.set_index(["method", "by", "group"])
    tau = evaluation.tau.loc["fair"]
    assert by.loc[("fair", "family", "cells"), "tau"] == pytest.approx((tau["solar"] + tau["defect"]) / 2)
    assert by.loc[("fair", "classes", "6 to 10"), "tau"] == pytest.approx((tau["digits"] + tau["scale"]) / 2)
    assert by.loc[("fair", "train", "101 to 200"), "n_targets"] == 5
    assert by.loc[("no_head", "task", "regression"), "n_targets"] == 0
    assert np.isnan(by.loc[("no_head", "task", "regression"), "tau"])
    shown = where_rows(evaluation)
    assert "classes: 2 (1)" in shown and not any(
        column.startswith("train") for column in shown
    )  # one group tells nothing


def test_the_variance_is_split_by_target_and_for_the_zoo(evaluation):
    table = evaluation.variance.set_index("dataset")
    assert table.loc["all", "general"] == pytest.approx(np.corrcoef(evaluation.truth)[np.triu_indices(5, 1)].mean())
    error = 0.01 / np.sqrt(2)
    assert table.loc["digits", "noise"] == pytest.approx(error**2 / evaluation.truth.loc["digits"].var())
    values = evaluation.truth.loc["digits"]
    at_most = (values * (1 - values)).mean() / 400 / values.var()
    assert table.loc["digits", "images_at_most"] == pytest.approx(at_most)
    assert np.isnan(table.loc["defect", "images_at_most"])  # no fraction
    shares = table[["general", "interaction", "noise"]]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(np.ones(6))
    negative = evaluation.variance.assign(interaction=-0.1)
    shown = variance_rows({"zoo": Evaluation(**vars(evaluation) | {"variance": negative})})
    assert shown["interaction"].tolist() == ["0.00"]


def test_the_first_ten_against_each_other(evaluation):
    shown = top_rows(evaluation).set_index("method")
    assert list(shown.index) == list(shown.columns) == compare.leaders(evaluation.tau)
    assert shown.loc["good", "coin"].startswith("+") and shown.loc["coin", "good"].startswith("-")
    assert shown.loc["good", "good"] == "-"
    width = compare.typical_width(evaluation.pairs, ["good", "coin"])
    row = evaluation.pairs.set_index(["method", "other"]).loc["good", "coin"]
    assert width == pytest.approx(row["high"] - row["low"])


def test_the_readme_gets_ten_rows(evaluation):
    lines = markdown_table({"zoo": evaluation}).splitlines()
    assert sum(line.startswith("| ") for line in lines) == 2 + len(short_rows(evaluation)) <= 12
    assert "above 0" in lines[0] and any("is " in line and "wide (median)" in line for line in lines)


def test_the_figure_names_the_leaders(evaluation):
    drawn, tau = regret_by_budget(evaluation), evaluation.tau
    blind = tau.loc[compare.honest(list(tau.index))].query("group == 'blind'")["mean"]
    assert all(f">{name}</text>" in drawn for name in ("good", blind.idxmax(), "at random"))
    assert f">{blind.idxmin()}</text>" not in drawn
