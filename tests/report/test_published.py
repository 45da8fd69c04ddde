from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orbweaver.metrics.tau import weighted_tau
from orbweaver.report.published import REASONS, TOLERANCE, published_variance, replay

PUBLISHED = Path(__file__).parents[2] / "data/published"


@pytest.fixture(scope="module")
def replayed():
    return replay(PUBLISHED, n_resamples=100)


def test_69_of_72_printed_cells_come_back(replayed):
    cells = replayed.cells
    assert len(cells) == 72
    assert cells["matches"].sum() == 69
    misses = cells[~cells["matches"]]
    assert set(zip(misses["method"], misses["dataset"], strict=True)) == set(REASONS)
    assert misses["reason"].str.len().min() > 0


@pytest.mark.parametrize(("method", "printed"), [("leep", 0.244), ("logme", 0.540)])
def test_the_reasons_hold(method, printed):
    scores = pd.read_csv(PUBLISHED / "single_source/scores.csv").query("dataset == 'Aircraft' and method == @method")
    both = scores.merge(pd.read_csv(PUBLISHED / "single_source/truth.csv"))
    assert abs(weighted_tau(both["accuracy_percent"], both["score"].round(3)) - printed) < TOLERANCE
    assert abs(weighted_tau(both["accuracy_percent"], both["score"]) - printed) > TOLERANCE


def test_other_conventions_do_not_give_the_table_back(replayed):
    symmetric = replayed.evaluation.measures.set_index(["method", "dataset"])["weighted_tau_symmetric"]
    cells = replayed.cells.set_index(["method", "dataset"])
    assert ((symmetric.loc[cells.index] - cells["printed"]).abs() <= TOLERANCE).sum() == 2


@pytest.mark.parametrize(
    ("control", "mean"),
    [
        ("parameters", 0.747),
        ("parameters_without_aux_heads", 0.677),
        ("source_accuracy", 0.730),
        ("mean_truth_elsewhere", 0.693),
        ("mean_training_label", 0.777),
        ("borda_h_score_nce_logme", 0.767),
        ("logme", 0.678),
    ],
)
def test_controls_beside_the_printed_table(replayed, control, mean):
    assert replayed.evaluation.tau.loc[control, "mean"] == pytest.approx(mean, abs=TOLERANCE)


def test_controls_stand_above_the_single_scores(replayed):
    assert replayed.evaluation.tau["group"].tolist() == ["blind"] * 5 + ["aggregation"] + ["method"] * 9
    assert replayed.printed_only.name == "model_spider" and replayed.printed_only["mean"] == 0.8


def test_no_score_can_be_told_from_the_constant_ranking_at_its_best(replayed):
    tau = replayed.evaluation.tau
    assert replayed.evaluation.best == "mean_training_label"
    assert tau.loc[["logme", "nce", "h_score"], "tied_with_best"].all()


@pytest.mark.parametrize(
    ("zoo", "general", "ptms"),
    [("single_source", 0.55, 10), ("emms_vit", 0.70, 13), ("emms_cnn", 0.84, 11), ("multi_source", 0.66, 42)],
)
def test_general_order_of_published_zoos(replayed, zoo, general, ptms):
    """Computed once by hand from the same tables; of multi-source's 66 PTMs, of which 42 are its zoo, it is 0.79."""
    row = replayed.variance.query("zoo == @zoo and dataset == 'all'").iloc[0]
    assert row["general"] == pytest.approx(general, abs=0.005) and row["n_ptms"] == ptms
    assert np.isnan(row["noise"]) and np.isnan(row["interaction"])  # one run a cell


def test_tables_of_runs_are_no_published_zoo(tmp_path):
    table = pd.read_csv(PUBLISHED / "emms_vit/truth.csv")
    for name, extra in (("theirs", {}), ("ours", {"seed": 0})):
        (tmp_path / name).mkdir()
        pd.concat([table.assign(**extra)] * (1 + len(extra))).to_csv(tmp_path / name / "truth.csv", index=False)
    assert {*published_variance(tmp_path)["zoo"]} == {"theirs"}
