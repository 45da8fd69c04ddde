"""The example notebook runs from its first cell to its last, with the packaged EfficientNet-Lites."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.conftest import ROOT


@pytest.mark.slow
def test_the_example_notebook_runs(tmp_path: Path) -> None:
    """Its kernel finds the package and the test's own cache folder in the environment."""
    notebook = nbformat.read(ROOT / "docs" / "rank.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(f"import sys; sys.path.insert(0, {str(ROOT)!r})"))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = "".join(str(cell.get("outputs", "")) for cell in notebook.cells)
    for name in ("tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2"):
        assert name in shown
    assert "image/png" in shown and "Next: fine-tune" in shown and "leave-one-out" in shown
