"""The tutorials' code: Python is run, YAML is put into params.yaml and checked, `$ orbweaver` is called."""

from __future__ import annotations

import re
import shlex
from functools import reduce
from pathlib import Path

import pytest
import yaml

from docs.site.pipeline import waits_for
from orbweaver.core.workspace import Workspace
from orbweaver.methods import METHODS
from orbweaver.pipeline.known import load_checked
from orbweaver.select import command, cost, job
from orbweaver.select.order import order
from orbweaver.tasks import TASKS, About
from tests.conftest import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TUTORIALS = sorted((ROOT / "docs/tutorials").glob("*.md"))


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and content of every fenced block of a page."""
    return BLOCK.findall(page.read_text())


def merged(into: dict, values: dict) -> dict:
    for key, value in values.items():
        into[key] = merged(into.get(key, {}), value) if isinstance(value, dict) and key in into else value
    return into


WHOLE = [pytest.param(page, 20, marks=pytest.mark.slow) for page in TUTORIALS if "budget" in page.read_text()]


@pytest.mark.parametrize(
    ("page", "budget"), [*((page, 4) for page in TUTORIALS), *WHOLE], ids=lambda it: getattr(it, "stem", it)
)
def test_a_tutorial_runs(
    page: Path, budget: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its order, in an empty folder with mini's params.yaml; commands of other programs are not called.

    budget: pictures of a class that are ranked, where the page has 20: forwarding them is what takes the time.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(order, "HALVES", 20)
    monkeypatch.setattr(cost, "TIMED", min(budget, cost.TIMED))
    monkeypatch.setattr(job, "TIMED", 1)
    if page.stem == "method":
        monkeypatch.setitem(METHODS, "margin", lambda: 0.0)  # what the tutorial registers is gone after it
    if page.stem not in ("pictures", "texts"):
        (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    names: dict = {"__name__": "orbweaver.tasks.image_classification"}  # whose fingerprint a new task's file stands for
    for language, whole in blocks(page):
        code = re.sub(r"\bbudget([= ])20\b", rf"budget\g<1>{budget}", whole)
        if language == "python":
            exec(compile(code, str(page), "exec"), names)
        elif language == "yaml":
            values = merged(yaml.safe_load((ROOT / "params.yaml").read_text()), yaml.safe_load(code))
            (tmp_path / "changed.yaml").write_text(yaml.safe_dump(values))
            load_checked(Workspace(tmp_path), tmp_path / "changed.yaml")
        elif language == "console":
            for line in re.findall(r"^\$ orbweaver (.*)$", code, re.MULTILINE):
                command.main(shlex.split(line))
                assert "probe (accuracy)" in capsys.readouterr().out


def test_the_line_that_registers_a_task_is_one_of_the_table() -> None:
    lines = [content for language, content in blocks(ROOT / "docs/tutorials/task.md") if language == "text"]
    (line,) = [eval(f"{{{line}}}", {"About": About}) for line in lines]  # noqa: S307
    ((name, about),) = line.items()
    assert name == "ordinal" and about.zoo in TASKS and not about.fraction


def test_the_tutorial_of_mini_names_what_there_is() -> None:
    """It takes twelve minutes, so its commands are not called; what they name exists and does what the page says."""
    page = (ROOT / "docs/tutorials/mini.md").read_text()
    code = "\n".join(content for language, content in blocks(ROOT / "docs/tutorials/mini.md") if language == "console")
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made = re.findall(r"\bmake ([a-z-]+)", page)
    assert made and {*made} <= {*targets}
    named = re.findall(r"BENCHMARK=(\w+)", page)
    assert named and {*named} <= {path.stem for path in (ROOT / "orbweaver/pipeline/benchmarks").glob("*.yaml")}
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    changed = re.findall(r"-S ([\w.]+)=", code)
    assert changed and all(reduce(lambda at, key: at[key], one.split("."), params) for one in changed)
    assert {"methods", "targets"} <= {*params} and (ROOT / "dvc.lock").exists()
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    edges = waits_for(stages)
    changed_by = {name for name, stage in stages.items() if "finetune" in stage.get("do", stage).get("params", [])}
    assert changed_by == {"finetune"} and {name for name in edges if "finetune" in edges[name]} == {"reports"}
    assert "`reports/index.html`" in page and '"index.html"' in (ROOT / "orbweaver/report/build.py").read_text()
    told = re.findall(r"^(dvc(?: exp)? \w+)", code, re.MULTILINE)
    assert {*told} <= {"dvc repro", "dvc exp run", "dvc exp show"}  # commands of DVC 3


def test_the_tutorials_have_code() -> None:
    """What is looked for is there: no tutorial passes because its blocks are not found."""
    counts = {page.stem: [language for language, _ in blocks(page)].count("python") for page in TUTORIALS}
    assert counts == {"dataset": 2, "method": 3, "mini": 0, "pictures": 2, "ptm": 1, "task": 2, "texts": 2}
