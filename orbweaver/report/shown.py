"""The tables of a benchmark that people read in README.md and docs/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orbweaver.core.workspace import Workspace
from orbweaver.metrics.tau import tau_by_k
from orbweaver.report import figures, results
from orbweaver.report.evaluate import evaluate
from orbweaver.report.statements import as_markdown
from orbweaver.report.tables import markdown_table, rankers_table

if TYPE_CHECKING:
    from orbweaver.pipeline.params import Params


def shown(workspace: Workspace, params: Params) -> dict[str, str]:
    """By file: result_table.md; of one zoo also statements.md and heat_map.svg, and rankers_table.md of Model Spiders.

    Raises FileError when a result is missing.
    """
    zoos = results.zoos(workspace, params)
    evaluations = {name: evaluate(zoo, params.seed, params.reports.bootstrap) for name, zoo in zoos.items()}
    made = {"result_table.md": markdown_table(evaluations)}
    if len(evaluations) > 1:
        return made
    (evaluation,) = evaluations.values()
    made["statements.md"] = as_markdown(evaluation)
    made["heat_map.svg"] = figures.heat_map(evaluation)
    if (rankers := results.rankers(workspace, params)) is not None:
        of_headline = tau_by_k(rankers, evaluation.truth.loc[evaluation.headline])
        made["rankers_table.md"] = rankers_table(of_headline, results.chosen_k(workspace, params))
    return made
