"""Words and methods that the page explains: every link leads to a card that is made, every head has its word."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from docs.site import cards
from orbweaver.report import figures
from orbweaver.report.build import build
from orbweaver.report.evaluate import Zoo, evaluate
from orbweaver.report.explained import CARDS, SITE, card_of, glossary
from tests.conftest import ROOT

ROWS = {"good": "logme", "fair": "mine", "no_head": "mine_k0", "partial": "stacking_family_out", "coin": "new_score"}


@pytest.fixture
def zoo(tables: tuple[pd.DataFrame, ...]) -> Zoo:
    """One target; a score, a Model Spider of a name of its own in two forms, stacking, and a score without a card."""
    truth, scores, facts = tables
    scores = scores.assign(method=scores["method"].map(ROWS))
    digits = (table[table["dataset"] == "digits"] for table in (truth, scores))
    return Zoo(*digits, facts, forwards={"mine": 3, "mine_k0": 1})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The cards of the documentation site; how a formula is drawn is no matter here."""
    monkeypatch.setattr(cards, "mathml", str)
    return {*cards.pages(ROOT)}


def test_the_cards_that_are_known_are_those_that_are_made(made: set[str]) -> None:
    assert {f"methods/{name}.md" for name in CARDS} == made - {"methods/index.md"}


def test_methods_of_the_main_table_lead_to_their_cards(zoo: Zoo, made: set[str]) -> None:
    page = build({"image_classification": zoo}, 0, n_resamples=20).page
    table = re.search(r"<table>\s*<caption><span>Weighted tau of every method.*?</table>", page, re.DOTALL)[0]
    rows = re.findall(r'<th scope="row">(?:<a href="([^"]+)">)?([^<]+)<', table)
    leads = {method: address for address, method in rows}
    assert leads.pop("new_score") == ""
    assert leads["mine"] == f"{SITE}/spider.html" and leads["mine_k0"] == f"{SITE}/spider_k0.html"
    assert leads["stacking_family_out"] == f"{SITE}/stacking.html"
    assert {"parameters", "logme", "mean_truth_elsewhere"} <= {*leads}
    for address in leads.values():  # the built site has a page .html of each .md
        assert address.removeprefix("../site/").replace(".html", ".md") in made


def test_forms_have_the_card_of_what_they_are_a_form_of() -> None:
    assert card_of("mean_truth_other_families") == "mean_truth_other_families"
    assert card_of("spider_constant_family_out") == card_of("mine_constant") == "spider_constant"
    assert card_of("mine_family_out", learned=True) == "spider" and card_of("mine") is None


def test_words_are_short_and_have_a_place_of_their_own() -> None:
    words = {*glossary().values()}
    assert len({word.id for word in words}) == len(words)
    for word in words:
        assert word.text.endswith(".") and len(word.text) < 170, word.name


def test_groups_of_the_heat_map_have_names(zoo: Zoo) -> None:
    evaluation = evaluate(zoo, 0, 20)
    names = re.findall(r">([a-z][\w-]{2,})</text>", figures.heat_map(evaluation))
    assert names[: names.index("target-blind")] == ["mean", "digits"]
    groups = ["target-blind", "aggregations", "learned", "scores"]
    assert [name for name in names if name in groups] == groups
    learned = names[names.index("learned") + 1 : names.index("scores")]
    assert {*learned} == {"mine", "mine_k0"}
    places = evaluation.tau["group"].cat.codes.to_numpy()
    assert (np.diff(places) >= 0).all()  # in the tables they stand in the same order
