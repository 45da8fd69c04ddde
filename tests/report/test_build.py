import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from orbweaver.report.build import build
from orbweaver.report.evaluate import Zoo
from orbweaver.report.figures import svg
from orbweaver.report.markdown import escaped
from orbweaver.report.published import replay
from orbweaver.report.replays import ZOOS, ceilings

ZOO = "image_classification"


@pytest.fixture(scope="module")
def built(made_up, some_inside, some_weights, tmp_path_factory):
    """The report on the made-up benchmark, with the published table, written twice."""
    folders = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    truth, scores, cards = made_up
    truth, scores = truth[truth["dataset"] != "games"], scores[scores["method"].isin(["good", "no_head"])]
    published = Path(__file__).parents[2] / "data/published"
    replayed, anew = replay(published, n_resamples=20), ceilings(published, 0, 20)
    for folder in folders:
        zoos = {ZOO: Zoo(truth, scores, cards)}
        build(zoos, 0, 50, replayed, some_inside, some_weights, ceilings=anew).write(folder)
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
    assert {"gain.csv", "pairs.csv", "regret.csv", "by.csv", "variance.csv"} <= set(first)
    assert {"alike.csv", "fewest.csv", "thinned.csv", "sub_zoos.csv", "figures/same.svg"} <= set(first)
    assert first["alike.csv"].decode().startswith("method,other,group,mean,digits,")
    assert first["by.csv"].decode().splitlines()[0] == "method,by,group,n_targets,tau"
    assert b"multi_source,all,42,0.657364" in first["variance.csv"]
    assert json.loads(first["metrics.json"])["weighted_tau"]["good"]["mean"] > 0.7


def test_the_page_asks_nobody_for_anything(built):
    html = (built[0] / "index.html").read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[^\"'\s<]+", html))
    assert addresses <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}  # names, not resources
    assert not re.search(
        r"<(script\b(?!>)|link\b|iframe\b)|@import|url\((?!#)|\bsrc=\"(?!data:image/png;base64,)", html
    )
    assert "69 of 72" in html
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|popovertarget="|aria-describedby=")([^"]+)"', html)) <= set(ids)
    Strict().feed(html)


def test_figures_are_svg_without_a_date(built):
    for path in (built[0] / "figures").iterdir():
        text = path.read_text(encoding="utf-8")
        assert ElementTree.fromstring(text).tag.endswith("svg")
        assert "<metadata" not in text and not re.search(r"\b20\d\d-\d\d-\d\d", text)


def test_sections_appear_with_what_they_show(built, small, some_rankers, tmp_path):
    html = (built[0] / "index.html").read_text(encoding="utf-8")
    sections = "ranking gain regret weights truth variance where same scores published replays laboratories inside"
    assert re.findall(r'<section id="(\w+)">', html) == [*sections.split(), "provenance", "reading"]
    assert "each chosen without the family" in html
    heads = re.search(r"<thead>(.*?)</thead>", html)[1].split("</th>")[:-1]
    assert len(heads) > 8 and all('class="term"' in head for head in heads)  # of the first table, each has its word
    assert "The first ten against each other" in html
    assert "Which differences are established" in html and "a &lt;b&gt;place" in html
    assert 'id="time"' not in html and 'id="spider"' not in html

    seconds = small[1][["dataset", "ptm", "method"]].assign(seconds=0.01)
    report = build({ZOO: Zoo(*small)}, 0, n_resamples=20, rankers=some_rankers, seconds=seconds)
    report.write(tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert 'id="time"' in html and 'id="spider"' in html and 'id="weights"' not in html
    assert not (tmp_path / "figures/cost.svg").exists()  # seconds are in the page and in no output


def test_every_replayed_table_has_its_ceiling_beside_it(built):
    html = (built[0] / "index.html").read_text(encoding="utf-8")
    rows = dict(re.findall(r'<th scope="row">([\w, ]+)</th>((?:<td>[^<]*</td>)+)', html.partition('id="replays"')[2]))
    cells = {name: re.findall("<td>([^<]*)", row) for name, row in rows.items()}
    assert {*ZOOS} <= {*cells}
    # as docs/replays.md has them
    assert cells["transfergraph"] == ["180", "12", "0.46", "-0.13", "0.55", "0.55", "near-copies 0.77"]
    assert cells["single_source"][-1] == "SFDA 0.48, ITM 0.37"
    assert cells["emms_caption"][-1] == "-"
    assert [cells["SFDA, TLL"][place] for place in (0, 1, 2, 3)] == ["8", "10", "0.60", "0.48"]
    assert {"SFDA, ITM", "TLL, ITM"} <= {*cells}


def test_names_are_escaped(small, tmp_path):
    truth, scores, cards = small
    build({ZOO: Zoo(truth, scores.assign(method="<b>good"), cards)}, 0, n_resamples=20).write(tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<b>good" not in html and "&lt;b&gt;good" in html


def test_markdown_keeps_a_name_and_shows_no_backslash():
    """A backslash before `~` would be shown: the documentation site's Markdown does not know it."""
    assert escaped("~ a_b* | c") == r"~ a\_b\* \| c"


def test_figures_of_methods_that_are_gone_are_removed(small, tmp_path):
    truth, scores, cards = small
    for method in ("old", "new"):
        build({ZOO: Zoo(truth, scores.assign(method=method), cards)}, 0, n_resamples=20).write(tmp_path)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert "scatter_new.svg" in names and "scatter_old.svg" not in names


def test_one_target_and_two_ptms_are_enough(small):
    truth, scores, cards = small
    truth = truth[truth["ptm"].isin(["resnet_b", "vit_b"])]
    zoo = Zoo(truth, scores, cards[cards["ptm"].isin(truth["ptm"])])
    report = build({ZOO: zoo}, 0, n_resamples=20)
    assert abs(report.evaluations[ZOO].tau.loc["good", "mean"]) == 1


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


def test_all_that_is_written_in_a_figure_has_the_colour_of_the_page() -> None:
    """Ticks of a logarithmic axis are written in another form than those of others."""

    @svg
    def drawn() -> Figure:
        figure = Figure()
        figure.subplots().loglog([1, 1000], [1, 1000])
        return figure

    texts = re.findall(r"<text[^>]*>", drawn())
    assert texts and all("currentColor" in text for text in texts)
