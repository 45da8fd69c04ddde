import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from stages.reports.build import build
from stages.reports.published import FOLDER, replay


@pytest.fixture(scope="module")
def built(made_up, some_inside, some_weights, tmp_path_factory):
    """The report on the made-up benchmark, with the published table, written twice."""
    folders = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    truth, scores, cards = made_up
    truth, scores = truth[truth["dataset"] != "games"], scores[scores["method"].isin(["good", "no_head"])]
    replayed = replay(Path(__file__).parents[2] / FOLDER, n_resamples=20)
    for folder in folders:
        build(truth, scores, cards, 0, folder, 50, replayed, some_inside, some_weights)
    return folders


@pytest.fixture
def small(tables):
    """One target and one method, for what needs a build of its own."""
    truth, scores, cards = tables
    return truth[truth["dataset"] == "digits"], scores[scores["method"] == "good"], cards


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_builds_give_the_same_bytes(built):
    first, second = (contents(folder) for folder in built)
    assert first == second
    assert {"tau.csv", "measures.csv", "truth.csv", "metrics.json", "index.html"} <= set(first)
    assert json.loads(first["metrics.json"])["weighted_tau"]["good"]["mean"] > 0.7


def test_the_page_asks_nobody_for_anything(built):
    html = (built[0] / "index.html").read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[^\"'\s<]+", html))
    assert addresses <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}  # names, not resources
    assert not re.search(r"<(script|link|iframe)\b|@import|url\((?!#)|\bsrc=\"(?!data:image/png;base64,)", html)
    assert "69 of 72" in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(ids)
    Strict().feed(html)


def test_figures_are_svg_without_a_date(built):
    for path in (built[0] / "figures").iterdir():
        text = path.read_text(encoding="utf-8")
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert "<metadata" not in text and not re.search(r"\b20\d\d-\d\d-\d\d", text)


def test_sections_appear_with_what_they_show(built, small, some_rankers, tmp_path):
    html = (built[0] / "index.html").read_text(encoding="utf-8")
    for section in ("ranking", "weights", "truth", "scores", "regret", "published", "inside", "provenance"):
        assert f'<section id="{section}">' in html
    assert "Which differences are established" in html and "a &lt;b&gt;place" in html
    assert 'id="time"' not in html and 'id="spider"' not in html

    truth, scores, cards = small
    seconds = scores[["dataset", "ptm", "method"]].assign(seconds=0.01)
    build(truth, scores, cards, 0, tmp_path, n_resamples=20, rankers=some_rankers, seconds=seconds)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'id="time"' in html and 'id="spider"' in html and 'id="weights"' not in html
    assert not (tmp_path / "figures/cost.svg").exists()  # seconds are in the page and in no output


def test_names_are_escaped(small, tmp_path):
    truth, scores, cards = small
    build(truth, scores.assign(method="<b>good"), cards, 0, tmp_path, n_resamples=20)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<b>good" not in html and "&lt;b&gt;good" in html


def test_figures_of_methods_that_are_gone_are_removed(small, tmp_path):
    truth, scores, cards = small
    for method in ("old", "new"):
        build(truth, scores.assign(method=method), cards, 0, tmp_path, n_resamples=20)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert "scatter_new.svg" in names and "scatter_old.svg" not in names


def test_one_target_and_two_ptms_are_enough(small, tmp_path):
    truth, scores, cards = small
    truth = truth[truth["ptm"].isin(["resnet_b", "vit_b"])]
    evaluation = build(truth, scores, cards[cards["ptm"].isin(truth["ptm"])], 0, tmp_path, n_resamples=20)
    assert abs(evaluation.tau.loc["good", "mean"]) == 1


class Strict(HTMLParser):
    """Refuses an element that is closed out of order."""

    EMPTY = frozenset({"meta", "link", "br", "hr", "img", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
