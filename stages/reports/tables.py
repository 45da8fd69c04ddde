"""The evaluation as text, Markdown, CSV and JSON."""

import json
import re

import numpy as np
import pandas as pd

from stages.reports.evaluate import Evaluation

DIGITS = 6  # in files: enough for any reader, few enough to be the same from one BLAS to the next


def tau_rows(evaluation: Evaluation, seconds: pd.DataFrame | None = None) -> pd.DataFrame:
    """The main table as strings: method, mean, interval, headline targets, other targets, average rank.

    A `*` behind the mean marks the methods that cannot be told from the best, a `~` behind a value that the method
    scored only some of the PTMs, a `-` that there is no value. With `seconds` (columns dataset, ptm, method, seconds)
    a last column tells what scoring one PTM on one target cost on average; that one is never written to a file.
    """
    others = [target for target in evaluation.kinds if target not in evaluation.headline]
    partial = _partial(evaluation)
    rows = []
    for method, line in evaluation.tau.iterrows():
        mark = "*" if line["tied_with_best"] else " "
        row = {"method": method, "mean": _number(line["mean"]) + mark}
        row["95 % interval"] = "-" if np.isnan(line["low"]) else f"{line['low']:+.2f} .. {line['high']:+.2f}"
        for target in [*evaluation.headline, *others]:
            row[target] = _number(line[target]) + ("~" if (method, target) in partial.index else " ")
        row["rank"] = "-" if np.isnan(line["average_rank"]) else f"{line['average_rank']:.1f}"
        rows.append(row)
    table = pd.DataFrame(rows)
    if seconds is not None:
        cost = seconds.groupby("method")["seconds"].mean().reindex(table["method"])
        table["s/score"] = [_number(value) for value in cost]
    return table


def notes(evaluation: Evaluation) -> list[str]:
    """What a reader of the main table has to know, one sentence or two each."""
    headline, n_blind = evaluation.headline, int((evaluation.tau["group"] == "blind").sum())
    lines = [
        f"Weighted tau, weights by the true order; 1 is the true ranking, 0 is chance. Mean over {len(headline)} "
        f"{evaluation.kinds[headline[0]]} targets, {evaluation.truth.shape[1]} PTMs; 95 % bootstrap interval over "
        "targets and PTMs."
    ]
    if n_blind:
        lines.append(f"The first {n_blind} rows never look at the target: a method is worth what it adds to them.")
    lines.append(
        f"* cannot be told from the highest mean ({evaluation.best}): the interval of the paired difference reaches 0."
    )
    others = [target for target in evaluation.kinds if target not in headline]
    if others:
        lines.append(f"Not in the mean, being of another kind: {', '.join(others)}.")
    if np.isfinite(evaluation.critical_difference):
        p, cd = evaluation.friedman_p, evaluation.critical_difference
        friedman = "" if np.isnan(p) else f" (Friedman p = {p:.2g})"
        lines.append(f"Average ranks{friedman} differ where they are more than {cd:.1f} apart (Nemenyi, 5 %).")
    partial = _partial(evaluation).reset_index()
    for (method, scored, ptms), rows in partial.groupby(["method", "n_scored", "n_ptms"], sort=False):
        lines.append(f"~ {method} scored {scored} of the {ptms} PTMs on {', '.join(rows['dataset'])}.")
    return lines


def text_table(evaluation: Evaluation, seconds: pd.DataFrame | None = None) -> str:
    """The main table and its notes for a terminal."""
    rows = tau_rows(evaluation, seconds)
    group = evaluation.tau["group"].tolist()
    widths = {column: max(len(column), *rows[column].str.len()) for column in rows}
    lines = ["  ".join(_align(column, column, width) for column, width in widths.items())]
    rule = "-" * len(lines[0])
    for number, row in enumerate(rows.to_dict("records")):
        lines += [rule] if number == 0 or group[number] != group[number - 1] else []
        lines.append("  ".join(_align(column, row[column], width) for column, width in widths.items()).rstrip())
    return "\n".join([*lines, rule, *notes(evaluation)])


def markdown_table(evaluation: Evaluation) -> str:
    """The main table and its notes for the README."""
    rows = tau_rows(evaluation).map(lambda cell: _escape(cell.strip()))
    group = evaluation.tau["group"].tolist()
    rows["method"] = [f"*{method}*" if group[i] == "blind" else method for i, method in rows["method"].items()]
    header = [_escape(column) for column in rows]
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows.to_numpy().tolist()]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return table + "\n\n" + "\n".join(f"- {_escape(note)}" for note in notes(evaluation)) + "\n"


def rankers_table(taus: pd.DataFrame, k: dict[str, int]) -> str:
    """Every form of Model Spider by how many PTMs it forwards: mean of its seeds' scores, and single seeds at k.

    taus: columns ranker, seed, k, tau, as `stages.reports.tau.tau_by_k` gives them; k: what validation chose.
    """
    last = int(taus["k"].max())
    some = sorted({0, last // 4, last // 2, last})
    lines = [["ranker", *(f"k = {each}" for each in some), "chosen k", "there", "single seeds there"]]
    lines.append(["---", *["---:"] * (len(lines[0]) - 1)])
    for ranker, rows in taus.groupby("ranker", sort=False):
        table = rows.pivot(index="seed", columns="k", values="tau")
        seeds = table.drop(index="all")[k[ranker]]
        spread = f"{seeds.mean():.3f} ± {seeds.std():.3f}" if len(seeds) > 1 else f"{seeds.mean():.3f}"
        cells = [f"{table.loc['all', each]:.3f}" for each in (*some, k[ranker])]
        lines.append([_escape(ranker), *cells[:-1], str(k[ranker]), cells[-1], f"{spread} ({len(seeds)})"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def metrics(evaluation: Evaluation) -> dict[str, dict[str, dict[str, float]]]:
    """What `dvc metrics show` prints: weighted_tau.<method>.<mean | target>. What has no value has no entry."""
    columns = ["mean", *evaluation.kinds]
    values = evaluation.tau[columns].round(DIGITS).to_dict("index")
    return {"weighted_tau": {method: {k: v for k, v in row.items() if v == v} for method, row in values.items()}}


def csv(table: pd.DataFrame) -> str:
    """A CSV with floats rounded to DIGITS decimals."""
    return table.round(DIGITS).to_csv(index=False, lineterminator="\n")


def files(evaluation: Evaluation, spread: pd.DataFrame) -> dict[str, str]:
    """Name and content of every table that the report keeps."""
    return {
        "tau.csv": csv(evaluation.tau.reset_index()),
        "measures.csv": csv(evaluation.measures),
        "truth.csv": csv(spread),
        "metrics.json": json.dumps(metrics(evaluation), indent=2) + "\n",
    }


def _partial(evaluation: Evaluation) -> pd.DataFrame:
    rows = evaluation.measures.query("0 < n_scored < n_ptms")
    return rows.set_index(["method", "dataset"])[["n_scored", "n_ptms"]]


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"


def _align(column: str, cell: str, width: int) -> str:
    return cell.ljust(width) if column == "method" else cell.rjust(width)


def _escape(text: str) -> str:
    return re.sub(r"([_*~|])", r"\\\1", text)
