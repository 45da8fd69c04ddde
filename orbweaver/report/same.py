"""Which scores are the same score? How alike methods rank, how few rank as well as all, and what less data changes.

`same` does all of it for a zoo. The others are functions of the same tables: `truth`, one row a target and one column a
PTM, and `scores`, for each method a table of that shape; higher is better, NaN where there is none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from orbweaver.metrics.intervals import interval, nan_mean
from orbweaver.metrics.tau import weighted_taus
from orbweaver.report.compare import honest
from orbweaver.report.evaluate import Evaluation
from orbweaver.report.figures import DIVERGING, svg

Scores = Mapping[str, pd.DataFrame]
ALIKE = 0.9  # rank correlation from which on methods are called the same
LEAST_PTMS = 3
SIZES = ("small", "middle", "large")


@dataclass(frozen=True)
class Alike:
    """Rank correlation of methods over PTMs, as tables method by method, NaN where one does not rank.

    by_target: of each target. pooled: the mean over targets. groups: for each method the number of its group; methods
    stand in the order of the tree, likest beside each other.
    """

    by_target: dict[str, pd.DataFrame]
    pooled: pd.DataFrame
    groups: pd.Series

    def pairs(self) -> pd.DataFrame:
        """One row a pair: method, other, group (the one that both are of, or none), mean correlation, each target."""
        names, group = self.groups.index, self.groups.to_numpy()
        first, second = np.triu_indices(len(names), 1)
        both = pd.Series(group[first], dtype="Int64").where(group[first] == group[second])
        rows = {"method": names[first], "other": names[second], "group": both}
        tables = {"mean": self.pooled} | self.by_target
        return pd.DataFrame(rows | {k: t.loc[names, names].to_numpy()[first, second] for k, t in tables.items()})


@dataclass(frozen=True)
class Same:
    """What `alike`, `fewest`, `thinned` and `sub_zoos` find in a zoo."""

    alike: Alike
    fewest: pd.DataFrame
    thinned: pd.DataFrame
    sub_zoos: pd.DataFrame


def same(evaluation: Evaluation, cards: pd.DataFrame, seed: int) -> Same:
    """All of this file on a zoo's headline targets.

    A row that learned from the target's family is left out where a row that did not is listed too. Sets are made of
    single scores, if there are any: learned rankers combine scores themselves, so that one of them alone would be the
    set, as would a constant row that knows the prior.
    """
    truth = evaluation.truth.loc[evaluation.headline]
    names = honest(list(evaluation.tau.index))
    scores = {name: evaluation.scores[name].loc[evaluation.headline] for name in names}
    single = {name: scores[name] for name in names if evaluation.tau.loc[name, "group"] == "method"}
    return Same(
        alike(scores),
        fewest(truth, single or scores, evaluation.families),
        thinned(truth, scores, seed=seed),
        sub_zoos(truth, scores, cards),
    )


def alike(scores: Scores, level: float = ALIKE) -> Alike:
    """Spearman correlations of each target, their mean, and groups of methods that are `level` alike in the mean.

    A pair of methods is compared on the PTMs that both scored, three or more. Groups are those of average linkage of
    1 - the pooled correlation (an unknown one counts as 0), cut at 1 - level. A method without scores is left out.
    """
    targets = next(iter(scores.values())).index
    by_target = {
        target: pd.DataFrame({name: table.loc[target] for name, table in scores.items()}).corr(
            "spearman", min_periods=LEAST_PTMS
        )
        for target in targets
    }
    stack = np.stack([table.to_numpy() for table in by_target.values()])
    names = list(scores)
    pooled = pd.DataFrame(nan_mean(stack, axis=0), index=names, columns=names)
    ranking = [name for name in names if pooled.loc[name].notna().any()]
    pooled = pooled.loc[ranking, ranking]
    if len(ranking) < 2:
        return Alike(by_target, pooled, pd.Series(1, index=ranking, dtype=int))
    apart = 1 - pooled.fillna(0).to_numpy(copy=True)
    np.fill_diagonal(apart, 0)
    tree = linkage(squareform(np.maximum(apart, 0), checks=False), "average")
    order = leaves_list(tree)
    numbers = pd.Series(fcluster(tree, 1 - level, "distance")[order], index=np.array(ranking)[order])
    numbers = numbers.map(
        {number: place for place, number in enumerate(numbers.unique(), 1)}
    )  # 1, 2, ... as they stand
    pooled = pooled.loc[numbers.index, numbers.index]
    return Alike(by_target, pooled, numbers)


def fewest(truth: pd.DataFrame, scores: Scores, families: Mapping[str, str], most: int = 8) -> pd.DataFrame:
    """Greedy sets of methods, and how well they rank on families of targets that had no part in their choice.

    A set ranks by its methods' mean rank. Beginning with none, the method is added that raises most the mean weighted
    tau, families counting alike; of equal ones the first.

    Args:
        families: of each target in truth. There are no rows for fewer than two, since none could be left out.
        most: methods in the largest set.

    Returns:
        one row a size: size; method, the one that is added at this size, chosen on all families; tau on all families;
        left_out, mean tau on each family of the set chosen on the others; everything, that of all methods together;
        enough, whether left_out reaches everything.
    """
    family = np.array([families[target] for target in truth.index])
    names, values = list(scores), truth.to_numpy(float)
    ranks = np.stack([_places(scores[name].reindex_like(truth)).to_numpy() for name in names])
    sizes = range(1, min(most, len(names)) + 1 if len(np.unique(family)) > 1 else 1)
    chosen, taus = _greedy(values, ranks, family, len(sizes))
    left_out = []
    for one in np.unique(family):
        kept, test = family != one, family == one
        others, _ = _greedy(values[kept], ranks[:, kept], family[kept], len(sizes))
        left_out.append([_tau(values[test], ranks[others[:size]][:, test], family[test]) for size in sizes])
    everything = nan_mean(
        np.array(
            [_tau(values[family == one], ranks[:, family == one], family[family == one]) for one in np.unique(family)]
        ),
        axis=0,
    )
    means = nan_mean(np.array(left_out), axis=0)
    return pd.DataFrame(
        {
            "size": np.array(sizes, int),
            "method": np.array(names, object)[chosen],
            "tau": np.array(taus, float),
            "left_out": means,
            "everything": float(everything),
            "enough": means >= everything,
        }
    )


def thinned(
    truth: pd.DataFrame, scores: Scores, left_out: Sequence[int] = (1, 2, 3), draws: int = 100, seed: int = 0
) -> pd.DataFrame:
    """What is left of the order of the methods when PTMs or targets are left out, drawn at random.

    Returns one row for each of `ptms` and `targets`, and each number of them that leaves two targets and three PTMs or
    more: what, n; agreement, the mean over draws of the Spearman correlation of the methods' mean weighted taus with
    those of the whole, with its 95 % range low, high; best_stays, the share of draws with the same best method.
    """
    values = truth.to_numpy(float)
    table = np.stack([scores[name].reindex_like(truth).to_numpy(float) for name in scores])
    cells = _taus(values, table)
    whole = pd.Series(nan_mean(cells, axis=1))
    generator = np.random.default_rng(seed)
    rows = []
    for what, size, least in (("ptms", values.shape[1], LEAST_PTMS), ("targets", len(values), 2)):
        for n in (n for n in left_out if size - n >= least):
            found, stays = [], []
            for _ in range(draws):
                kept = np.sort(generator.permutation(size)[n:])
                some = _taus(values[:, kept], table[..., kept]) if what == "ptms" else cells[:, kept]
                means = pd.Series(nan_mean(some, axis=1))
                found.append(means.corr(whole, "spearman"))
                stays.append(means.idxmax() == whole.idxmax())
            low, high = (end[0] for end in interval(np.array(found)[:, None]))
            rows.append(
                {"what": what, "n": n, "agreement": float(nan_mean(np.array(found), axis=0)), "low": float(low),
                 "high": float(high), "best_stays": float(np.mean(stays))}
            )  # fmt: skip
    return pd.DataFrame(rows, columns=["what", "n", "agreement", "low", "high", "best_stays"])


def sub_zoos(truth: pd.DataFrame, scores: Scores, cards: pd.DataFrame) -> pd.DataFrame:
    """How methods rank PTMs of one architecture, and of about one size, where there are three or more of them.

    Sizes are thirds of the zoo by number of parameters, PTMs of one number together. A group that is the whole zoo is
    left out. cards: columns ptm, architecture, n_parameters.

    Returns columns method, by (architecture or size), group, n_ptms, tau (mean weighted tau over targets).
    """
    of = cards.set_index("ptm").reindex(truth.columns)
    third = np.floor(3 * (of["n_parameters"].rank() - 0.5) / of["n_parameters"].count())
    groups = {"architecture": of["architecture"], "size": third.map(dict(enumerate(SIZES)))}
    table = np.stack([scores[name].reindex_like(truth).to_numpy(float) for name in scores])
    rows = []
    for by, values in groups.items():
        for group in SIZES if by == "size" else values.dropna().unique():
            kept = (values == group).to_numpy()
            if LEAST_PTMS <= kept.sum() < len(kept):
                means = nan_mean(_taus(truth.to_numpy(float)[:, kept], table[..., kept]), axis=1)
                rows += [(name, by, group, kept.sum(), mean) for name, mean in zip(scores, means, strict=True)]
    return pd.DataFrame(rows, columns=["method", "by", "group", "n_ptms", "tau"])


@svg
def correlation_map(found: Alike) -> Figure:
    """The pooled correlations in the order of the tree; lines separate the groups."""
    values = found.pooled.to_numpy()
    size = len(values)
    figure = Figure(figsize=(2.2 + 0.22 * size, 1.6 + 0.22 * size))
    axes = figure.subplots()
    mesh = axes.pcolormesh(values, cmap=DIVERGING, vmin=-1, vmax=1, edgecolors="none")
    for edge in np.flatnonzero(np.diff(found.groups.to_numpy())) + 1:
        axes.axhline(edge, color="black", linewidth=0.6)
        axes.axvline(edge, color="black", linewidth=0.6)
    axes.set_yticks(np.arange(size) + 0.5, found.pooled.index, fontsize=8)
    axes.set_xticks(np.arange(size) + 0.5, found.pooled.columns, rotation=90, fontsize=8)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
    figure.colorbar(mesh, ax=axes, shrink=0.5, label="rank correlation")
    return figure


def _places(table: pd.DataFrame) -> pd.DataFrame:
    """Ranks of each target's PTMs from 0 (the worst) to 1, ties sharing their mean rank."""
    ranks = table.rank(axis=1)
    return (ranks - 1).div(table.notna().sum(axis=1).sub(1).where(lambda n: n > 0), axis=0)


def _taus(truth: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(M, T) of truth (T, n) and scores (M, T, n), by method: all pairs of PTMs at once would fill the memory."""
    return np.stack([weighted_taus(truth, one) for one in scores])


def _tau(truth: np.ndarray, ranks: np.ndarray, family: np.ndarray) -> float:
    """Mean weighted tau of the methods' mean rank (M, T, n), over targets of a family and then over families."""
    return float(_by_family(weighted_taus(truth, np.round(nan_mean(ranks, axis=0), 12))[None], family)[0])


def _by_family(taus: np.ndarray, family: np.ndarray) -> np.ndarray:
    """(M,) of taus (M, T)."""
    return nan_mean(np.stack([nan_mean(taus[:, family == one], axis=1) for one in np.unique(family)]), axis=0)


def _greedy(truth: np.ndarray, ranks: np.ndarray, family: np.ndarray, size: int) -> tuple[list[int], list[float]]:
    """Numbers of the methods in the order in which they are chosen, and the mean tau after each."""
    known, filled = ~np.isnan(ranks), np.nan_to_num(ranks)
    count, total = np.zeros(ranks.shape[1:]), np.zeros(ranks.shape[1:])
    chosen: list[int] = []
    taus = []
    for _ in range(size):
        with np.errstate(invalid="ignore"):
            means = np.round((total + filled) / (count + known), 12)
        means[chosen] = np.nan
        found = _by_family(_taus(truth, means), family)
        best = int(
            np.nanargmax(np.where(np.isin(np.arange(len(found)), chosen), -np.inf, np.nan_to_num(found, nan=-2)))
        )
        chosen.append(best)
        taus.append(float(found[best]))
        count, total = count + known[best], total + filled[best]
    return chosen, taus
