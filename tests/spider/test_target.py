"""The tables of one target: methods, rank aggregations and rankers in one, and what is kept of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from orbweaver.core.errors import FileError
from orbweaver.core.formats.features import read_features
from orbweaver.core.settings import RankerSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import read_dataset, write_split
from orbweaver.methods import METHODS, MethodError
from orbweaver.models.card import read_card
from orbweaver.spider import checkpoint, pair
from orbweaver.spider.card import SpiderCard
from orbweaver.spider.target import TargetScores, scores_of_target
from tests.spider.conftest import SOURCES, TARGET, WIDTHS, put_features
from tests.spider.test_spider import of_the_zoo

ASKED = ["parameters", "h_score", "nce", "logme", "emms", "emms_gcv", "otce", "one"]


def a_spider(name: str) -> checkpoint.Spider:
    """An untrained one, which looks at `probe`, a method that is not asked for; "x without y": y is a family."""
    name, _, without = name.partition(" without ")
    torch.manual_seed(len(without))
    spec = RankerSettings(supervision=["held_out"], evidence=["probe"], seeds=2, without=without)
    card = SpiderCard(
        name=name + without, encoder="a", checkpoints={ptm: f"sha-{ptm}" for ptm in WIDTHS}, widths=WIDTHS,
        sources=["s"],
        spec=spec, width=8, bins=10, k=2, validation_tau=[0.1] * 5, constant={"a": 0, "b": 0.2, "c": 0.7, "d": 1},
        digest="", **of_the_zoo(WIDTHS, [2.0]),
    )  # fmt: skip
    return checkpoint.Spider(card, [checkpoint.empty_ranker(WIDTHS, 5, 8, spec).eval() for _ in range(2)])


def found(
    workspace: Workspace, spiders: tuple[str, ...] = ("one", "other"), seed: int = 0, family: str = ""
) -> TargetScores:
    cards = [read_card(workspace, ptm) for ptm in WIDTHS]
    known = []
    for spider in map(a_spider, spiders):
        checkpoint.save(spider, workspace.ranker(spider.card.name))
        known.append(spider.card)
    return scores_of_target(workspace, "x", cards, ["words"], ASKED, family, known, seed, 1)


def test_a_target_has_a_row_for_every_ptm_and_method(stocked: Workspace) -> None:
    tables = found(stocked)
    rows = [*ASKED[:-1], "borda_trio", "borda_all", "one", "one_k0", "one_constant", "one_evidence"]
    assert tables.scores.columns.tolist() == ["dataset", "ptm", "method", "score", "reason"]
    assert {*map(tuple, tables.scores[["ptm", "method"]].to_numpy())} == {(p, m) for p in WIDTHS for m in rows}
    assert len(tables.scores) == len(WIDTHS) * len(rows) and {*tables.scores["dataset"]} == {"x"}
    scores = tables.scores.pivot(index="ptm", columns="method", values="score")
    assert scores["parameters"].rank().to_dict() == {"a": 3, "b": 1, "c": 4, "d": 2}
    assert scores["one_constant"].to_dict() == {"a": 0, "b": 0.2, "c": 0.7, "d": 1}
    features = {ptm: read_features(stocked.features(ptm, "x")).features for ptm in WIDTHS}
    by_probe = sorted(WIDTHS, key=lambda ptm: METHODS["probe"](features[ptm], TARGET))
    assert scores["one_evidence"].sort_values().index.tolist() == by_probe
    for method in ("h_score", "nce", "logme", "emms", "otce", "one", "one_k0"):
        assert scores[method].notna().all(), method
    assert {*tables.seconds["method"]} == {*ASKED[:-1]} and (tables.seconds["seconds"] >= 0).all()
    assert tables.weights.columns[:3].tolist() == ["dataset", "ptm", "encoder"]
    assert tables.weights["ptm"].tolist() == [*WIDTHS] and tables.weights["weight"].notna().all()


def test_rankers_say_something_for_every_seed_and_k(stocked: Workspace) -> None:
    tables = found(stocked)
    ranked = tables.rankers
    assert len(ranked) == 2 * 3 * (len(WIDTHS) + 1) * len(WIDTHS)  # rankers, seeds and their mean, k, PTMs
    one = ranked[ranked["ranker"] == "one"].pivot(index=["k", "ptm"], columns="seed", values="score")
    for k in (0, len(WIDTHS)):  # between them each seed alone forwards PTMs of its own choice
        np.testing.assert_allclose(one["all"].loc[k], (one[0] + one[1]).loc[k] / 2, atol=1e-6)
    validated = tables.scores[tables.scores["method"] == "one"].set_index("ptm")["score"]
    assert validated.to_dict() == one["all"].loc[2].to_dict()
    none = found(stocked, ())
    assert len(none.rankers) == 0 and not none.scores["method"].str.startswith("one").any()


@pytest.mark.parametrize(("family", "by"), [("letters", "oneletters"), ("elsewhere", "one")])
def test_a_target_is_ranked_by_who_learned_without_its_family(stocked: Workspace, family: str, by: str) -> None:
    tables = found(stocked, ("one", "one without games", "one without letters", "other"), family=family)
    scores = tables.scores.pivot(index="ptm", columns="method", values="score")
    ranked = tables.rankers.query("seed == 'all' and ranker == @by").pivot(index="ptm", columns="k", values="score")
    assert scores["one_family_out"].to_dict() == ranked[2].to_dict()
    assert scores["one_k0_family_out"].to_dict() == ranked[0].to_dict()
    assert "one_constant_family_out" in scores and "oneletters" not in scores
    assert (scores["one_family_out"].to_dict() == scores["one"].to_dict()) == (by == "one")


def test_scores_are_kept_until_something_they_depend_on_changes(stocked: Workspace, monkeypatch) -> None:
    first = found(stocked)

    def again(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(pair, "score", again)
    second = found(stocked)
    for name in ("scores", "seconds", "rankers", "weights"):
        assert getattr(first, name).equals(getattr(second, name)), name
    with pytest.raises(AssertionError, match="computed again"):
        found(stocked, seed=1)
    put_features(stocked, "c", "s", SOURCES["s"], 9, "s")  # of the PTM's source alone
    with pytest.raises(AssertionError, match="computed again"):
        found(stocked)


def test_a_method_that_fails_is_named_with_ptm_and_target(stocked: Workspace, monkeypatch) -> None:
    def broken(features: np.ndarray) -> float:
        raise ZeroDivisionError("by zero")

    monkeypatch.setitem(METHODS, "h_score", broken)
    with pytest.raises(MethodError, match=r"h_score of 'a' on 'x'.*by zero"):
        found(stocked)


def test_features_of_another_version_of_the_target_are_refused(stocked: Workspace) -> None:
    found(stocked)
    other = replace(read_dataset(stocked, "targets", "x", "train"), origin="elsewhere")
    write_split(stocked.split("targets", "x", "train"), other)
    with pytest.raises(FileError, match=r"a/x\.h5: made from another dataset"):
        found(stocked)
    put_features(stocked, "a", "x", TARGET, 0, "no digest")
    with pytest.raises(FileError, match=r"a/x\.h5: made from another dataset"):
        found(stocked)
