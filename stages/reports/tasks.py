"""The report of a benchmark of several tasks: an evaluation each, since a PTM is of one task, and one table of all."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from stages.files import write_text
from stages.reports import figures, page, tables
from stages.reports.evaluate import GROUPS, SUMMARY, Evaluation, evaluate
from stages.reports.spread import truth_spread

DRAWN = {"heat_map": figures.heat_map, "intervals": figures.intervals}
NOTE = (
    "Mean weighted tau over a task's targets with its 95 % bootstrap interval over targets and PTMs. * cannot be told "
    "from the highest mean of its task; - has no value for its task. The first rows never look at the target."
)


def evaluate_tasks(
    tables_of: dict[str, tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]], seed: int, n_resamples: int
) -> dict[str, Evaluation]:
    """`stages.reports.evaluate.evaluate` of each task's truth, scores and cards."""
    return {task: evaluate(*of_task, seed, n_resamples) for task, of_task in tables_of.items()}


def overview(evaluations: dict[str, Evaluation]) -> pd.DataFrame:
    """Strings, a row a method and a column a task: "mean low .. high"; by group, then by the mean over tasks."""
    tau = pd.concat({task: evaluation.tau for task, evaluation in evaluations.items()}, names=["task", "method"])
    means = tau["mean"].unstack("task")
    group = tau["group"].groupby("method").first().astype(pd.CategoricalDtype(GROUPS, ordered=True))
    order = pd.DataFrame({"group": group, "mean": -means.mean(axis=1)}).sort_values(["group", "mean"]).index

    def cell(task: str, method: str) -> str:
        if (task, method) not in tau.index or np.isnan(tau.loc[(task, method), "mean"]):
            return "-"
        row = tau.loc[(task, method)]
        return f"{row['mean']:+.2f}{'*' if row['tied_with_best'] else ' '} {row['low']:+.2f} .. {row['high']:+.2f}"

    rows = [{"method": m} | {task: cell(task, m) for task in evaluations} for m in order]
    return pd.DataFrame(rows)


def text(evaluations: dict[str, Evaluation], seconds: pd.DataFrame | None = None) -> str:
    """The overview and each task's table for a terminal."""
    parts = [overview(evaluations).to_string(index=False), NOTE]
    for task, evaluation in evaluations.items():
        here = None if seconds is None else seconds[seconds["dataset"].isin(evaluation.kinds)]
        parts += [f"\n{task}\n", tables.text_table(evaluation, here)]
    return "\n".join(parts)


def markdown(evaluations: dict[str, Evaluation]) -> str:
    """The overview for the README."""
    rows = overview(evaluations).map(lambda value: value.replace("*", "\\*").replace("_", "\\_"))
    lines = [list(rows.columns), ["---", *["---:"] * len(evaluations)], *rows.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + f"\n\n{NOTE}\n"


def build(
    tables_of: dict[str, tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]],
    seed: int,
    folder: Path,
    n_resamples: int,
    weights: pd.DataFrame | None = None,
) -> dict[str, Evaluation]:
    """Writes tau.csv, measures.csv, truth.csv (each with the task in front), metrics.json, figures/*.svg, index.html.

    The bytes depend on the arguments alone; figures of tasks that are gone are removed. weights: of EMMS; columns
    dataset, ptm, encoder, weight.
    """
    evaluations = evaluate_tasks(tables_of, seed, n_resamples)
    spreads = {task: truth_spread(truth, seed) for task, (truth, _, _) in tables_of.items()}
    drawn = {
        f"{task}_{name}": draw(evaluation) for task, evaluation in evaluations.items() for name, draw in DRAWN.items()
    } | {f"{task}_truth_spread": figures.truth_spread(truth) for task, (truth, _, _) in tables_of.items()}
    if weights is not None:
        drawn["weights"] = figures.weights(weights)

    def stacked(parts: dict[str, pd.DataFrame]) -> str:
        return tables.csv(
            pd.concat([part.assign(task=task) for task, part in parts.items()]).set_index("task").reset_index()
        )

    summaries = {task: e.tau.reset_index()[["method", "group", *SUMMARY]] for task, e in evaluations.items()}
    metrics = {task: tables.metrics(evaluation)["weighted_tau"] for task, evaluation in evaluations.items()}
    written = {
        "tau.csv": stacked(summaries),
        "measures.csv": stacked({task: evaluation.measures for task, evaluation in evaluations.items()}),
        "truth.csv": stacked(spreads),
        "metrics.json": json.dumps({"weighted_tau": metrics}, indent=2) + "\n",
        "index.html": _page(evaluations, spreads, drawn),
    } | {f"figures/{name}.svg": figure for name, figure in drawn.items()}
    for name, content in written.items():
        write_text(folder / name, content)
    for stale in (folder / "figures").glob("*.svg"):
        if f"figures/{stale.name}" not in written:
            stale.unlink()
    return evaluations


def _page(evaluations: dict[str, Evaluation], spreads: dict[str, pd.DataFrame], drawn: dict[str, str]) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = [
        {
            "task": task,
            "verdict": page.verdict(evaluation),
            "rows": tables.tau_rows(evaluation).map(str.strip),
            "notes": tables.notes(evaluation),
            "spread": page.spread_rows(spreads[task]),
            "figures": {
                name: Markup(page.own_ids(f"{task}_{name}", drawn[f"{task}_{name}"]))
                for name in [*DRAWN, "truth_spread"]
            },
        }
        for task, evaluation in evaluations.items()
    ]
    template = environment.get_template("tasks.html.j2")
    weights = Markup(page.own_ids("weights", drawn["weights"])) if "weights" in drawn else None
    return template.render(overview=overview(evaluations), note=NOTE, sections=sections, weights=weights)
