"""The page in a real browser: wide and on a phone, light and dark, nothing overflows, complains or is too pale."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from orbweaver.report.build import build
from orbweaver.report.evaluate import Zoo
from orbweaver.report.published import replay
from orbweaver.report.replays import ceilings
from orbweaver.select.order import order
from orbweaver.select.ranking import rank

pytestmark = pytest.mark.slow
WIDTHS = {"desk": 1280, "tablet": 768, "phone": 390}
# Of an element's text colour against the nearest background behind it; WCAG's formula.
CONTRASTS = """() => {
  const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b }
  const behind = e => { while (e) { const c = getComputedStyle(e).backgroundColor
      if (!c.endsWith(', 0)')) return c; e = e.parentElement } return 'rgb(255, 255, 255)' }
  return [...document.querySelectorAll(
      'h1, h2, h3, h4, p, li, a, th, td, dt, dd, summary, figcaption, caption, button')]
      .filter(e => e.checkVisibility() && e.innerText.trim() && !e.closest('.skip'))
      .map(e => { const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x)
          return [(a + 0.05) / (b + 0.05), e.tagName + ': ' + e.innerText.slice(0, 40)] })
      .filter(([contrast]) => contrast < 4.5) }"""
OVERFLOW = """() => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()
    && !e.closest('.skip, .scroll, .strip, nav ul, pre') && e.getBoundingClientRect().right > innerWidth + 1)
    .map(e => e.tagName + '.' + e.className)"""


# Clicks three times on the heads of two columns of the table of all methods, and on a word. One column has negative
# numbers and a mark, the other a cell without a value.
CLICKS = """<script>
const table = document.querySelector("#ranking details table"), said = [];
for (const column of ["digits", "defect"]) {
  const head = [...table.tHead.rows[0].cells].find(each => each.textContent === column);
  const cells = () => [...table.tBodies[0].rows].map(row => row.cells[head.cellIndex].textContent);
  const seen = [[head.ariaSort, cells()]];
  for (let click = 0; click < 3; click++) { head.firstElementChild.click(); seen.push([head.ariaSort, cells()]); }
  said.push(seen);
}
document.querySelector("p .term").click();
said.push(document.querySelector(":popover-open").id);
document.body.append(Object.assign(document.createElement("pre"), { id: "said", textContent: JSON.stringify(said) }));
</script>"""


@pytest.fixture(scope="module")
def page_path(made_up, some_inside, some_weights, some_rankers, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    seconds = made_up[1][["dataset", "ptm", "method"]].assign(seconds=lambda s: np.geomspace(1e-5, 1, len(s)))
    tables = Path(__file__).parents[2] / "data/published"
    published, anew = replay(tables, n_resamples=20), ceilings(tables, 0, 20)
    zoos = {"image_classification": Zoo(*made_up)}
    build(zoos, 0, 20, published, some_inside, some_weights, some_rankers, seconds, anew).write(folder)
    return folder / "index.html"


@pytest.fixture(scope="module")
def program() -> str:
    if not (found := shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")):
        pytest.skip("no Chromium here")
    return found


@pytest.fixture(scope="module")
def browser(program: str):
    """Headless Chromium of the system, steered by playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=program, args=["--no-sandbox"])  # root may not have one
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def ranking_path(tmp_path_factory) -> Path:
    """What `orbweaver rank --report` writes, of two packaged PTMs on drawn digits."""
    folder = tmp_path_factory.mktemp("ranked")
    digits = load_digits()
    for number, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        if label < 3 and number < 90:
            (folder / "pictures" / str(label)).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.uint8(pixels * 15)).resize((64, 64)).save(folder / f"pictures/{label}/{number}.png")
    ptms = ["timm/tf_efficientnet_lite0.in1k", "timm/tf_efficientnet_lite1.in1k"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.setattr(order, "HALVES", 6)
        return rank(folder / "pictures", budget=9, ptms=ptms).report(folder / "ranking.html")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_the_report_fits_and_can_be_read(browser, page_path: Path, tmp_path: Path, width: int, scheme: str) -> None:
    fits_and_can_be_read(browser, page_path, tmp_path, width, scheme)


@pytest.mark.parametrize(("width", "scheme"), [(WIDTHS["desk"], "light"), (WIDTHS["phone"], "dark")])
def test_the_ranking_fits_and_can_be_read(browser, ranking_path: Path, tmp_path: Path, width: int, scheme: str) -> None:
    fits_and_can_be_read(browser, ranking_path, tmp_path, width, scheme)


def test_the_ranking_keeps_words_apart_and_its_figures_follow_the_scheme(browser, ranking_path: Path) -> None:
    page = browser.new_page(viewport={"width": WIDTHS["phone"], "height": 900}, color_scheme="dark")
    page.goto(ranking_path.as_uri())
    padding = "[...document.querySelectorAll('thead th')].map(e => getComputedStyle(e).paddingRight)"
    assert "0px" not in page.evaluate(padding)
    colours = "[...document.querySelectorAll('svg text, svg tspan')].map(e => getComputedStyle(e).fill)"
    assert {*page.evaluate(colours)} == {page.evaluate("getComputedStyle(document.body).color")}
    assert page.evaluate("getComputedStyle(document.querySelector('footer')).paddingLeft") != "0px"
    page.close()


def fits_and_can_be_read(browser, page_path: Path, tmp_path: Path, width: int, scheme: str) -> None:
    """Nothing overflows, is too pale, complains or asks a network; each link within the page is reached by Tab."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on(
        "request", lambda request: said.append(request.url) if not request.url.startswith(("file:", "data:")) else 0
    )
    page.goto(page_path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERFLOW) == []
    assert page.evaluate(CONTRASTS) == []
    page.screenshot(path=tmp_path / "page.png", full_page=True)
    shot = np.asarray(Image.open(tmp_path / "page.png").convert("L"))
    assert (shot[:40].mean() > 200) == (scheme == "light")
    assert shot.std() > 10  # something is on it
    links = page.evaluate("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    reached = []
    for _ in range(len(links) + 12):  # what stands before and between them: the way past, words that explain themselves
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href')"))
    assert [link for link in links if link not in reached] == []
    assert said == []
    page.close()


def test_keys_reach_everything_and_a_screen_reader_hears_what_it_is(browser, page_path: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(page_path.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#ranking"
    unnamed = "[...document.querySelectorAll('[tabindex], [role=img]')].filter(e => !e.ariaLabel).map(e => e.outerHTML)"
    assert page.evaluate(unnamed) == []
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map(e => +e.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1 and max(np.diff(levels)) <= 2
    assert page.evaluate("[...document.querySelectorAll('table')].every(t => t.caption && t.tHead)")
    page.focus("summary")
    before = page.evaluate("document.querySelectorAll('details[open]').length")
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelectorAll('details[open]').length") != before
    page.close()


def test_a_click_sorts_and_a_click_on_a_word_explains_it(program: str, page_path: Path, tmp_path: Path) -> None:
    clicked = tmp_path / "clicked.html"
    clicked.write_text(page_path.read_text(encoding="utf-8").replace("</body>", f"{CLICKS}</body>"), encoding="utf-8")
    command = [program, "--headless", "--no-sandbox", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    dom = subprocess.run([*command, clicked.as_uri()], capture_output=True, text=True, check=True, timeout=120).stdout
    *columns, word = json.loads(html.unescape(re.search(r'<pre id="said">(.*?)</pre>', dom, re.DOTALL)[1]))
    for written, falling, rising, restored in columns:
        values = sorted(float(cell.rstrip("~")) for cell in written[1] if cell != "-")
        for way, sorted_values, cells in (("descending", values[::-1], falling), ("ascending", values, rising)):
            assert cells[0] == way and [float(cell.rstrip("~")) for cell in cells[1][: len(values)]] == sorted_values
            assert {*cells[1][len(values) :]} <= {"-"}  # what has no value stands last
        assert restored == written == [None, restored[1]]
    marked, partly = (written[1] for written, *_ in columns)
    assert any(cell.endswith("~") for cell in marked) and "-" in partly
    assert word == "word-ptm"
