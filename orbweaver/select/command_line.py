"""The command that ranks as a call of `rank` does, to be copied from the advice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orbweaver.core.workspace import Workspace

BUDGET = 500


def command_line(
    path: str | Path,
    *,
    ptms: Sequence[str] | None,
    methods: Sequence[str] | None,
    budget: int,
    minutes: float | None,
    task: str | None,
    workspace: Workspace | None,
    columns: dict[str, str | None],
) -> list[str]:
    """Its words, unquoted."""
    words = ["orbweaver", "rank", str(path)]
    for option, values in (("--ptm", ptms or ()), ("--method", methods or ())):
        for value in values:
            words += [option, value]
    budgets = {} if budget == BUDGET else {"--budget": str(budget)}
    if minutes is not None:  # the command takes one of the two
        budgets = {"--budget": f"{minutes:g}min"}
    benchmark = {"--benchmark": str(workspace.root)} if workspace is not None else {}
    for option, value in {"--task": task, **columns, **budgets, **benchmark}.items():
        if value is not None:
            words += [option, value]
    return words
