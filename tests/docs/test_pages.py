"""What pages say agrees with the code, with committed results and with each other."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from functools import reduce
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from docs.site import assemble, cards, links, mathematics, pipeline, reference, results
from orbweaver.core.errors import FileError
from orbweaver.core.settings import FinetuneSettings, RankerSettings
from orbweaver.methods import AGGREGATIONS, METHODS
from orbweaver.pipeline.params import Params
from orbweaver.report.marked import between
from orbweaver.select import command
from tests.conftest import ROOT

ALL = ROOT / "orbweaver/pipeline/benchmarks"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
GROUPS = yaml.safe_load((ROOT / "docs/site/methods.yaml").read_text())
CARDS = {name: card for group in GROUPS.values() for name, card in group.items()}
MADE = {f"methods/{name}.md" for name in (*CARDS, "index")} | {"changelog.md", "contributing.md", "results/standard.md"}
MADE |= {f"reference/{name}.md" for name in ("python", "command-line", "params", "pipeline")}


def code_in(page: Path) -> str:
    """What its blocks of commands hold."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    return "\n".join(code for language, code in found if language in ("", "console"))


# --- committed results ---


def test_pages_say_what_committed_results_say() -> None:
    """`make docs-results` puts right what differs."""
    renewed = results.renewed(ROOT)
    assert {ROOT / page for page, _, _ in results.PLACES} == {*renewed}
    for path, text in renewed.items():
        assert path.read_text() == text, f"{path.name} is out of date"


def test_readme_says_what_three_ptms_lose() -> None:
    """By size, drawn by lot, by LogME; in points, mean over the classifications of pictures of `standard`."""
    runs = pd.read_csv(ROOT / "data/published/standard/truth.csv").query("chosen == 1")
    runs = runs[runs["task"] == "image_classification"]
    regret = pd.read_csv(ROOT / "docs/standard/regret.csv").set_index(["method", "k"])["regret"]
    truth = runs.groupby(["dataset", "ptm"])["test"].mean().unstack()
    best = [np.mean([max(three) for three in combinations(row, 3)]) for row in truth.to_numpy()]
    by_lot = 100 * (truth.max(axis=1) - best).mean()
    words = " ".join((ROOT / "README.md").read_text().split())
    said = re.search(r"three by size loses ([\d.]+) .* by lot ([\d.]+), .* LogME ([\d.]+)\.", words)
    assert said.groups() == tuple(f"{v:.1f}" for v in (regret["parameters", 3], by_lot, regret["logme", 3]))


def test_a_figure_that_no_longer_agrees_is_found(tmp_path: Path) -> None:
    """A copy of the pages in which one committed result was changed."""
    for page, _, _ in results.PLACES:
        (tmp_path / page).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / page).write_text((ROOT / page).read_text())
    benchmarks = [table.parent.relative_to(ROOT) for table in ROOT.glob("docs/*/result_table.md")]
    for folder in ("docs/replays", "docs/public", "data/published/standard", *benchmarks):
        shutil.copytree(ROOT / folder, tmp_path / folder, dirs_exist_ok=True)
    for name in ("replays", "agreement"):
        table = pd.read_csv(ROOT / f"docs/replays/{name}.csv")
        table.assign(**{"mean" if name == "replays" else "weighted_tau": 0.12}).to_csv(
            tmp_path / f"docs/replays/{name}.csv", index=False
        )
    for name in ("result_table", "rankers_table"):
        (tmp_path / f"docs/mini/{name}.md").write_text("| new |\n")
    changed = {path.name for path, text in results.renewed(tmp_path).items() if path.read_text() != text}
    assert changed == {"blind.md", "truth.md", "mini.md"}
    (tmp_path / "docs/mini/rankers_table.md").unlink()
    with pytest.raises(FileError, match=r"docs/mini/rankers_table\.md: not committed"):
        results.renewed(tmp_path)


def test_marks_that_are_not_there_are_named() -> None:
    assert between("a <!-- x -->old<!-- end of x --> b", "page", "x", "new\n") == (
        "a <!-- x -->\nnew\n<!-- end of x --> b"
    )
    with pytest.raises(FileError, match=r"page: no place for the y; add the marks '<!-- y -->'"):
        between("a <!-- x -->old<!-- end of x --> b", "page", "y", "new")


def test_the_page_of_standard_shows_what_was_published(tmp_path: Path) -> None:
    (tmp_path / "docs/site").mkdir(parents=True)
    (tmp_path / "docs/site/standard.md").write_text("About it.\n")
    assert "None are committed yet" in results.standard(tmp_path)
    (tmp_path / "docs/standard").mkdir()
    for name, text in (("result_table.md", "| logme | 0.5 |\n"), ("regret.svg", "<svg/>"), ("tau.csv", "method\n")):
        (tmp_path / "docs/standard" / name).write_text(text)
    page = results.standard(tmp_path)
    assert "| logme | 0.5 |" in page and "(../standard/regret.svg)" in page and "[tau.csv](../standard/tau.csv)" in page
    assert "None are committed" not in page and "intervals.svg" not in page


def test_longer_runs_are_compared_with_the_same_runs_of_other_seeds(tmp_path: Path) -> None:
    """Three PTMs: seed 0 turns the order of the other four round, the longer run has theirs, and so has a score."""
    ptms, (folder, published) = ["a", "b", "c"], (tmp_path / "docs/standard", tmp_path / "data/published/standard")
    for place in (folder / "longer", published):
        place.mkdir(parents=True)
    rows = [("digits", ptm, seed, k if seed else -k, 1) for seed in range(5) for k, ptm in enumerate(ptms)]
    rows += [("letters", ptm, 0, 0.5, 1) for ptm in ptms]  # not run for longer
    names = ["dataset", "ptm", "seed", "test", "chosen"]
    pd.DataFrame(rows, columns=names).to_csv(published / "truth.csv", index=False)
    longer = [("digits", ptm, 0, 10 * k, 1) for k, ptm in enumerate(ptms)]
    pd.DataFrame(longer, columns=names).to_csv(folder / "longer/truth.csv", index=False)
    signs = {"logme": 1, "probe": -1, "probe_inner": -1}
    scores = [("digits", ptm, method, sign * k) for method, sign in signs.items() for k, ptm in enumerate(ptms)]
    pd.DataFrame(scores, columns=["dataset", "ptm", "method", "score"]).to_csv(folder / "scores.csv", index=False)
    text = results.longer_tables(tmp_path)
    assert re.search(r"a run of 40 steps \| a run of 120 steps.*\n.*\n\| digits \| -1\.00 \| 1\.00 \|", text)
    assert "letters" not in text and "all 4 are ordered alike at a weighted tau of 1.00" in text
    assert "| logme | 0.60 | 1.00 |" in text and "| probe | -0.60 | -1.00 |" in text
    assert results.AGAIN not in text  # nothing was run for longer with a second seed


def test_further_targets_are_judged_as_those_of_standard_by_single_runs(tmp_path: Path) -> None:
    """Four PTMs; on standard one of two runs turns the order round, so a right score has 0; further on it is right."""
    folder, published = tmp_path / "docs/standard", tmp_path / "data/published/standard"
    for place in (folder / "further", published):
        place.mkdir(parents=True)
    names = ["dataset", "ptm", "seed", "test", "chosen", "task"]
    rows = [("digits", ptm, seed, sign * k, 1, "image_classification")
            for seed, sign in enumerate((1, -1)) for k, ptm in enumerate("abcd")]  # fmt: skip
    rows += [("speed", ptm, 0, -k, 1, "regression") for k, ptm in enumerate("abcd")]
    pd.DataFrame(rows, columns=names).to_csv(published / "truth.csv", index=False)
    rows = [("brain", ptm, 0, k, 1, "image_classification") for k, ptm in enumerate("abcd")]
    pd.DataFrame(rows, columns=names).to_csv(folder / "further/truth.csv", index=False)
    for place, dataset in ((folder, "digits"), (folder / "further", "brain")):
        signs = {"logme": 1, "probe": -1, "probe_inner": -1}
        scores = [(dataset, ptm, method, sign * k) for method, sign in signs.items() for k, ptm in enumerate("abcd")]
        pd.DataFrame(scores, columns=["dataset", "ptm", "method", "score"]).to_csv(place / "scores.csv", index=False)
    text = results.further_tables(tmp_path)
    assert "| method | 1 of standard | 1 further |" in text
    assert "| logme | 0.00 | 1.00 |" in text and "| probe | 0.00 | -1.00 |" in text
    assert "the 4 methods that score every PTM" in text
    rows = pd.read_csv(folder / "further/scores.csv")
    rows[~((rows["method"] == "logme") & (rows["ptm"] == "d"))].to_csv(folder / "further/scores.csv", index=False)
    assert "logme" not in results.further_tables(tmp_path)


def test_what_is_left_to_select_is_the_spread_beyond_noise() -> None:
    """Means 0, 0.1, 0.2; seeds -+0.01 about each, or -+0.2, which is more than the means differ by."""

    def runs(away: float) -> pd.DataFrame:
        rows = [("digits", ptm, seed, k / 10 + sign * away)
                for k, ptm in enumerate("abc") for seed, sign in enumerate((-1, 1))]  # fmt: skip
        return pd.DataFrame(rows, columns=["dataset", "ptm", "seed", "test"])

    scores = pd.DataFrame({"dataset": "digits", "ptm": [*"abc"] * 2, "method": ["x"] * 3 + ["y"] * 3,
                           "score": [0, 1, 2, 2, 1, 0]})  # fmt: skip
    row = results.left_to_select(runs(0.01), runs(0.2), scores).loc["digits"]
    assert [row[f"leading ten, {steps} steps"] for steps in (40, 120)] == pytest.approx([0, 0])  # right, and reversed
    assert row["noise, 40 steps"] == pytest.approx(100 * 0.02 / 2**0.5)
    assert row["spread, 40 steps"] == pytest.approx(100 * (0.01 - 0.0001) ** 0.5)
    assert row["noise, 120 steps"] == pytest.approx(100 * 0.4 / 2**0.5)
    assert row["spread, 120 steps"] == 0
    assert row["correlation of means"] == pytest.approx(1)


# --- cards ---


def test_every_method_has_a_card() -> None:
    assert {*CARDS} >= {*METHODS, *AGGREGATIONS}
    assert not {name for name, card in CARDS.items() if name not in METHODS and "of" not in card}
    assert not {name for name in METHODS if "of" in CARDS[name]}
    needed = {name for method in METHODS.values() for name in method.__annotations__} - {"return", "seed"}
    assert needed == {*cards.NEEDS}


def test_a_card_has_formula_needs_cost_and_papers() -> None:
    pytest.importorskip("latex2mathml")
    made = cards.pages(ROOT)
    logme, index = made["methods/logme.md"], made["methods/index.md"]
    assert "<math" in logme and "https://arxiv.org/abs/2102.11005" in logme
    assert "the target's classes (N,) or the target's values (N, T)" in logme
    assert "| cost | One Gram matrix" in logme and "```text\nD/2 log alpha" in logme
    assert "never looks at the target" in made["methods/gmacs.md"] and "| none |" in made["methods/gmacs.md"]
    assert "[`sfda`](sfda.md)" in made["methods/ped_sfda.md"]
    assert all(f"({name}.md)" in index for name in CARDS)


def test_published_figures_reach_the_cards(tmp_path: Path) -> None:
    assert cards._figures("logme", cards._standard(tmp_path)) is None
    (tmp_path / "docs/standard").mkdir(parents=True)
    table = pd.DataFrame({"method": ["logme", "leep"], "mean": [0.5, None], "low": [0.25, None], "high": [0.75, None]})
    table.to_csv(tmp_path / "docs/standard/tau.csv", index=False)
    found = cards._standard(tmp_path)
    assert cards._figures("logme", found) == ["0.500", "+0.25 .. +0.75"]
    assert cards._figures("leep", found) is cards._figures("nce", found) is None


def test_a_docstring_becomes_markdown() -> None:
    text = cards.prose("One of `logme` and `x`, <z_j, w> * 2.\n\n    a_b * c\n\nMore [y].", {"logme"})
    assert "[`logme`](logme.md) and `x`, &lt;z\\_j, w&gt; \\* 2." in text
    assert "```text\na_b * c\n```" in text and "More \\[y\\]." in text


def test_formulas_are_mathml() -> None:
    pytest.importorskip("latex2mathml")
    text = mathematics.with_mathml("Before\n\n$$\n\\frac{a}{b}\n$$\n\nafter, at 5 $$ or so")
    assert "<mfrac>" in text and "$$ or so" in text


# --- reference ---


def test_every_key_of_params_is_told() -> None:
    page = reference.params()
    for name in (*Params.model_fields, *FinetuneSettings.model_fields, *RankerSettings.model_fields):
        assert f"| `{name}` |" in page, name
    assert "## spider.rankers.{name}" in page and "## sources.{name}, targets.{name}" in page
    assert "| `optimizer` | `adamw` or `sgd` | `'adamw'` |" in page and "| `truth` | a name |" in page
    assert "| `variant` | a name | `null` | of a published dataset that is used in several forms. |" in page
    assert "| `validation_fraction` | number > 0 < 1 | it must be there |" in page
    assert "| `learning_rates` | list of number > 0 (1 or more) | it must be there |" in page


def test_commands_tell_their_options() -> None:
    page = reference.command_line()
    for option in ("--zoo FILE", "--tune K", "--max-parameters M", "--jobs JOBS", "--print", "--yes"):
        assert option in page, option
    assert "usage: orbweaver rank" in page and "usage: python -m orbweaver.pipeline" in page.replace("run", "")


def test_the_picture_has_every_stage_and_who_waits() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    edges = pipeline.waits_for(stages)
    assert edges["features"] == {"zoo", "source", "target"} and edges["finetune"] == {"zoo", "target"}
    assert edges["scores"] >= {"features", "labels", "spider"} and edges["reports"] >= {"scores", "finetune"}
    drawn = pipeline.picture(stages)
    assert all(f">{name}</text>" in drawn for name in stages)
    assert "reports waits for finetune, scores" in drawn
    page = pipeline.page(ROOT)
    assert "- **finetune**: the truth: each PTM fine-tuned on each target" in page and "${" not in page


# --- links and commands ---


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)", text):
        path = (page.parent / target).resolve()
        made = path.is_relative_to(ROOT / "docs") and path.relative_to(ROOT / "docs").as_posix() in MADE
        assert "://" in target or path.exists() or made, target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_that_pages_name_exist(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = code_in(page)
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {*re.findall(r"^(?:\$ )?make ([a-z-]+)", code, re.MULTILINE)} <= {*targets}
    for module in re.findall(r"python -m ((?:orbweaver|stages|docs)[\w.]*\w)", page.read_text()):
        assert importlib.util.find_spec(module), module
    for line in re.findall(r"^(?:\$ )?orbweaver ([^#\n]*)", code, re.MULTILINE):
        try:
            command.parsed(line.split())
        except SystemExit:
            pytest.fail(f"orbweaver {line}: {capsys.readouterr().err}")


def stages_of(params: dict) -> int:
    """How many stages dvc.yaml has with these parameters."""
    count = 0
    for stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values():
        path = stage.get("foreach", "${}")[2:-1].split(".")  # `${spider.rankers}`: one for each
        count += len(reduce(lambda at, key: at.get(key, {}), path, params)) if "foreach" in stage else 1
    return count


def test_pages_count_the_stages_of_benchmarks() -> None:
    counts = {path.stem: stages_of(yaml.safe_load(path.read_text())) for path in ALL.glob("*.yaml")}
    rows = {page: (ROOT / f"docs/{page}.md").read_text() for page in ("benchmarks", "cost")}
    told = re.findall(r"^\| `(\w+)`[^|]*\| [^|]+ \| \d+ \| (\d+) \|", rows["benchmarks"], re.MULTILINE)
    told += re.findall(r"^\| `(\w+)`[^|]*\| (\d+) \| [\d.a-z ]+ \|", rows["cost"], re.MULTILINE)
    assert len(told) == 10 and [(name, n) for name, n in told if counts[name] != int(n)] == []


def test_nobody_is_sent_to_a_stranger() -> None:
    """`orbweaver` on PyPI is another project: ours is installed from a clone."""
    told = [*PAGES, ROOT / "CHANGELOG.md", *(ROOT / "orbweaver").rglob("*.py")]
    assert [path for path in told if re.search(r"pip install ['\"]?orbweaver", path.read_text())] == []


def test_make_lists_every_target() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert {line.split()[1] for line in listed.splitlines()} == {*phony.split()}


def test_continuous_integration_makes_what_there_is() -> None:
    """Fast tests at each push, slow ones every week; what they make is in the Makefile."""
    listed = {*re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split()}
    made = {}
    for name in ("tests", "slow"):
        job = yaml.load((ROOT / f".github/workflows/{name}.yml").read_text(), yaml.BaseLoader)
        made[name] = {*job["jobs"]["tests"]["strategy"]["matrix"]["target"]}
        assert ("schedule" in job["on"]) == (name == "slow")
    assert made == {"tests": {"test", "test-lowest", "docs"}, "slow": {"test-slow", "test-browser"}}
    assert made["tests"] | made["slow"] <= listed


def test_a_killed_run_is_said_how_to_go_on() -> None:
    """DVC says "busy" after a kill; `orbweaver.pipeline.run` frees what it held."""
    for name in ("README.md", "dvc.yaml"):
        (line,) = [each for each in (ROOT / name).read_text().splitlines() if '"busy"' in each]
        assert "python -m orbweaver.pipeline.run" in line, name


def test_the_site_is_looked_through(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text('<p id="here"></p><a href="b.html#there">b</a><a href="https://x.org">x</a>')
    (tmp_path / "b.html").write_text('<p id="there"></p><a href="a.html#here">a</a><img src="a.html">')
    assert links.faults(tmp_path) == []
    (tmp_path / "b.html").write_text(
        '<a href="a.html#gone"></a><a href="c.html">c</a><a href="/a.html">a</a><script src="https://x.org/y.js"></script>'
        '<link rel="stylesheet" href="//x.org/y.css"><link rel="canonical" href="https://x.org">'
    )
    assert links.faults(tmp_path) == [
        "a.html: b.html#there has no such place",
        "b.html: loads https://x.org/y.js",
        "b.html: loads //x.org/y.css",
        "b.html: a.html#gone has no such place",
        "b.html: c.html leads nowhere",
        "b.html: /a.html works on one server only",
    ]


def test_links_into_the_repository_become_paths() -> None:
    text = assemble.without_code_links(
        "[`stages/__init__.py`](../stages/__init__.py), [tables](replays), [rank](rank.md#x), [gone](gone.md)",
        ROOT / "docs/bytes.md",
        ROOT,
    )
    assert text == "`stages/__init__.py`, tables (`docs/replays`), [rank](rank.md#x), [gone](gone.md)"
    fenced = "a\n```text\nb\n```\nc"
    assert assemble.outside_code(fenced, str.upper) == "A\n```text\nb\n```\nC"


def test_readme_can_be_read_in_five_minutes() -> None:
    text = (ROOT / "README.md").read_text()
    table = re.compile(r"<!-- result table -->.*<!-- end of result table -->", re.DOTALL)
    assert len(table.sub("", text).splitlines()) <= 120  # and the table of ten rows with its notes: 150
