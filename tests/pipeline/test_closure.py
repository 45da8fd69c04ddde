"""What stages and kept results depend on is what they import: dvc.yaml and the store's keys against `grimp`'s graph."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest
import yaml

from orbweaver.core.code import NEUTRAL, closure
from orbweaver.tasks import ZOO
from tests.conftest import ROOT

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
CODE = ("stages", "orbweaver")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Who imports whom, as written; but for type checking."""
    return grimp.build_graph("orbweaver", "stages", exclude_type_checking_imports=True, cache_dir=None)


def imported(graph: grimp.ImportGraph, module: str) -> set[str]:
    """A module and all of our modules that it runs."""
    return {module} | graph.find_upstream_modules(module)


def with_tasks(graph: grimp.ImportGraph) -> grimp.ImportGraph:
    """The graph in which whoever takes more of `orbweaver.tasks` than names imports all tasks, as `task(name)` does."""
    whole = grimp.build_graph("orbweaver", "stages", exclude_type_checking_imports=True, cache_dir=None)
    for importer in graph.find_modules_that_directly_import("orbweaver.tasks"):
        lines = graph.get_import_details(importer=importer, imported="orbweaver.tasks")
        if any(line["line_contents"].split() != ["from", "orbweaver.tasks", "import", "ZOO"] for line in lines):
            for name in ZOO:
                whole.add_import(importer=importer, imported=f"orbweaver.tasks.{name}")
    return whole


def file_of(module: str) -> Path:
    return Path(importlib.util.find_spec(module).origin).relative_to(ROOT)


def needed(modules: Iterable[str]) -> set[Path]:
    """The files of modules, and what lies beside them: what has a module's name, and what has none's."""
    files = {file_of(module) for module in modules}
    for file in list(files):
        if file.name != "__init__.py":
            stems = {each.stem for each in (ROOT / file.parent).glob("*.py")}
            beside = [each.relative_to(ROOT) for each in (ROOT / file.parent).iterdir()]
            beside = [each for each in beside if each.suffix in (".yaml", ".j2")]
            files |= {each for each in beside if each.name.partition(".")[0] in {file.stem} or each.stem not in stems}
    return files


def inside(folder: Path) -> set[Path]:
    return {
        path.relative_to(ROOT)
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in (".py", ".yaml", ".j2")
    }


def covering(files: set[Path], folder: Path) -> list[str]:
    """Paths in a folder that hold these files.

    A package is named whole, but for `pipeline`: dvc.yaml stays readable, dvc.lock short (DVC reads and writes all
    of it at every stage), and a rerun for nothing costs seconds, as it finds its work in the store.
    """
    if str(folder) not in (*CODE, "orbweaver/pipeline") and inside(folder) & files:
        return [str(folder)]
    here = sorted(path for path in (ROOT / folder).iterdir() if path.name != "__pycache__")
    paths = []
    for path in (path.relative_to(ROOT) for path in here):
        if (ROOT / path).is_dir():
            paths += covering(files, path) if inside(path) & files else []
        elif path in files:
            paths.append(str(path))
    return paths


@pytest.mark.parametrize("stage", PIPELINE)
def test_a_stage_names_all_the_code_that_it_runs(graph: grimp.ImportGraph, stage: str) -> None:
    right = needed({"stages"} | imported(with_tasks(graph), f"stages.{stage}"))
    paths = [path for folder in CODE for path in covering(right, Path(folder))]
    body = PIPELINE[stage].get("do", PIPELINE[stage])
    named = [path for path in body["deps"] or [] if path.split("/")[0] in CODE]
    pad = "      " if "do" in PIPELINE[stage] else "    "
    message = "\n".join([f"dvc.yaml: the code of '{stage}' is", *(f"{pad}  - {path}" for path in paths)])
    assert sorted(named) == sorted(paths), message


def test_the_keys_of_kept_results_hash_all_the_code_that_makes_them(graph: grimp.ImportGraph) -> None:
    makers = {
        importer
        for importer in graph.find_modules_that_directly_import("orbweaver.core.cache")
        for line in graph.get_import_details(importer=importer, imported="orbweaver.core.cache")
        if "kept" in line["line_contents"]
    }
    assert len(makers) >= 4
    for module in makers:
        assert closure(module) == imported(graph, module), module


def test_neutral_modules_are_ours_and_import_nothing_that_counts(graph: grimp.ImportGraph) -> None:
    for module in NEUTRAL:
        assert imported(graph, module) <= NEUTRAL
