"""Imports go one way, as pyproject.toml says: import-linter looks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from tests.conftest import ROOT

COMMAND = [Path(sys.executable).parent / "lint-imports", "--no-cache"]


def test_imports_go_one_way() -> None:
    done = subprocess.run(COMMAND, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("orbweaver/core/keys.py", "from orbweaver.data import split"),
        ("orbweaver/metrics/tau.py", "from orbweaver.data import split"),
        ("orbweaver/pipeline/plan.py", "import stages.scores"),
        ("orbweaver/report/page.py", "from orbweaver.select import order"),
        ("orbweaver/methods/_knn.py", "def late():\n    from orbweaver.models import card"),
    ],
)
def test_the_other_way_is_found(module: str, line: str, tmp_path: Path) -> None:
    """The contracts themselves: a copy of the code with one wrong import."""
    for name in ("orbweaver", "stages"):
        for path in (ROOT / name).rglob("*.py"):
            copy = tmp_path / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(path.read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    with open(tmp_path / module, "a") as file:
        file.write(f"\n{line}\n")
    done = subprocess.run(COMMAND, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert module.removesuffix(".py").replace("/", ".") in done.stdout


def test_nobody_imports_a_main_module() -> None:
    graph = grimp.build_graph("orbweaver", "stages", cache_dir=None)
    for module in graph.modules:
        if module.rpartition(".")[2] == "__main__":
            assert not graph.find_modules_that_directly_import(module), module
