"""The report as one page that opens from disk: figures inside, no request to anywhere."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from orbweaver.report.cells import number, span
from orbweaver.report.comparisons import fewest_words, gain_rows, sub_zoo_rows, top_rows, where_rows
from orbweaver.report.evaluate import Evaluation
from orbweaver.report.explained import card_links, glossary
from orbweaver.report.figures import PANELS
from orbweaver.report.inside import Inside
from orbweaver.report.published import TOLERANCE, Replay
from orbweaver.report.replays import Ceilings
from orbweaver.report.same import ALIKE, Same
from orbweaver.report.statements import statements
from orbweaver.report.tables import OVERVIEW, notes, short_rows, tau_rows
from orbweaver.tasks import TASKS

COSTS = {
    "kendall_tau": "Kendall tau",
    "pearson": "Pearson",
    "rel_at_1": "Rel@1",
    "rel_at_3": "Rel@3",
    "recall_at_3": "Recall@3",
    "regret_at_1": "Regret@1",
    "regret_at_3": "Regret@3",
}


def part(
    name: str,
    prefix: str,
    evaluation: Evaluation,
    spread: pd.DataFrame,
    same: Same,
    figures: dict[str, str],
    seconds: pd.DataFrame | None = None,
) -> dict[str, object]:
    """What the page shows of one zoo.

    Args:
        name: of the zoo; prefix: of the ids of its sections and figures.
        evaluation: what `orbweaver.report.evaluate.evaluate` gave.
        spread: what `orbweaver.metrics.spread.truth_spread` gave.
        same: what `orbweaver.report.same.same` gave.
        figures: SVG by name: heat_map, intervals, truth_spread, legend, regret, same, scatter_<method> for the methods
            to be shown; and, where there is something to show, critical_difference, cost, by_k and weights.
        seconds: what scores cost here; columns dataset, ptm, method, seconds.
    """
    return {
        "name": name,
        "prefix": prefix,
        "evaluation": evaluation,
        "figures": {figure: Markup(own_ids(prefix + figure, svg)) for figure, svg in figures.items()},  # our own
        "scatters": [
            (method, f"mean {number(mean, 2)}")
            for method, mean in evaluation.tau["mean"].items()
            if f"scatter_{method}" in figures
        ],
        "critical_difference": number(evaluation.critical_difference, 1),
        "left_out": _left_out(evaluation),
        "rows": tau_rows(evaluation),
        "short": short_rows(evaluation, seconds),
        "gain": gain_rows(evaluation),
        "top": top_rows(evaluation),
        "where": where_rows(evaluation),
        "alike": ALIKE,
        "fewest": _strings(same.fewest),
        "fewest_words": fewest_words(same.fewest),
        "thinned": _strings(same.thinned),
        "sub_zoos": sub_zoo_rows(same.sub_zoos, evaluation),
        "same_width": 8 + 1.5 * len(same.alike.groups),
        "statements": [sentence.replace("`", "") for sentence in statements(evaluation)],
        "notes": notes(evaluation),
        "spread": _spread_rows(spread, evaluation.variance),
        "costs": _cost_rows(evaluation),
        "unit": ", in points of a hundred" if TASKS[evaluation.tasks[evaluation.headline[0]]].fraction else "",
        "verdict": _verdict(evaluation),
        "facts": _facts(evaluation),
        "map_width": max(24, 9 + 3 * (len(evaluation.tasks) + 1)),
        "truth_width": 8.5 * min(PANELS, len(evaluation.tasks)),
    }


def render(
    parts: list[dict[str, object]],
    variance: pd.DataFrame,
    overview: pd.DataFrame | None = None,
    replay: Replay | None = None,
    inside: Inside | None = None,
    ceilings: Ceilings | None = None,
) -> str:
    """The page as HTML.

    Args:
        parts: what `part` gives, one a zoo.
        variance: what the truth of these zoos, and of published ones, is made of.
        overview: of all zoos, where there are several.
        replay: the published table, for its section.
        inside: PTMs, datasets and provenance, for theirs.
        ceilings: how far laboratories agree, and what that makes of published tables.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    evaluations = [each["evaluation"] for each in parts]
    shown = [*evaluations, *([replay.evaluation] if replay else [])]
    environment.globals |= {"cards": card_links(shown), "words": glossary()}
    return environment.get_template("page.html.j2").render(
        parts=parts,
        variance=variance,
        overview=overview,
        note=OVERVIEW,
        published=_published(replay) if replay else None,
        replays=ceilings.zoos if ceilings else None,
        laboratories=_laboratories(ceilings.laboratories) if ceilings else None,
        inside=inside,
        provenance=pd.DataFrame(inside.provenance.items(), columns=["what", "version or digest"]) if inside else None,
        datasets=pd.DataFrame([dataset.about for dataset in inside.datasets]) if inside else None,
        n_methods=len({method for evaluation in evaluations for method in evaluation.tau.index}),
        n_ptms=sum(evaluation.truth.shape[1] for evaluation in evaluations),
        n_targets=sum(len(evaluation.tasks) for evaluation in evaluations),
    )


def _verdict(evaluation: Evaluation) -> str:
    """The result in two or three sentences, claiming no more than the intervals allow."""
    tau = evaluation.tau
    best, tied = tau.loc[evaluation.best], tau[tau["tied_with_best"]]
    others = [method for method in tied.index if method != evaluation.best]
    blindly = ", which never looks at the target" if best["group"] == "blind" else ""
    text = f"The highest mean weighted tau is {best['mean']:.2f}, of {evaluation.best}{blindly}; "
    text += f"{len(others)} of the other {len(tau) - 1} cannot be told from it." if others else "all others are below."
    blind = tau[tau["group"] == "blind"].dropna(subset=["mean"])
    if blindly or blind.empty:
        return text
    leader = blind["mean"].idxmax()
    told = "is among them" if leader in others else "is clearly below"
    return text + (
        f" The best ranking that never looks at the target, {leader}, reaches {blind['mean'].max():.2f} and {told}."
    )


def _facts(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """The page in four numbers: each with what it is of and how to read it."""
    tau = evaluation.tau
    blind, looking = tau[tau["group"] == "blind"]["mean"].dropna(), tau[tau["group"] != "blind"]["mean"].dropna()
    facts = []
    if len(looking):
        facts.append((f"{looking.max():.2f}", looking.idxmax(), "the best ranking that looks at the target"))
    if len(blind):
        facts.append((f"{blind.max():.2f}", blind.idxmax(), "the best ranking that never looks at it"))
    tied = int(tau["tied_with_best"].sum()) - 1
    facts.append((f"{tied} of {len(tau) - 1}", "tied", f"other rankings that cannot be told from {evaluation.best}"))
    pairs = int(evaluation.truth.notna().to_numpy().sum())
    facts.append(
        (f"{pairs}", "fine-tuned pairs", f"{evaluation.truth.shape[1]} PTMs on {len(evaluation.tasks)} targets")
    )
    return facts


def _left_out(evaluation: Evaluation) -> str:
    absent = evaluation.tau.index[evaluation.tau["average_rank"].isna()]
    return f" Not ranked, for lack of a value on some target: {', '.join(absent)}." if len(absent) else ""


def _cost_rows(evaluation: Evaluation) -> pd.DataFrame:
    rows = evaluation.measures[evaluation.measures["dataset"].isin(evaluation.headline)]
    means = rows.groupby("method", sort=False)[list(COSTS)].mean().reindex(evaluation.tau.index)
    return _strings(means.rename(columns=COSTS).reset_index()).set_axis(evaluation.tau["group"])


def _spread_rows(spread: pd.DataFrame, variance: pd.DataFrame) -> pd.DataFrame:
    rows = spread[["dataset", "task", "n_ptms", "min", "median", "max", "noise"]].copy()
    rows["spread"] = [number(value, 1) for value in spread["std_over_error"]]
    rows["tied pairs"] = [
        "-" if np.isnan(tied) else f"{tied:.0f} of {pairs}"
        for tied, pairs in zip(spread["tied"], spread["pairs"], strict=True)
    ]
    rows["ceiling"] = [number(value, 2) for value in spread["ceiling"]]
    shares = variance.set_index("dataset").loc[spread["dataset"]].clip(lower=0)
    for share in ("general", "interaction", "noise"):
        rows[f"{share} share"] = [number(value, 2) for value in shares[share]]
    return _strings(rows.rename(columns={"dataset": "target", "n_ptms": "PTMs"}))


def _published(replay: Replay) -> dict[str, object]:
    tau = replay.evaluation.tau
    rows = tau_rows(replay.evaluation)
    printed = {column: number(replay.printed_only.get(column, np.nan), 3) for column in rows.columns}
    rows.loc["printed"] = printed | {"method": replay.printed_only.name}
    misses = replay.cells[~replay.cells["matches"]]
    return {
        "rows": rows,
        "matching": int(replay.cells["matches"].sum()),
        "total": len(replay.cells),
        "tolerance": TOLERANCE,
        "constant": f"{tau.loc[tau['group'] == 'blind', 'mean'].max():.3f}",
        "single": f"{tau.loc[tau['group'] == 'method', 'mean'].max():.3f}",
        "misses": [
            f"{row.method} on {row.dataset}: printed {row.printed:.3f}, recomputed {row.recomputed:.3f}. {row.reason}"
            for row in misses.itertuples()
        ],
    }


def _laboratories(summary: pd.DataFrame) -> pd.DataFrame:
    """A row a pair of laboratories: mean weighted tau by either's order, and by both with its interval."""
    rows = []
    for (first, second), pair in summary.groupby(["first", "second"], sort=False):
        line = pair.set_index("weighed_by")
        both = line.loc["both"]
        rows.append(
            {
                "pair": f"{first}, {second}",
                "datasets": str(both["datasets"]),
                "PTMs": str(both["ptms"]),
                "by the first": number(line.loc["first", "mean"], 2),
                "by the second": number(line.loc["second", "mean"], 2),
                "by both": number(both["mean"], 2),
                "its interval": span(both["low"], both["high"]),
                "without inception_v3": number(both["without_inception"], 2),
            }
        )
    return pd.DataFrame(rows)


def _strings(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.map(lambda cell: number(cell, 3) if isinstance(cell, float) else str(cell))


def own_ids(name: str, svg: str) -> str:
    """Every figure numbers its parts from one; in one page they need names of their own."""
    prefix = re.sub(r"\W", "-", name)
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", svg)
