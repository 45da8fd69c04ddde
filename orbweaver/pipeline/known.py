"""Gathers every name that params.yaml may use from the modules that define it."""

from __future__ import annotations

from pathlib import Path

from orbweaver.core.workspace import Workspace
from orbweaver.data.corpora import CORPORA
from orbweaver.data.datasets import DATASETS, TASKS_OF
from orbweaver.methods import METHODS
from orbweaver.pipeline.params import Params, check_names, load
from orbweaver.tasks import ZOO
from orbweaver.tasks.objectives import OBJECTIVES


def load_checked(workspace: Workspace, path: Path | None = None) -> Params:
    """Reads the workspace's params.yaml, or the file at `path`, and checks every name before anything runs.

    Raises ParamsError naming the key. A stage needs only a few of these names, so it calls `params.load` instead.
    """
    params = load(path or workspace.params)
    check_names(
        params,
        path or workspace.params,
        zoo=ZOO,
        objectives=OBJECTIVES,
        datasets=TASKS_OF,
        sized=DATASETS,
        corpora=CORPORA,
        methods=METHODS,
        tables=sorted(table.parent.name for table in workspace.published.glob("*/truth.csv")),
    )
    return params
