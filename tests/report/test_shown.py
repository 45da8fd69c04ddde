"""The tables that pages show, and how `--readme` and `publish` put them there."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from orbweaver.core.workspace import Workspace
from orbweaver.report import results
from orbweaver.report.evaluate import Zoo
from orbweaver.report.shown import shown
from stages.reports import renew_readme

PARAMS = SimpleNamespace(seed=0, reports=SimpleNamespace(bootstrap=20))


@pytest.fixture
def zoo(tables: tuple, monkeypatch: pytest.MonkeyPatch) -> Zoo:
    """One zoo, without Model Spiders."""
    zoo = Zoo(*tables)
    monkeypatch.setattr(results, "zoos", lambda *_: {"image_classification": zoo})
    monkeypatch.setattr(results, "rankers", lambda *_: None)
    return zoo


def test_a_zoo_has_its_table_and_heat_map(zoo: Zoo, tmp_path: Path) -> None:
    made = shown(Workspace(tmp_path), PARAMS)
    assert {*made} == {"result_table.md", "statements.md", "heat_map.svg"}
    assert "| good | " in made["result_table.md"] and "<svg" in made["heat_map.svg"]


def test_rankers_have_a_table(
    zoo: Zoo, tmp_path: Path, some_rankers: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "rankers", lambda *_: some_rankers)
    monkeypatch.setattr(results, "chosen_k", lambda *_: {"spider": 1})
    assert "| spider | " in shown(Workspace(tmp_path), PARAMS)["rankers_table.md"]
    together = some_rankers[some_rankers["seed"] == "all"]
    monkeypatch.setattr(results, "rankers", lambda *_: together)
    assert "| no network |" in shown(Workspace(tmp_path), PARAMS)["rankers_table.md"]


def test_several_zoos_have_an_overview(zoo: Zoo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "zoos", lambda *_: {"one": zoo, "other": zoo})
    made = shown(Workspace(tmp_path), PARAMS)
    assert {*made} == {"result_table.md"} and "| method | one | other |" in made["result_table.md"]


def test_readme_is_renewed_between_its_marks(zoo: Zoo, tmp_path: Path) -> None:
    marks = "<!-- result table -->\nlast week\n<!-- end of result table -->"
    (tmp_path / "README.md").write_text(f"before\n{marks}\nafter\n")
    renew_readme(Workspace(tmp_path), PARAMS)
    text = (tmp_path / "README.md").read_text()
    assert text.startswith("before\n<!-- result table -->\n| method |") and text.endswith("table -->\nafter\n")
    assert "last week" not in text and (tmp_path / "docs/heat_map.svg").exists()
