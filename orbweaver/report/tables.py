"""Evaluations as text, Markdown, CSV and JSON. A benchmark is of one zoo or of several."""

import json

import numpy as np
import pandas as pd

from orbweaver.core.formats.tables import csv_text
from orbweaver.report.cells import gain_cell, number, passes, span
from orbweaver.report.compare import BUDGETS, TOP, honest, width_in_words
from orbweaver.report.comparisons import variances
from orbweaver.report.evaluate import GROUPS, SUMMARY, Evaluation
from orbweaver.report.markdown import escaped, markdown
from orbweaver.report.same import Same

DIGITS = 6  # in files: enough for any reader, few enough to be the same from one BLAS to the next
OVERVIEW = (
    "Mean weighted tau over a zoo's targets with its 95 % bootstrap interval over families of targets, their targets "
    "and PTMs, with the noise of the truth; in brackets the mean symmetric tau, which EMMS, SFDA and LogME report. "
    "* cannot be told from the highest mean of its zoo; ~ scored only some PTMs on some targets; - has no value there. "
    "The first rows never look at the target."
)


def tau_rows(evaluation: Evaluation, seconds: pd.DataFrame | None = None) -> pd.DataFrame:
    """The main table as strings: method, mean, symmetric mean, interval, gain, headline targets, others, average rank.

    A `*` behind the mean marks the methods that cannot be told from the best, a `~` behind a value that the method
    scored only some of the PTMs, a `-` that there is no value. With `seconds` (columns dataset, ptm, method, seconds)
    a last column tells what scoring one PTM on one target cost on average; that one is never written to a file. The
    index is the group of each method.
    """
    others = [target for target in evaluation.tasks if target not in evaluation.headline]
    partial, symmetric = _partial(evaluation), symmetric_means(evaluation)
    rows = []
    for method, line in evaluation.tau.iterrows():
        mark = "*" if line["tied_with_best"] else " "
        row = {"method": method, "mean": number(line["mean"]) + mark, "symmetric": number(symmetric[method])}
        row |= {"95 % interval": span(line["low"], line["high"]), "gain": gain_cell(line)}
        for target in [*evaluation.headline, *others]:
            row[target] = number(line[target]) + ("~" if (method, target) in partial.index else " ")
        row["rank"] = "-" if np.isnan(line["average_rank"]) else f"{line['average_rank']:.1f}"
        rows.append(row)
    table = pd.DataFrame(rows, index=list(evaluation.tau["group"]))
    if seconds is not None:
        here = seconds[seconds["dataset"].isin(evaluation.tasks)]
        cost = here.groupby("method")["seconds"].mean().reindex(table["method"])
        table["s/score"] = [number(value) for value in cost]
    return table


def symmetric_means(evaluation: Evaluation) -> pd.Series:
    """By method: the mean over the headline targets of the tau that weighs by both orders, NaN where there is none."""
    rows = evaluation.measures[evaluation.measures["dataset"].isin(evaluation.headline)]
    return rows.groupby("method")["weighted_tau_symmetric"].mean().reindex(evaluation.tau.index)


def short_rows(evaluation: Evaluation, seconds: pd.DataFrame | None = None) -> pd.DataFrame:
    """The main table in TOP rows: the rankings that never look at the target, then the highest means; as `tau_rows`.

    A row that learned from the target's family is left out where a row that did not is listed too. Regret is the mean
    over the headline targets, in points of a hundred where the truth is a fraction.
    """
    tau, gain = evaluation.tau.loc[honest(list(evaluation.tau.index))], evaluation.gain
    blind = list(tau.index[(tau["group"] == "blind") & tau["mean"].notna()])[: TOP // 2]
    looking = tau[tau["group"] != "blind"].dropna(subset=["mean"])
    looking = looking.sort_values("mean", ascending=False, kind="stable").index[: TOP - len(blind)]
    regret = evaluation.regret.set_index(["method", "k"])["regret"].unstack()
    rows = tau_rows(evaluation, seconds).assign(group=evaluation.tau["group"].to_numpy()).set_index("method")
    rows = rows.loc[[*blind, *looking]]
    columns = ["mean", "symmetric", "95 % interval", "gain", *(["s/score"] if seconds is not None else [])]
    short = rows[columns].copy()
    short.insert(4, "its interval", [span(*gain.loc[m, ["gain_low", "gain_high"]]) for m in short.index])
    above = gain.loc[short.index, "gain_low"]
    short.insert(5, "above 0", ["-" if np.isnan(low) else "yes" if low > 0 else "no" for low in above])
    for k in (k for k in BUDGETS if k in regret):
        short[f"regret@{k}"] = [number(value, 2) for value in regret.loc[short.index, k]]
    short["forward passes"] = [passes(value) for value in gain.loc[short.index, "forward_passes"]]
    return short.reset_index().set_axis(np.where(rows["group"] == "blind", "blind", "looking"))  # below these by mean


def overview(evaluations: dict[str, Evaluation]) -> pd.DataFrame:
    """Strings, a row a method and a column a zoo: "mean low .. high (symmetric)"; by group, then by the mean over zoos.

    The index is the group of each method.
    """
    tau = pd.concat({zoo: evaluation.tau for zoo, evaluation in evaluations.items()}, names=["zoo", "method"])
    group = tau["group"].groupby("method").first().astype(pd.CategoricalDtype(GROUPS, ordered=True))
    place = -tau["mean"].unstack("zoo").mean(axis=1)
    order = pd.DataFrame({"group": group, "place": place}).sort_values(["group", "place"])
    symmetric = {zoo: symmetric_means(evaluation) for zoo, evaluation in evaluations.items()}
    partial = {zoo: _partial(evaluation).index for zoo, evaluation in evaluations.items()}

    def cell(zoo: str, method: str) -> str:
        if (zoo, method) not in tau.index or np.isnan(tau.loc[(zoo, method), "mean"]):
            return "-"
        row = tau.loc[(zoo, method)]
        some = any((method, target) in partial[zoo] for target in evaluations[zoo].headline)
        marks = ("*" if row["tied_with_best"] else "") + ("~" if some else "")
        mean = f"{row['mean']:+.2f}{marks or ' '}"
        return f"{mean} {row['low']:+.2f} .. {row['high']:+.2f} ({symmetric[zoo][method]:+.2f})"

    rows = [{"method": method} | {zoo: cell(zoo, method) for zoo in evaluations} for method in order.index]
    return pd.DataFrame(rows, index=list(order["group"]))


def notes(evaluation: Evaluation) -> list[str]:
    """What a reader of the main table has to know, one sentence or two each."""
    headline, n_blind = evaluation.headline, int((evaluation.tau["group"] == "blind").sum())
    task, n_ptms = evaluation.tasks[headline[0]].replace("_", " "), evaluation.truth.shape[1]
    lines = [
        "Weighted tau, weights by the true order; 1 is the true ranking, 0 is chance. Symmetric: by both orders, as "
        f"EMMS, SFDA and LogME report it. Mean over {len(headline)} "
        f"{task} targets of {_count(evaluation)}, {n_ptms} PTMs; 95 % bootstrap interval over families, targets and "
        "PTMs, with the noise of the truth where it is known."
    ]
    learned = [method for method in evaluation.tau.index if method not in honest(list(evaluation.tau.index))]
    if learned:
        lines.append(f"Learned from the target's family too, and not to be relied on: {', '.join(learned)}.")
    if n_blind:
        lines.append("The rows that never look at the target stand first: a method is worth what it adds to them.")
    lines.append(
        f"* cannot be told from the highest mean ({evaluation.best}): the interval of the paired difference reaches 0."
    )
    others = [target for target in evaluation.tasks if target not in headline]
    if others:
        lines.append(f"Not in the mean, being of another task: {', '.join(others)}.")
    if np.isfinite(evaluation.critical_difference):
        p, cd = evaluation.friedman_p, evaluation.critical_difference
        friedman = "" if np.isnan(p) else f" (Friedman p = {p:.2g})"
        lines.append(f"Average ranks{friedman} differ where they are more than {cd:.1f} apart (Nemenyi, 5 %).")
    lines += _gain_notes(evaluation)
    return lines + _partial_notes(evaluation)


def _count(evaluation: Evaluation) -> str:
    families = len({evaluation.families[target] for target in evaluation.headline})
    return f"{families} {'family' if families == 1 else 'families'}"


def _partial_notes(evaluation: Evaluation) -> list[str]:
    """Which methods scored some of the PTMs only; those that share the targets and the numbers share a sentence."""
    sharing: dict[tuple, list[str]] = {}
    partial = _partial(evaluation).reset_index()
    for (method, scored, ptms), rows in partial.groupby(["method", "n_scored", "n_ptms"], sort=False):
        sharing.setdefault((tuple(rows["dataset"]), scored, ptms), []).append(method)
    lines = []
    for (targets, scored, ptms), methods in sharing.items():
        where = "every target of the mean" if {*targets} == {*evaluation.headline} else ", ".join(targets)
        lines.append(f"~ {', '.join(methods)} scored {scored} of the {ptms} PTMs on {where}.")
    return lines


def _gain_notes(evaluation: Evaluation) -> list[str]:
    """What the scores add to the prior, and how sure an order of the first ten is. Counted as in the statements."""
    scores = evaluation.tau.loc[honest(list(evaluation.tau.index))].query("group == 'method' and mean.notna()")
    gain = evaluation.gain[evaluation.gain["gain"].notna()]
    lines = []
    if len(gain):
        gain = gain.loc[gain.index.intersection(scores.index)]
        above = int((gain["gain_low"] > 0).sum())
        lines.append(
            "Gain: mean tau of the PTMs' general order (mean place on the targets of other families) and the method "
            "together, less that of the general order alone; ^ where its interval is above 0: "
            f"{above} of the {len(gain)} scores that look at the target."
        )
        if above < len(gain):
            others = f"the other {len(gain) - above} scores"
            lines.append(f"No gain is shown of {others}, which are then not worth their forward passes.")
    else:
        lines.append("There are too few families to tell what a method adds to the general order of the PTMs.")
    width = width_in_words(evaluation.tau, evaluation.pairs)
    return [*lines, width] if width else lines


def text_table(evaluations: dict[str, Evaluation], seconds: pd.DataFrame | None = None) -> str:
    """For a terminal: each zoo's main table and its notes, below the overview where there are several."""
    tables = {
        zoo: "\n".join([_text(tau_rows(evaluation, seconds)), *notes(evaluation)])
        for zoo, evaluation in evaluations.items()
    }
    if len(tables) == 1:
        return "".join(tables.values())
    parts = [f"\n{zoo}\n\n{table}" for zoo, table in tables.items()]
    return "\n".join([_text(overview(evaluations)), OVERVIEW, *parts])


def markdown_table(evaluations: dict[str, Evaluation]) -> str:
    """For the README: the main table in a few rows and its notes, or the overview where there are several zoos."""
    if len(evaluations) > 1:
        return f"{_markdown(overview(evaluations))}\n{escaped(OVERVIEW)}\n"
    (evaluation,) = evaluations.values()
    return _markdown(short_rows(evaluation)) + "\n" + "".join(f"- {escaped(note)}\n" for note in notes(evaluation))


def _text(rows: pd.DataFrame) -> str:
    """Columns side by side, a rule wherever the group changes and at the end."""
    widths = {column: max(len(column), *rows[column].str.len()) for column in rows}
    lines = ["  ".join(_align(column, column, width) for column, width in widths.items())]
    rule, last = "-" * len(lines[0]), None
    for group, row in zip(rows.index, rows.to_dict("records"), strict=True):
        lines += [rule] if group != last else []
        lines.append("  ".join(_align(column, row[column], width) for column, width in widths.items()).rstrip())
        last = group
    return "\n".join([*lines, rule])


def _markdown(rows: pd.DataFrame) -> str:
    """Methods that never look at the target are in italics."""
    cells = rows.map(lambda cell: escaped(cell.strip()))
    first = cells.columns[0]
    cells[first] = cells[first].where(rows.index != "blind", "*" + cells[first] + "*")
    return markdown(cells)


def rankers_table(taus: pd.DataFrame, k: dict[str, int]) -> str:
    """Every form of Model Spider by how many PTMs it forwards: mean of its seeds' scores, and single seeds at k.

    taus: columns ranker, seed, k, tau, as `orbweaver.metrics.tau.tau_by_k` gives them; k: what validation chose.
    """
    last = int(taus["k"].max())
    some = sorted({0, last // 4, last // 2, last})
    lines = []
    for ranker, rows in taus.groupby("ranker", sort=False):
        table = rows.pivot(index="seed", columns="k", values="tau")
        seeds = table.drop(index="all")[k[ranker]]
        spread = f"{seeds.mean():.3f} ± {seeds.std():.3f}" if len(seeds) > 1 else f"{seeds.mean():.3f}"
        single = f"{spread} ({len(seeds)})" if len(seeds) else "no network"
        line = {"ranker": ranker} | {f"k = {each}": f"{table.loc['all', each]:.3f}" for each in some}
        line |= {"chosen k": str(k[ranker]), "there": f"{table.loc['all', k[ranker]]:.3f}"}
        lines.append(line | {"single seeds there": single})
    return _markdown(pd.DataFrame(lines))


def metrics(evaluations: dict[str, Evaluation]) -> dict[str, dict]:
    """What `dvc metrics show` prints: weighted_tau.[<zoo>.]<method>.<mean | target>. What has no value has no entry."""
    of_zoo = {}
    for zoo, evaluation in evaluations.items():
        values = evaluation.tau[["mean", *evaluation.tasks]].round(DIGITS).to_dict("index")
        of_zoo[zoo] = {method: {k: v for k, v in row.items() if v == v} for method, row in values.items()}
    return {"weighted_tau": of_zoo if len(of_zoo) > 1 else of_zoo.popitem()[1]}


def files(
    evaluations: dict[str, Evaluation],
    spreads: dict[str, pd.DataFrame],
    sames: dict[str, Same],
    published: pd.DataFrame | None = None,
) -> dict[str, str]:
    """Name and content of every table that the report keeps. The zoo stands in front where there are several.

    published: what the truth of published zoos is made of, below ours in variance.csv.
    """
    tau = _stacked({zoo: evaluation.tau.reset_index() for zoo, evaluation in evaluations.items()})
    targets = [target for evaluation in evaluations.values() for target in evaluation.tasks]
    before = [column for column in tau if column not in {*targets, *SUMMARY}]
    return {
        "tau.csv": _csv(tau[[*before, *targets, *SUMMARY]]),
        "measures.csv": _csv(_stacked({zoo: evaluation.measures for zoo, evaluation in evaluations.items()})),
        "truth.csv": _csv(_stacked(spreads)),
        "gain.csv": _csv(_stacked({zoo: evaluation.gain.reset_index() for zoo, evaluation in evaluations.items()})),
        "pairs.csv": _csv(_stacked({zoo: evaluation.pairs for zoo, evaluation in evaluations.items()})),
        "regret.csv": _csv(_stacked({zoo: evaluation.regret for zoo, evaluation in evaluations.items()})),
        "by.csv": _csv(_stacked({zoo: evaluation.by for zoo, evaluation in evaluations.items()})),
        "alike.csv": _csv(_stacked({zoo: found.alike.pairs() for zoo, found in sames.items()})),
        "fewest.csv": _csv(_stacked({zoo: found.fewest for zoo, found in sames.items()})),
        "thinned.csv": _csv(_stacked({zoo: found.thinned for zoo, found in sames.items()})),
        "sub_zoos.csv": _csv(_stacked({zoo: found.sub_zoos for zoo, found in sames.items()})),
        "variance.csv": _csv(variances(evaluations, published)),
        "metrics.json": json.dumps(metrics(evaluations), indent=2) + "\n",
    }


def _stacked(parts: dict[str, pd.DataFrame]) -> pd.DataFrame:
    if len(parts) == 1:
        return next(iter(parts.values()))
    return pd.concat(parts, names=["zoo", None]).reset_index(level="zoo")


def _csv(table: pd.DataFrame) -> str:
    return csv_text(table.round(DIGITS))


def _partial(evaluation: Evaluation) -> pd.DataFrame:
    rows = evaluation.measures.query("0 < n_scored < n_ptms")
    return rows.set_index(["method", "dataset"])[["n_scored", "n_ptms"]]


def _align(column: str, cell: str, width: int) -> str:
    return cell.ljust(width) if column == "method" else cell.rjust(width)
