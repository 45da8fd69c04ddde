"""What is advised: sentences that a person would say, on rankings whose answer is known."""

from __future__ import annotations

import shlex

import numpy as np
import pandas as pd
import pytest

from orbweaver.select.order.expected import Calibration
from orbweaver.select.told.advice import Unit, advice, in_unit, no_better, unit_of, verdict

ACCURACY = Unit("accuracy", True, real="accuracy")
COMMAND = ["orbweaver", "rank", "my pictures"]


def case(probe: dict[str, float], spread: float, sizes: dict[str, float] | None = None) -> tuple:
    """A ranking by the probe, and half-samples on which all move together by 0.05 and each alone by `spread`."""
    random = np.random.default_rng(0)
    names = sorted(probe, key=lambda name: -probe[name])
    common = random.normal(0, 0.05, 200)
    halves = pd.DataFrame({name: probe[name] + common + random.normal(0, spread, 200) for name in names})
    table = pd.DataFrame({"ptm": names, "score": [probe[n] for n in names], "probe": [probe[n] for n in names]})
    table["parameters"] = [(sizes or {}).get(name, 10.0) * 1e6 for name in names]
    return table.assign(dropped=False, expected=np.nan, low=np.nan, high=np.nan), halves


def said(table: pd.DataFrame, halves: pd.DataFrame, **more: object) -> str:
    asked = {"unit": ACCURACY, "what": "images", "calibration": None, "seconds": {}, "command": COMMAND} | more
    return "\n".join(advice(table, halves, halves, **asked))


def test_a_clear_leader_is_named_with_its_lead() -> None:
    text = said(*case({"a": 0.9, "b": 0.55, "c": 0.5}, 0.01))
    assert text.startswith("a leads. A linear model on its features reaches 0.9 (accuracy) on these images.")
    assert "That is 35.0 points more than the next, b (" in text
    assert "Forget c: clearly behind on the same images." in text and "cannot tell" not in text
    assert f"Next: fine-tune a and b and keep the best: {shlex.join([*COMMAND, '--tune', '2'])}" in text


@pytest.mark.parametrize("count", [2, 3])
def test_ptms_that_cannot_be_told_apart_are_never_narrowed_down_to_all(count: int) -> None:
    probe = {name: 0.8 + i / 1000 for i, name in enumerate("abc"[:count])}
    text = said(*case(probe, 0.05, {"b": 3}))
    whole = {2: "the two", 3: "all 3"}[count]
    assert f"These images cannot tell {whole} PTMs apart" in text and "The smallest of them is b." in text
    assert "narrow" not in text and "Forget" not in text and f"--tune {count}" in text


def test_the_cheapest_within_a_point_of_the_best_is_named() -> None:
    text = said(*case({"big": 0.90, "small": 0.893, "tiny": 0.7}, 0.01, {"big": 86, "small": 5.5, "tiny": 1}))
    assert "Cheapest within one point of the best: small, 5.5 M parameters instead of 86.0 M, for 0.7 points." in text
    text = said(*case({"big": 0.90, "small": 0.88}, 0.001, {"big": 86, "small": 5.5}))
    assert "Cheapest" not in text


def test_those_that_were_dropped_are_forgotten_and_minutes_are_told() -> None:
    table, halves = case({"a": 0.9, "b": 0.6, "c": 0.5, "d": 0.4}, 0.01)
    table.loc[table["ptm"] == "d", "dropped"] = True
    text = said(table, halves[["a", "b", "c"]], seconds={"a": 300.0, "b": 420.0})
    assert "Forget c, d: clearly behind on the same images; 1 of them was dropped early." in text
    assert "about 12 min here" in text


def test_of_one_ptm_there_is_no_best_to_keep() -> None:
    text = said(*case({"a": 0.9}, 0.01))
    assert f"Next: fine-tune a: {shlex.join([*COMMAND, '--tune', '1'])}" in text


@pytest.mark.parametrize("others", [{}, {"b": 0.6}])
def test_what_fine_tuning_should_give_is_told_of_the_first(others: dict[str, float]) -> None:
    table, halves = case({"a": 0.9, **others}, 0.01)
    assert "should reach" not in said(table, halves)
    table.loc[table["ptm"] == "a", ["expected", "low", "high"]] = 0.931, 0.85, 0.972
    assert "Fine-tuned, a should reach about 0.93 (accuracy); the 80 % range is 0.85 to 0.97." in said(table, halves)
    table.loc[table["ptm"] == "a", ["expected", "low", "high"]] = 1234.4, 900.0, 2000.0
    unit = unit_of("minus RMSE", np.array([1.0, 2.0]))
    assert "a should err by about 1234 (RMSE); the 80 % range is 900 to 2000." in said(table, halves, unit=unit)


def test_a_calibration_without_other_ptms_narrows_nothing_down() -> None:
    calibration = Calibration(0, 1, 1, ["t"] * 4, 0.8, {}, {})
    table, halves = case({"a": 0.9, "b": 0.55, "c": 0.5}, 0.01)
    assert said(table, halves, calibration=calibration) == said(table, halves)


def test_the_benchmark_keeps_more_than_the_data_do() -> None:
    calibration = Calibration(0, 1, 1, ["t"] * 4, 0.8, {1: 0.05, 2: 0.02, 3: 0.005, 4: 0.0}, {1: 1, 2: 2, 3: 3, 4: 4})
    text = said(*case({"a": 0.9, "b": 0.6, "c": 0.5, "d": 0.4}, 0.01), calibration=calibration)
    assert "Forget d" in text and "the first 3 held the best PTM on 3 of 4 targets" in text and "--tune 3" in text


def test_a_regression_is_told_in_its_own_unit() -> None:
    targets = np.array([10.0, 20.0, 30.0, 40.0])
    unit = unit_of("minus RMSE", targets)
    errors = in_unit(np.array([0.75, 0.0, -1.0]), targets, unit)
    assert errors == pytest.approx([targets.std() / 2, targets.std(), targets.std() * np.sqrt(2)])
    table, _ = case({"a": 3.0, "b": 2.0}, 0.1)
    table["probe"] = [2.0, 3.0]
    halves = pd.DataFrame({"a": [2.0, 2.2], "b": [3.0, 3.1]})
    text = "\n".join(advice(table, -halves, halves, unit, "images", None, {}, COMMAND))
    assert "errs by 2 (RMSE)" in text and "That is 1 less than the next, b" in text
    assert unit_of("accuracy", np.array([0, 1])).name == "accuracy"
    assert ACCURACY.bounds == (0, 1) and unit.bounds == (0, np.inf)
    assert unit_of("mean average precision", np.ones((2, 3), bool)).bounds == (-np.inf, 1)
    assert unit_of("mean average precision", np.ones((2, 3), bool)).name == "R²"


def test_what_fine_tuning_gave_is_held_against_the_ranking() -> None:
    table, _ = case({"a": 0.9, "b": 0.6}, 0.01)
    table = table.assign(real=[0.7, 0.8], expected=np.nan, low=np.nan, high=np.nan)
    text = "\n".join(verdict(table, "40 images", {"a": 1e-4, "b": 3e-4}, ACCURACY))
    assert "measured on 40 images kept apart, b is best: accuracy 0.800, with learning rate 0.0003." in text
    assert "The ranking had a first (0.700), 10.0 points less." in text and "measures" not in text


def test_of_a_regression_the_smallest_error_is_the_best() -> None:
    """Errors of 3.2 and 4.1 in the target's own unit; the score has the worse one first."""
    unit = unit_of("minus RMSE", np.array([1.0, 2.5]))
    table = pd.DataFrame({"ptm": ["a", "b"], "score": [0.9, 0.2], "real": [unit.of_truth(-4.1), unit.of_truth(-3.2)]})
    table = table.assign(expected=np.nan)
    text = "\n".join(verdict(table, "40 images", {"a": 1e-4, "b": 3e-4}, unit))
    assert "b is best: RMSE 3.2, with learning rate 0.0003." in text
    assert "The ranking had a first (4.1), 0.9 more." in text and "minus" not in text and " -" not in text


def test_of_a_regression_tau_holds_the_score_against_small_errors() -> None:
    unit = unit_of("minus RMSE", np.array([1.0, 2.5]))
    table = pd.DataFrame({"ptm": [*"abcde"], "score": [5, 4, 3, 2, 1], "real": [1, 2, 3, 4, 5]}).assign(expected=np.nan)
    assert "over these 5: 1.00." in verdict(table, "9 images", dict.fromkeys("abcde", 1e-4), unit)[-1]


def test_of_several_labels_it_is_said_which_measures_are_compared() -> None:
    unit = unit_of("mean average precision", np.ones((2, 3), bool))
    table = pd.DataFrame({"ptm": ["a"], "score": [0.9], "real": [0.6], "expected": [np.nan]})
    text = verdict(table, "40 images", {"a": 1e-4}, unit)
    assert "a is best: mean average precision 0.600" in text[0]
    assert text[-1].startswith("The probe's R² and fine-tuning's mean average precision are different measures")


@pytest.mark.parametrize(
    ("targets", "metric", "chance", "better"),
    [
        (np.array([0, 1, 1, 1]), "accuracy", [0.75, 0.5, np.nan], 0.76),
        (np.array([10.0, 20.0, 30.0]), "minus RMSE", [8.17, 9.0, np.nan], 8.0),
        (np.array([[True, False], [False, True]]), "mean average precision", [0.0, -0.2, np.nan], 0.01),
    ],
)
def test_where_no_probe_beats_one_answer_for_all_it_is_said(
    targets: np.ndarray, metric: str, chance: list[float], better: float
) -> None:
    unit = unit_of(metric, targets)
    assert "the order of the PTMs says little" in no_better(pd.Series(chance), targets, unit)
    assert no_better(pd.Series([*chance, better]), targets, unit) == ""
    assert no_better(pd.Series([np.nan]), targets, unit) == ""
