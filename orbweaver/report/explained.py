"""What the page explains where it stands: words by a glossary, methods by their cards in the documentation site."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import yaml

from orbweaver.methods import AGGREGATIONS, METHODS
from orbweaver.report.evaluate import Evaluation
from orbweaver.report.priors import BLIND, CONTROLS, family_out, with_family
from orbweaver.report.stacked import STACKING

# No public address of the site is declared, so the links are for whoever has the clone: from reports/index.html to
# what `make docs` builds. Once the site is published, its address belongs here.
SITE = "../site/methods"
SPIDER = "spider"
FORMS = {form: f"{SPIDER}{form}" for form in CONTROLS}  # of every ranker
CARDS = {*METHODS, *AGGREGATIONS, *BLIND, family_out(BLIND[2]), STACKING, SPIDER, f"{SPIDER}_paper", *FORMS.values()}


class Word(NamedTuple):
    """id: in the page. name, text: as shown."""

    id: str
    name: str
    text: str


def glossary() -> dict[str, Word]:
    """Every name of every word in glossary.yaml."""
    told = yaml.safe_load((Path(__file__).parent / "glossary.yaml").read_text(encoding="utf-8"))
    words = {}
    for names, text in told.items():
        first, *others = names.split(" / ")
        word = Word("word-" + re.sub(r"\W+", "-", first.casefold()).strip("-"), first, text)
        words |= dict.fromkeys([first, *others], word)
    return words


def card_links(evaluations: Iterable[Evaluation]) -> dict[str, str]:
    """Address of the card of each method, or of the method that it is a form of; of those that have one."""
    found = {
        method: card_of(method, learned=group == "learned")
        for evaluation in evaluations
        for method, group in evaluation.tau["group"].items()
    }
    return {method: f"{SITE}/{name}.html" for method, name in found.items() if name}


def card_of(method: str, learned: bool = False) -> str | None:
    """The name of the card that explains a row; learned: whether the row is a Model Spider, whatever its name."""
    for name in (method, with_family(method)):
        if name in CARDS:
            return name
    form = next((card for end, card in FORMS.items() if with_family(method).endswith(end)), None)
    return form or (SPIDER if learned else None)
