import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbweaver.methods import aggregated, borda, joined

NAN = np.nan


def test_mean_of_ranks():
    result = borda({"a": np.array([1.0, 2, 3]), "b": np.array([10.0, 30, 20])})
    assert np.argsort(result).tolist() == [0, 1, 2] or np.argsort(result).tolist() == [0, 2, 1]
    assert result[0] < result[1]
    assert result[0] < result[2]


def test_ties_of_rank_go_to_the_larger_z_score():
    result = borda({"a": np.array([0.0, 1, 2]), "b": np.array([0.0, 100, 1])})
    assert result[1] > result[2] > result[0]
    assert borda({"a": np.array([1.0, 1, 0])})[0] == borda({"a": np.array([1.0, 1, 0])})[1]


def test_a_missing_score_is_left_out():
    result = borda({"a": np.array([1.0, 2, 3]), "b": np.array([NAN, 2, 1])})
    assert result[0] < result[1]
    assert result[1] > 0.5
    unknown = borda({"a": np.array([1.0, NAN, 3]), "b": np.array([2.0, NAN, 1])})
    assert np.isnan(unknown).tolist() == [False, True, False]
    alone = borda({"a": np.array([1.0, 2, 3]), "b": np.array([NAN, NAN, 5])})
    assert np.array_equal(alone, borda({"a": np.array([1.0, 2, 3])}))
    assert np.isnan(borda({"a": np.array([NAN, 1.0])})).all()


def test_constant_method_has_no_say():
    one = {"a": np.array([3.0, 1, 2])}
    assert np.array_equal(np.argsort(borda(one | {"b": np.ones(3)})), np.argsort(borda(one)))


def test_rounding_has_no_say():
    """Of more features than samples H-Score is C - 1 for every PTM, but for the last digits."""
    one = {"a": np.array([3.0, 1, 2])}
    nearly = {"h_score": 7 + np.array([-3.0, 0, 2]) * np.spacing(7.0)}
    np.testing.assert_array_equal(np.argsort(borda(one | nearly)), np.argsort(borda(one)))
    np.testing.assert_array_equal(joined(nearly, {"h_score": 1.0}), np.zeros(3))
    assert np.argsort(borda({"gbc": np.array([-3e-120, -2e-136, -2e-65])})).tolist() == [
        2,
        0,
        1,
    ]  # small is not rounding


@pytest.mark.parametrize(
    "scores", [{}, {"a": np.zeros((2, 2))}, {"a": np.array([np.inf, 1])}, {"a": np.zeros(2), "b": np.zeros(3)}]
)
def test_unsound(scores):
    with pytest.raises(ValueError):
        borda(scores)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(-5, 5), min_size=5, max_size=5), min_size=1, max_size=4), st.permutations(range(5))
)
def test_order_of_ptms_is_free(rows, order):
    scores = {str(i): np.array(row, dtype=float) for i, row in enumerate(rows)}
    moved = borda({k: v[order] for k, v in scores.items()})
    assert np.allclose(moved, borda(scores)[order])


def test_a_method_has_one_vote() -> None:
    """Its form on F-labels, or as published, says the same again."""
    r = np.random.default_rng(0)
    table = pd.DataFrame(
        [
            {"ptm": f"ptm{i}", "method": method, "score": r.normal(), "reason": ""}
            for method in ("parameters", "logme", "logme_labels", "knn", "emms_published")
            for i in range(5)
        ]
    )
    found = aggregated(table).set_index(["method", "ptm"])["score"]
    scores = table.pivot(index="ptm", columns="method", values="score")
    np.testing.assert_array_equal(found["borda_all"], borda({m: scores[m].to_numpy() for m in ("knn", "logme")}))
    assert "borda_trio" not in found  # without its three methods
