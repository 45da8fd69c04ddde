"""From truth and scores to every number that the report shows of a zoo."""

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from orbweaver.metrics import intervals, measures
from orbweaver.metrics.gain import mixtures
from orbweaver.metrics.ranks import Ranks, average_ranks
from orbweaver.metrics.spread import standard_error
from orbweaver.metrics.tau import n_scored, weighted_tau, weighted_tau_symmetric
from orbweaver.metrics.variance import split_variance
from orbweaver.report import compare
from orbweaver.report.priors import BLIND, blind_scores, family_out, with_family
from orbweaver.tasks import TASKS

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
SUMMARY += ["gain", "gain_low", "gain_high"]
ALL = "all"  # the row of the zoo in its table of variances
GROUPS = ["blind", "aggregation", "learned", "method"]
AGGREGATED = ("borda", "stacking")


@dataclass(frozen=True)
class Zoo:
    """PTMs that were pre-trained to do one task, and what is known of them on the targets they can be fine-tuned on.

    truth: columns dataset, ptm, value (higher is better), task (of the dataset); and, for
        `orbweaver.metrics.spread.truth_spread`, noise and seeds where these are known. Of the dataset too, where they
        are known: family (empty: one of its own), classes (how many), train, test (images of each split).
    scores: columns dataset, ptm, method, score (NaN where the method cannot tell). Missing rows count as NaN; scores of
        pairs without truth are not used. Target-blind rankings found here are kept, the others of
        `orbweaver.report.priors.BLIND` are added. Whatever learned from sources or other targets may stand here twice:
        the row that learned nothing from the target's family is named `<method>_family_out`.
    cards: columns ptm, n_parameters, source_accuracy, and, for the figures, architecture and source; their order is the
        order of the PTMs.
    blind: the methods that never look at the target, in this order. (A name that begins with one of AGGREGATED is that
        of a method that aggregates others.)
    forwards: how many PTMs a method forwards on a target, where that is not all that it scores; such a method learned
        from other data.
    """

    truth: pd.DataFrame
    scores: pd.DataFrame
    cards: pd.DataFrame
    blind: tuple[str, ...] = BLIND
    forwards: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """What the report shows of a zoo.

    truth: one row a target, one column a PTM. tasks, families: the task and the family of each target.
    headline: the targets that the mean is over (see `headline_targets`).
    scores: for each method, in the order of tau, a table shaped like truth.
    measures: one row a (method, dataset), a column a measure, with n_ptms (PTMs with truth) and n_scored of them.
    tau: one row a method, in the order of GROUPS: target-blind ones as given, then aggregations, learned rankers and
        single scores, each by falling mean; columns: group, the targets, then SUMMARY.
    friedman_p, critical_difference: of `orbweaver.metrics.ranks`, over the headline targets.
    best: the method of the highest mean among those that scored the most pairs; the others are compared with it. It is
        no row that learned from the target's family, where the same method without that family has a row too.
    gain, pairs, regret, by: see `gains`, `pairs`, `regret_table` and `where` of `orbweaver.report.compare`; over the
        headline targets, but for `by`, which is over all.
    variance: see `variance_table`.
    """

    truth: pd.DataFrame
    tasks: dict[str, str]
    families: dict[str, str]
    headline: list[str]
    scores: dict[str, pd.DataFrame]
    measures: pd.DataFrame
    tau: pd.DataFrame
    friedman_p: float
    critical_difference: float
    best: str
    gain: pd.DataFrame
    pairs: pd.DataFrame
    regret: pd.DataFrame
    by: pd.DataFrame
    variance: pd.DataFrame


def evaluate(zoo: Zoo, seed: int, n_resamples: int = 1000) -> Evaluation:
    """Measures every method on every target, and how far chance could move its mean.

    For each method: the mean weighted tau over the headline targets that it answers and its 95 % bootstrap interval
    (low, high) over families, targets, PTMs and the noise of the truth, its range when any one PTM is left out, its
    average rank, its gain over the prior with its interval. `tied_with_best` marks the methods whose
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
    targets = _targets(truth)
    tasks, families = dict(targets["task"]), dict(targets["family"])
    if reserved := sorted(set(tasks) & {"zoo", "method", "other", "group", *SUMMARY}):
        raise ValueError(f"a target may not be called {reserved[0]!r}: tables have a column of that name; rename it")
    table = _pivot(truth, "value", list(tasks), list(cards["ptm"]))
    tables = {name: _pivot(rows, "score", *table.axes) for name, rows in scores.groupby("method", sort=False)}
    tables = blind_scores(table, cards, list(families.values())) | tables
    rows = [_measure(name, target, tasks[target], table, tables[name]) for name in tables for target in tasks]
    measured = pd.DataFrame(rows)
    headline = headline_targets(tasks)
    taus = measured.pivot(index="method", columns="dataset", values="weighted_tau").reindex(list(tables), columns=tasks)

    errors = {target: standard_error(rows)[2] for target, rows in truth.groupby("dataset", sort=False)}
    exam = compare.exam_of(table.loc[headline], tables, families, errors, seed, n_resamples)
    gap = compare.lead(exam, exam.scores)
    summary, ranks, best = _summarise(exam, gap, taus[headline])
    mixed = mixtures(table.to_numpy(), np.stack([t.to_numpy() for t in tables.values()]), list(families.values()))
    gain = compare.gains(exam, mixed, [list(tasks).index(target) for target in headline])
    tau = pd.concat([taus, summary, gain[["gain", "gain_low", "gain_high"]]], axis=1)
    tau = tau.rename_axis(index="method", columns=None)
    never = [name for method in blind for name in (method, family_out(method))]
    tau.insert(0, "group", pd.Categorical([_group(m, never, zoo.forwards) for m in tau.index], GROUPS))
    place = [never.index(m) if m in never else -mean for m, mean in tau["mean"].items()]
    tau = tau.assign(place=place).sort_values(["group", "place"], kind="stable").drop(columns="place")

    regret = compare.regrets(exam, _points(tasks[headline[0]]))
    images = dict(targets["train"]) if "train" in targets else {}
    of_headline = measured[measured["dataset"].isin(headline)]
    passes = compare.forward_passes(of_headline, images, {*never}, zoo.forwards)
    regret_table = compare.regret_table(regret, exam.methods).set_index("method").loc[tau.index].reset_index()
    return Evaluation(
        truth=table,
        tasks=tasks,
        families=families,
        headline=headline,
        scores={name: tables[name] for name in tau.index},
        measures=measured.set_index("method").loc[tau.index].reset_index(),
        tau=tau,
        friedman_p=ranks.p_value,
        critical_difference=ranks.critical_difference,
        best=best,
        gain=gain.loc[tau.index].assign(forward_passes=passes),
        pairs=compare.pairs(gap, regret, tau, passes, exam.methods),
        regret=regret_table,
        by=compare.where(tau[list(tasks)], targets),
        variance=variance_table(table, np.array([errors[target] for target in tasks]), targets),
    )


def _group(method: str, blind: Container[str], learned: Container[str]) -> str:
    if method in blind:
        return "blind"
    return "aggregation" if method.startswith(AGGREGATED) else "learned" if with_family(method) in learned else "method"


def _targets(truth: pd.DataFrame) -> pd.DataFrame:
    """What is known of the targets, one row each: task, family, and, where they are known, classes, train, test."""
    known = [column for column in ("task", "family", "classes", "train", "test") if column in truth]
    targets = truth.drop_duplicates("dataset").set_index("dataset")[known]
    family = targets.get("family", pd.Series("", targets.index)).fillna("")
    return targets.assign(family=family.where(family != "", targets.index))


def _points(task: str) -> float:
    return 100.0 if TASKS[task].fraction else 1.0


def variance_table(truth: pd.DataFrame, error: np.ndarray, targets: pd.DataFrame) -> pd.DataFrame:
    """`orbweaver.metrics.variance.split_variance` as a table, the row of the zoo (ALL), the mean, last.

    Noise is that of fine-tuning seeds. What other test images would change is not known without the results image by
    image, since all PTMs are tested on the same ones; `images_at_most` is what it would be if PTMs erred independently:
    mean v (1 - v) / N of the variance, an upper bound for a truth v that is a mean over N images of values in [0, 1].

    Args:
        truth: one row a target, one column a PTM. error: (T,), standard error of a truth. targets: index target; column
            task, and test, the number of test images, where it is known.

    Returns:
        columns dataset, n_ptms (with truth on all targets), general, interaction, noise, images_at_most.
    """
    values = truth.to_numpy(float)
    values = values[:, ~np.isnan(values).any(axis=0)]
    split = split_variance(values, error)
    images = np.full(len(values), np.nan)
    if "test" in targets and values.shape[1] > 2:
        fractions = np.array([TASKS[task].fraction for task in targets["task"]])
        bound = np.mean(values * (1 - values), axis=1) / targets["test"].to_numpy(float)
        spread = values.var(axis=1, ddof=1)
        images = np.where(fractions & (spread > 0), bound / np.where(spread > 0, spread, 1), np.nan)
    shares = pd.DataFrame({k: split[k] for k in ("general", "interaction", "noise")} | {"images_at_most": images})
    shares.loc[len(shares)] = shares.mean()
    shares.insert(0, "n_ptms", values.shape[1])
    shares.insert(0, "dataset", [*truth.index, ALL])
    return shares


def headline_targets(tasks: dict[str, str]) -> list[str]:
    """The targets of the most frequent task, the first of them on a tie.

    Most scores are defined for classification alone. A mean over whatever each method can answer would compare methods
    on different targets, so the targets of other tasks are shown beside the mean and are not part of it.
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
    return row | {name: _points(task) * row[name] for name in row if name.startswith("regret")}


def _summarise(exam: compare.Exam, gap: compare.Sampled, taus: pd.DataFrame) -> tuple[pd.DataFrame, Ranks, str]:
    cells = taus.to_numpy()
    answered = np.sum(~np.isnan(cells), axis=1)
    # a mean over fewer than half of the targets cannot be compared with the others
    mean = np.where(2 * answered >= cells.shape[1], intervals.nan_mean(cells, axis=1), np.nan)
    resampled = intervals.resampled_means(intervals.resampled_taus(exam.drawn, exam.scores, exam.ptms), exam.counts)
    low, high = intervals.interval(intervals.recentred(resampled, mean))
    # the best is one of those that scored the most pairs: a mean over fewer PTMs cannot be compared with theirs
    scored = np.sum(~np.isnan(exam.scores) & ~np.isnan(exam.truth), axis=(1, 2))
    fit = (scored == scored.max()) & ~np.isnan(mean) & taus.index.isin(compare.honest(exam.methods))
    best = int(np.argmax(np.where(fit, mean, -np.inf)))
    without_one = intervals.leave_one_ptm_out(exam.truth, exam.scores)
    ranks = average_ranks(cells)
    summary = pd.DataFrame(
        {
            "mean": mean,
            "low": np.clip(low, -1, 1),
            "high": np.clip(high, -1, 1),
            "without_one_low": without_one.min(axis=0),
            "without_one_high": without_one.max(axis=0),
            "average_rank": ranks.average_rank,
            "answered": answered,
            "tied_with_best": intervals.interval(gap.samples[:, :, best])[1] >= 0,
        },
        index=taus.index,
    )
    return summary, ranks, taus.index[best]
