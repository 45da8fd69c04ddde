"""Sentences about an evaluation say what its tables say, and no more."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from orbweaver.report.evaluate import Evaluation, Zoo, evaluate
from orbweaver.report.statements import gap, statements


@pytest.fixture(scope="module")
def evaluation(made_up: tuple[pd.DataFrame, ...]) -> Evaluation:
    """The made-up zoo; `coin` is called logme there, so that the best score has somebody to be ahead of."""
    truth, scores, cards = made_up
    return evaluate(Zoo(truth, scores.replace({"method": {"coin": "logme"}}), cards), seed=0, n_resamples=200)


def test_a_gap_has_two_sides(evaluation: Evaluation) -> None:
    there, back = gap(evaluation, "good", "logme"), gap(evaluation, "logme", "good")
    assert there == pytest.approx((-back[0], -back[2], -back[1]))
    means = evaluation.tau["mean"]
    assert there[0] == pytest.approx(means["good"] - means["logme"])
    assert there[1] <= there[0] <= there[2]
    assert np.isnan(gap(evaluation, "good", "nobody")).all()


def test_ahead_is_said_where_the_interval_leaves_nothing_out(evaluation: Evaluation) -> None:
    told = " ".join(statements(evaluation))
    found = re.findall(r"It (is ahead of|is behind|cannot be told from) `(\w+)`: \S+ \((\S+) \.\. (\S+)\)", told)
    assert found
    for verdict, _, low, high in found:
        right = "is ahead of" if float(low) > 0 else "is behind" if float(high) < 0 else "cannot be told from"
        assert verdict == right or 0.0 in (float(low), float(high))  # rounded to 0


def test_scores_are_counted_against_the_general_order(evaluation: Evaluation) -> None:
    (sentence,) = [each for each in statements(evaluation) if "general order of the PTMs on other" in each]
    total, ahead, behind, open_ = map(int, re.findall(r"\d+", sentence))
    scores = evaluation.tau.query("group == 'method'").index
    gaps = np.array([gap(evaluation, name, "mean_truth_elsewhere") for name in scores])
    assert (total, ahead, behind) == (len(scores), (gaps[:, 1] > 0).sum(), (gaps[:, 2] < 0).sum())
    assert ahead + behind + open_ == total


def test_newer_scores_are_told_against_logme(made_up: tuple[pd.DataFrame, ...]) -> None:
    """The made-up methods under other names: one is far better than what is called logme, one the same, one worse."""
    truth, scores, cards = made_up
    coin = scores[scores["method"] == "coin"]
    worse = scores[scores["method"] == "good"].assign(method="tmi", score=lambda t: -t["score"])
    names = {"coin": "logme", "good": "ncti"}
    scores = pd.concat([scores.replace({"method": names}), coin.assign(method="etran"), worse])
    made = evaluate(Zoo(truth, scores, cards), seed=0, n_resamples=200)
    (sentence,) = [each for each in statements(made) if each.startswith("Newer scores")]
    ahead, behind, open_ = re.fullmatch(
        r".*`logme`: ahead of it: (.*); behind it: (.*); not to be told from it: (.*)\.", sentence
    ).groups()
    for name, told in (("ncti", ahead), ("tmi", behind), ("etran", open_)):
        difference, low, high = gap(made, name, "logme")
        assert told == f"`{name}` {difference:+.2f} ({low:+.2f} .. {high:+.2f})"
    assert gap(made, "etran", "logme") == (0, 0, 0)


def test_no_newer_score_no_sentence(evaluation: Evaluation) -> None:
    assert not [each for each in statements(evaluation) if "Newer" in each]


def test_without_noise_the_rest_has_no_parts(made_up: tuple[pd.DataFrame, ...]) -> None:
    truth, scores, cards = made_up
    known = statements(evaluate(Zoo(truth, scores, cards), seed=0, n_resamples=20))[0]
    unknown = statements(evaluate(Zoo(truth.assign(noise=np.nan, seeds=1), scores, cards), seed=0, n_resamples=20))[0]
    assert "noise 0." in known and "nobody measured" in unknown
