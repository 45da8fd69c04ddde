"""Which scores are the same: groups of copies, sets chosen without the family they are tested on, thinner tables."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from orbweaver.metrics.tau import weighted_tau
from orbweaver.report.evaluate import Zoo, evaluate
from orbweaver.report.same import alike, correlation_map, fewest, same, sub_zoos, thinned

TARGETS, PTMS = [f"t{i}" for i in range(6)], [f"p{i}" for i in range(9)]
FAMILIES = dict(zip(TARGETS, "aabbcc", strict=True))


def table(values) -> pd.DataFrame:
    return pd.DataFrame(values, TARGETS, PTMS)


@pytest.fixture
def world():
    """Truth is the sum of three things; three methods see one each, `copy` the first again, `noise` nothing."""
    r = np.random.default_rng(0)
    parts = r.normal(size=(3, 6, 9))
    scores = {name: table(part) for name, part in zip(("one", "two", "three"), parts, strict=True)}
    scores |= {"copy": table(np.exp(parts[0])), "noise": table(r.normal(size=(6, 9)))}
    return table(parts.sum(axis=0)), scores


def test_copies_are_one_group(world):
    _, scores = world
    scores["unlike"] = -scores["one"]
    scores["flat"] = scores["one"] * 0
    scores["one"].iloc[0, :3] = np.nan
    found = alike(scores)
    expected = spearmanr(scores["one"].loc["t1"], scores["two"].loc["t1"]).statistic
    assert found.by_target["t1"].loc["one", "two"] == pytest.approx(expected)
    assert found.by_target["t0"].loc["one", "copy"] == pytest.approx(1)  # on those that both scored
    each = [found.by_target[target].loc["two", "three"] for target in TARGETS]
    assert found.pooled.loc["two", "three"] == pytest.approx(np.mean(each))
    assert found.groups["one"] == found.groups["copy"]
    assert found.groups.nunique() == 5 and "flat" not in found.groups.index
    assert found.groups.tolist() == sorted(found.groups)
    assert found.pooled.index.tolist() == found.pooled.columns.tolist() == found.groups.index.tolist()
    assert alike({"one": scores["one"]}).groups.to_dict() == {"one": 1}
    rows = found.pairs().set_index(["method", "other"])
    assert len(rows) == 4 * 5 // 2 + 5 and rows["group"].notna().sum() == 1
    pair = ("one", "copy") if ("one", "copy") in rows.index else ("copy", "one")
    assert rows.loc[pair, "group"] == found.groups["one"] and rows.loc[pair, "t0"] == pytest.approx(1)
    pair = ("two", "three") if ("two", "three") in rows.index else ("three", "two")
    assert rows.loc[pair, "mean"] == pytest.approx(np.mean(each))
    drawn = correlation_map(found)
    assert drawn.startswith("<svg") and all(name in drawn for name in found.groups.index)
    assert drawn == correlation_map(alike(scores))


def test_the_fewest_are_chosen_without_the_family_that_tests_them(world):
    truth, scores = world
    found = fewest(truth, scores, FAMILIES, most=5)
    assert {*found["method"].iloc[:3]} in ({"one", "two", "three"}, {"copy", "two", "three"})
    assert found["size"].tolist() == [1, 2, 3, 4, 5]
    first = found["method"][0]
    best = {
        name: np.mean([weighted_tau(truth.loc[t], values.loc[t]) for t in TARGETS]) for name, values in scores.items()
    }
    assert best[first] == pytest.approx(max(best.values())) and found["tau"][0] == pytest.approx(best[first])
    assert found["tau"][4] == pytest.approx(found["everything"][4])  # all five are everything
    assert found["left_out"][4] == pytest.approx(found["everything"][4])
    assert found["enough"].tolist() == (found["left_out"] >= found["everything"]).tolist() and found["enough"][2]
    assert fewest(truth, scores, dict.fromkeys(TARGETS, "a")).empty, "with one family, none can be left out"


def test_a_method_that_is_right_by_its_own_family_alone_does_not_pass(world):
    truth, scores = world
    cheat = scores["noise"].copy()
    cheat.iloc[:2] = truth.iloc[:2]
    found = fewest(truth.iloc[:4], {"cheat": cheat.iloc[:4], "noise": -cheat.iloc[:4]}, FAMILIES, most=1)
    assert found["method"][0] == "cheat"
    right = np.mean([weighted_tau(truth.loc[t], cheat.loc[t]) for t in TARGETS[:4]])
    assert found["tau"][0] == pytest.approx(right)
    by_other = []
    for family, other in (("a", "b"), ("b", "a")):
        own, others = ([t for t in TARGETS[:4] if FAMILIES[t] == f] for f in (family, other))
        signs = {s: np.mean([weighted_tau(truth.loc[t], s * cheat.loc[t]) for t in others]) for s in (1, -1)}
        by_other.append(np.mean([weighted_tau(truth.loc[t], max(signs, key=signs.get) * cheat.loc[t]) for t in own]))
    assert found["left_out"][0] == pytest.approx(np.mean(by_other))


def test_a_missing_score_is_left_out_of_the_mean_rank(world):
    truth, scores = world
    some = scores["two"].copy()
    some.iloc[:, 4:] = np.nan
    found = fewest(truth, {"one": scores["one"], "some": some}, FAMILIES)
    assert found["left_out"].notna().all() and found["tau"].between(-1, 1).all()


def test_thinner_tables(world):
    truth, scores = world
    found = thinned(truth, scores, (0, 2, 5, 6), draws=20)
    kinds = [("ptms", 0), ("ptms", 2), ("ptms", 5), ("ptms", 6), ("targets", 0), ("targets", 2)]
    assert [*found[["what", "n"]].itertuples(index=False, name=None)] == kinds
    whole = found[found["n"] == 0]
    assert (whole[["agreement", "low", "high"]].to_numpy() == pytest.approx(1)) and (whole["best_stays"] == 1).all()
    assert found["agreement"][2] < found["agreement"][1] < 1
    assert (found["low"] <= found["agreement"] + 1e-12).all() and found["best_stays"].between(0, 1).all()
    pd.testing.assert_frame_equal(found, thinned(truth, scores, (0, 2, 5, 6), draws=20))


def test_ptms_of_one_architecture_and_of_one_size(world):
    truth, scores = world
    cards = pd.DataFrame(
        {"ptm": PTMS[::-1], "architecture": [*"aaaaaabb", None], "n_parameters": [9.0, *[5] * 5, 1, 1, 2]}
    )
    found = sub_zoos(truth, scores, cards)
    groups = found.drop_duplicates(["by", "group"]).set_index(["by", "group"])["n_ptms"]
    assert groups.to_dict() == {("architecture", "a"): 6, ("size", "small"): 3, ("size", "middle"): 5}
    six = cards["ptm"][:6]
    expected = np.mean([weighted_tau(truth.loc[t, six], scores["two"].loc[t, six]) for t in TARGETS])
    assert found.set_index(["method", "group"]).loc[("two", "a"), "tau"] == pytest.approx(expected)
    assert sub_zoos(truth, scores, cards.assign(architecture="a", n_parameters=1.0)).empty, "the whole zoo is no group"


def test_a_zoo_in_the_report(made_up):
    truth, scores, cards = made_up
    zoo = Zoo(truth.assign(family=truth["dataset"].replace({"games": "digits"})), scores, cards)
    twice = pd.concat([scores, scores[scores["method"] == "good"].assign(method="good_family_out")])
    oracle = truth.rename(columns={"value": "score"})[["dataset", "ptm", "score"]].assign(method="wise")
    zoo = Zoo(zoo.truth, pd.concat([twice, oracle]), cards, forwards={"wise": 3})
    found = same(evaluate(zoo, 0, 20), cards, 0)
    assert "good" not in found.alike.groups.index, "the row without the family stands beside it"
    assert {"parameters", "good_family_out"} <= {*found.alike.groups.index}
    assert [*found.alike.by_target] == ["digits", "games", "solar", "scale"], "headline targets"
    assert "good_family_out" in {*found.fewest["method"]} and "parameters" not in {*found.fewest["method"]}
    assert "wise" in found.alike.groups.index and "wise" not in {*found.fewest["method"]}, "it learned: no score"
    assert {*found.thinned["what"]} == {"ptms", "targets"}
    assert {*found.sub_zoos["by"]} == {"size"}, "all PTMs are of one architecture"
