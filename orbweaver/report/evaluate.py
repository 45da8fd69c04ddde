"""From truth and scores to every number that the report shows of a zoo."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from orbweaver.metrics import intervals, measures
from orbweaver.metrics.ranks import Ranks, average_ranks
from orbweaver.metrics.tau import n_scored, weighted_tau, weighted_tau_symmetric
from orbweaver.report.priors import BLIND, blind_scores
from orbweaver.tasks import FRACTIONS

MEASURES = {
    "weighted_tau": weighted_tau,
    "weighted_tau_symmetric": weighted_tau_symmetric,
    "kendall_tau": measures.kendall_tau,
    "pearson": measures.pearson,
    "weighted_pearson": measures.weighted_pearson,
    "rel_at_1": partial(measures.rel_at_k, k=1),
    "rel_at_3": partial(measures.rel_at_k, k=3),
    "recall_at_3": partial(measures.recall_at_k, k=3),
    "regret_at_1": partial(measures.regret_at_k, k=1),
    "regret_at_3": partial(measures.regret_at_k, k=3),
}
SUMMARY = ["mean", "low", "high", "without_one_low", "without_one_high", "average_rank", "answered", "tied_with_best"]
GROUPS = ["blind", "aggregation", "method"]


@dataclass(frozen=True)
class Zoo:
    """PTMs that were pre-trained to do one task, and what is known of them on the targets they can be fine-tuned on.

    truth: columns dataset, ptm, value (higher is better), task (of the dataset); and, for
        `orbweaver.metrics.spread.truth_spread`, noise and seeds where these are known.
    scores: columns dataset, ptm, method, score (NaN where the method cannot tell). Missing rows count as NaN; scores of
        pairs without truth are not used. Target-blind rankings found here are kept, the others of
        `orbweaver.report.priors.BLIND` are added.
    cards: columns ptm, n_parameters, source_accuracy, and, for the figures, architecture and source; their order is the
        order of the PTMs.
    blind: the methods that never look at the target, in this order. Names that begin with "borda" aggregate others.
    """

    truth: pd.DataFrame
    scores: pd.DataFrame
    cards: pd.DataFrame
    blind: tuple[str, ...] = BLIND


@dataclass(frozen=True)
class Evaluation:
    """What the report shows of a zoo.

    truth: one row a target, one column a PTM. tasks: the task of each target.
    headline: the targets that the mean is over (see `headline_targets`).
    scores: for each method, in the order of tau, a table shaped like truth.
    measures: one row a (method, dataset), a column a measure, with n_ptms (PTMs with truth) and n_scored of them.
    tau: one row a method, in the order of GROUPS: target-blind ones as given, then aggregations and single methods,
        each by falling mean; columns: group, the targets, then SUMMARY.
    friedman_p, critical_difference: of `orbweaver.metrics.ranks`, over the headline targets.
    best: the method of the highest mean among those that scored the most pairs; the others are compared with it.
    """

    truth: pd.DataFrame
    tasks: dict[str, str]
    headline: list[str]
    scores: dict[str, pd.DataFrame]
    measures: pd.DataFrame
    tau: pd.DataFrame
    friedman_p: float
    critical_difference: float
    best: str


def evaluate(zoo: Zoo, seed: int, n_resamples: int = 1000) -> Evaluation:
    """Measures every method on every target, with what chance could do to its mean.

    For each method: the mean weighted tau over the headline targets that it answers and its 95 % bootstrap interval
    (low, high), its range when any one PTM is left out, its average rank. `tied_with_best` marks the methods whose
    paired difference to the best mean has a 95 % bootstrap interval that reaches 0: no order among them is established.

    Args:
        zoo: PTMs, their truth and their scores.
        seed: of the bootstrap.
        n_resamples: B of the bootstrap.

    Raises:
        ValueError: an empty table, a missing column, an infinite value, a pair that occurs twice, a PTM without a card.
    """
    truth, scores, cards, blind = zoo.truth, zoo.scores, zoo.cards, zoo.blind
    _check("truth", truth, ["dataset", "ptm"], "value")
    _check("scores", scores, ["dataset", "ptm", "method"], "score")
    strangers = sorted(set(truth["ptm"]) - set(cards["ptm"]))
    if strangers:
        raise ValueError(f"truth: no card for PTM {', '.join(strangers)}")
    tasks = dict(truth.drop_duplicates("dataset").set_index("dataset")["task"])
    if reserved := sorted(set(tasks) & {"zoo", "method", "group", *SUMMARY}):
        raise ValueError(f"a target may not be called {reserved[0]!r}")
    table = _pivot(truth, "value", list(tasks), list(cards["ptm"]))
    tables = {name: _pivot(rows, "score", *table.axes) for name, rows in scores.groupby("method", sort=False)}
    tables = blind_scores(table, cards) | tables
    rows = [_measure(name, target, tasks[target], table, tables[name]) for name in tables for target in tasks]
    measured = pd.DataFrame(rows)
    headline = headline_targets(tasks)
    taus = measured.pivot(index="method", columns="dataset", values="weighted_tau").reindex(list(tables), columns=tasks)
    summary, ranks, best = _summarise(table, tables, taus, headline, seed, n_resamples)
    tau = pd.concat([taus, summary], axis=1).rename_axis(index="method", columns=None)
    group = ["blind" if m in blind else "aggregation" if m.startswith("borda") else "method" for m in tau.index]
    tau.insert(0, "group", pd.Categorical(group, GROUPS))
    place = [blind.index(m) if m in blind else -mean for m, mean in tau["mean"].items()]
    tau = tau.assign(place=place).sort_values(["group", "place"], kind="stable").drop(columns="place")
    measured = measured.set_index("method").loc[tau.index].reset_index()
    tables = {name: tables[name] for name in tau.index}
    return Evaluation(table, tasks, headline, tables, measured, tau, ranks.p_value, ranks.critical_difference, best)


def headline_targets(tasks: dict[str, str]) -> list[str]:
    """The targets of the most frequent task, the first of them on a tie.

    Most scores are defined for classification alone. A mean over whatever each method can answer would compare
    methods by different exams, so the targets of other tasks stand beside the mean and not in it.
    """
    by_task: dict[str, list[str]] = {}
    for target, task in tasks.items():
        by_task.setdefault(task, []).append(target)
    return max(by_task.values(), key=len)


def _check(name: str, table: pd.DataFrame, keys: list[str], value: str) -> None:
    missing = [column for column in [*keys, value] if column not in table.columns]
    if missing:
        raise ValueError(f"{name}: no column {', '.join(missing)}")
    if table.empty:
        raise ValueError(f"{name}: no rows")
    for problem, rows in {
        "occurs twice": table[table.duplicated(keys)],
        "is infinite": table[np.isinf(table[value].astype(float))],
    }.items():
        if len(rows):
            raise ValueError(f"{name}: {', '.join(map(str, rows.iloc[0][keys]))} {problem}")


def _pivot(rows: pd.DataFrame, value: str, targets: list[str], ptms: list[str]) -> pd.DataFrame:
    return rows.pivot(index="dataset", columns="ptm", values=value).reindex(index=targets, columns=ptms).astype(float)


def _measure(name: str, target: str, task: str, truth: pd.DataFrame, scores: pd.DataFrame) -> dict[str, object]:
    pair = truth.loc[target].to_numpy(), scores.loc[target].to_numpy()
    row = {
        "method": name,
        "dataset": target,
        "n_ptms": int(truth.loc[target].notna().sum()),
        "n_scored": n_scored(*pair),
    }
    row |= {measure: function(*pair) for measure, function in MEASURES.items()}
    return row | {name: 100 * row[name] for name in row if name.startswith("regret") and task in FRACTIONS}


def _summarise(
    table: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    taus: pd.DataFrame,
    headline: list[str],
    seed: int,
    n_resamples: int,
) -> tuple[pd.DataFrame, Ranks, str]:
    truth = table.loc[headline].to_numpy()
    scores = np.stack([scores.loc[headline].to_numpy() for scores in tables.values()])
    cells = taus[headline].to_numpy()
    mean, answered = intervals.nan_mean(cells, axis=1), np.sum(~np.isnan(cells), axis=1)

    ptms, counts = intervals.draw(*truth.shape, n_resamples, seed)
    resampled = intervals.resampled_taus(truth, scores, ptms)
    low, high = intervals.interval(intervals.resampled_means(resampled, counts))
    # the best is sought among those that sat the fullest exam: a high mean over fewer PTMs is another exam's
    scored = np.sum(~np.isnan(scores) & ~np.isnan(truth), axis=(1, 2))
    best = int(np.argmax(np.where((scored == scored.max()) & ~np.isnan(mean), mean, -np.inf)))
    gaps = intervals.differences(truth, scores, best, resampled, ptms, counts)
    without_one = intervals.leave_one_ptm_out(truth, scores)
    ranks = average_ranks(cells)
    summary = pd.DataFrame(
        {
            "mean": mean,
            "low": low,
            "high": high,
            "without_one_low": without_one.min(axis=0),
            "without_one_high": without_one.max(axis=0),
            "average_rank": ranks.average_rank,
            "answered": answered,
            "tied_with_best": intervals.interval(gaps)[1] >= 0,
        },
        index=taus.index,
    )
    return summary, ranks, taus.index[best]
