"""What stages and kept results depend on is what they import: dvc.yaml and the store's keys against `grimp`'s graph."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest
import yaml

from orbweaver.core.code import NEUTRAL, closure
from orbweaver.models import catalogue as catalogue_module
from orbweaver.models.catalogue import catalogue
from orbweaver.tasks import ZOO
from orbweaver.tasks.stored import Stored
from tests.conftest import ROOT
from tests.spider.conftest import card_of

PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
CODE = ("stages", "orbweaver")


def built() -> grimp.ImportGraph:
    """Who imports whom, as written; but for type checking."""
    return grimp.build_graph("orbweaver", "stages", exclude_type_checking_imports=True, cache_dir=None)


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return built()


def imported(graph: grimp.ImportGraph, module: str) -> set[str]:
    """A module and all of our modules that it runs."""
    return {module} | graph.find_upstream_modules(module)


@pytest.fixture(scope="module")
def with_tasks() -> grimp.ImportGraph:
    """The graph in which whoever takes `task` of `orbweaver.tasks` imports all tasks, as `task(name)` does."""
    whole = built()
    for importer in whole.find_modules_that_directly_import("orbweaver.tasks"):
        lines = whole.get_import_details(importer=importer, imported="orbweaver.tasks")
        if any({"task", "("} & {*line["line_contents"].replace(",", " ").split()} for line in lines):
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
def test_a_stage_names_all_the_code_that_it_runs(with_tasks: grimp.ImportGraph, stage: str) -> None:
    right = needed({"stages"} | imported(with_tasks, f"stages.{stage}"))
    paths = [path for folder in CODE for path in covering(right, Path(folder))]
    body = PIPELINE[stage].get("do", PIPELINE[stage])
    named = [path for path in body["deps"] or [] if path.split("/")[0] in CODE]
    pad = "      " if "do" in PIPELINE[stage] else "    "
    message = "\n".join([f"dvc.yaml: the code of '{stage}' is", *(f"{pad}  - {path}" for path in paths)])
    assert sorted(named) == sorted(paths), message


@pytest.fixture(scope="module")
def makers(graph: grimp.ImportGraph) -> set[str]:
    """The modules that keep results by `core.cache`."""
    found = {
        importer
        for importer in graph.find_modules_that_directly_import("orbweaver.core.cache")
        for line in graph.get_import_details(importer=importer, imported="orbweaver.core.cache")
        if "kept" in line["line_contents"]
    }
    assert len(found) >= 8
    return found


def test_the_keys_of_kept_results_hash_all_the_code_that_makes_them(
    graph: grimp.ImportGraph, with_tasks: grimp.ImportGraph, makers: set[str]
) -> None:
    """What a maker imports; and what it imports by a name, as tasks are: these it is given, with their fingerprints."""
    by_name = set()
    for module in makers:
        assert closure(module) == imported(graph, module), module
        if imported(with_tasks, module) - closure(module):
            by_name.add(module)
            own = [each for _, each in inspect.getmembers(importlib.import_module(module), inspect.isfunction)]
            functions = [each for each in own if each.__module__ == module and hasattr(each, "place")]
            assert functions
            for function in functions:
                given = " ".join(map(str, function.__annotations__.values()))
                assert re.search(r"\bTask\b", given), f"{module}.{function.__name__} finds tasks, but is given none"
    assert {"orbweaver.spider.episodes", "orbweaver.spider.pair"} <= by_name


def test_the_keys_of_kept_results_hold_what_the_catalogue_says_of_their_architecture_alone(
    makers: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its entries are in no code; what else lies beside modules as data, no kept result is made of."""
    read = set()
    for module in closure(*makers):
        path = ROOT / file_of(module)
        words = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        beside = {each.name for each in path.parent.iterdir() if each.is_file() and each.suffix != ".py"}
        read |= {(module, name) for name in beside if name in words}
    assert read == {("orbweaver.models.catalogue", "catalogue.yaml")}
    ptm = Stored(card_of("a").model_copy(update={"architecture": "known"}), Path("anywhere"))
    entries = catalogue()
    one = next(iter(entries.values()))
    keys = []
    for known in ({}, {"other": one}, {"known": one}, {"known": one.model_copy(update={"like": "other"})}):
        monkeypatch.setattr(catalogue_module, "catalogue", lambda known=known: known)
        keys.append(repr(ptm.fingerprint))
    assert keys[0] == keys[1] and len({*keys}) == 3


def test_neutral_modules_are_ours_and_import_nothing_that_counts(graph: grimp.ImportGraph) -> None:
    for module in NEUTRAL:
        assert imported(graph, module) <= NEUTRAL
