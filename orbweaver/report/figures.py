"""The report's figures as SVG text, the same bytes from run to run.

Colours stay apart for the colour-blind (blue and orange, after P. Tol), text stays text, and whatever is black in a
figure becomes `currentColor`, so that a page can show it dark or light.
"""

import io
import re
from collections.abc import Callable
from functools import partial, wraps

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from orbweaver.report.evaluate import Evaluation

BLUE, ORANGE, GREEN, GREY = "#3b76af", "#d1701f", "#009e73", "#808080"
# Okabe and Ito's, which the colour-blind tell apart; black and yellow left out for pages that are dark or light
SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
MARKERS = "os^DvP*X<>"
PANELS = 5  # side by side
GROUP_COLOURS = {"blind": GREY, "aggregation": ORANGE, "learned": GREEN, "method": BLUE}
GROUP_NAMES = {"blind": "target-blind", "aggregation": "aggregations", "learned": "learned", "method": "scores"}
DIVERGING = LinearSegmentedColormap.from_list("tau", [ORANGE, "#f6dcc2", "#f4f4f4", "#c3d8ea", BLUE])
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "orbweaver",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.transparent": True,
}


def svg(draw: Callable[..., Figure], crop: str | None = "tight") -> Callable[..., str]:
    """Runs a drawing function in our style and gives its figure as an `<svg>` element.

    crop: None for a figure that sets its own margins; finding margins that fit takes as long as drawing.
    """

    @wraps(draw)
    def drawn(*args: object) -> str:
        with matplotlib.rc_context({**matplotlib.rcParamsDefault, **STYLE}):
            buffer = io.StringIO()
            draw(*args).savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, bbox_inches=crop)
        text = buffer.getvalue()
        text = text[text.index("<svg") :]
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
        # as wide as its place allows, up to its own size
        size = 'style="width: 100%; max-width: \\1; height: auto"'
        text = re.sub(r' height="[^"]*"', "", text, count=1)
        text = re.sub(r'\bwidth="([^"]*)"', size, text, count=1)
        text = re.sub(r"(font|fill|stroke)(:\s*)#000000", r"\1\2currentColor", text)
        return re.sub(r"<text\b", '<text fill="currentColor"', text)

    return drawn


@svg
def heat_map(evaluation: Evaluation) -> Figure:
    """Weighted tau, method by target, values in the cells; each group of methods below its name."""
    others = [target for target in evaluation.tasks if target not in evaluation.headline]
    columns = ["mean", *evaluation.headline, *others]
    edges = [1, *([1 + len(evaluation.headline)] if others else [])]
    names: list[str] = []
    heads: list[int] = []  # the rows that hold the name of a group and no value
    cells: list[np.ndarray] = []
    groups = evaluation.tau.groupby("group", observed=True)
    figure = Figure(figsize=(2.6 + 0.72 * len(columns), 1.1 + 0.27 * (len(evaluation.tau) + groups.ngroups)))
    axes = figure.subplots()
    for group, rows in groups:
        heads.append(len(names))
        names += [GROUP_NAMES[group], *rows.index]
        cells += [np.full(len(columns), np.nan), *rows[columns].to_numpy(dtype=float)]
        axes.vlines(edges, heads[-1] + 1, len(names), color="black", linewidth=1.2)
    values = np.stack(cells)
    axes.pcolormesh(values, cmap=DIVERGING, vmin=-1, vmax=1, edgecolors="none")
    for row, column in np.ndindex(values.shape):
        if row in heads:
            continue
        value = values[row, column]
        dark = abs(value) > 0.75
        axes.text(
            column + 0.5,
            row + 0.5,
            "–" if np.isnan(value) else f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if dark else GREY if np.isnan(value) else "#1a1a1a",
            fontweight="bold" if column == 0 else "normal",
        )
    axes.set_yticks(np.arange(len(values)) + 0.5, names)
    for row in heads:
        axes.get_yticklabels()[row].set(color=GREY, fontweight="bold")
    axes.set_xticks(np.arange(len(columns)) + 0.5, columns, rotation=35, ha="left")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.invert_yaxis()
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


@svg
def intervals(evaluation: Evaluation) -> Figure:
    """Each method's mean with its bootstrap interval, and its range when one PTM is left out."""
    tau = evaluation.tau
    place = np.arange(len(tau))
    colours = [GROUP_COLOURS[group] for group in tau["group"]]
    figure = Figure(figsize=(5.2, 0.9 + 0.25 * len(tau)))
    axes = figure.subplots()
    axes.axvline(0, color="black", linewidth=0.8)
    axes.hlines(place, tau["low"], tau["high"], color=colours, linewidth=1.2)
    axes.hlines(place, tau["without_one_low"], tau["without_one_high"], color=colours, linewidth=5, alpha=0.45)
    faces = [colour if tied else "none" for colour, tied in zip(colours, tau["tied_with_best"], strict=True)]
    axes.scatter(tau["mean"], place, s=30, zorder=3, facecolors=faces, edgecolors=colours)
    axes.set_yticks(place, tau.index)
    axes.set_ylim(len(tau) - 0.4, -0.6)
    axes.set_xlim(min(0.0, float(tau["low"].min())) - 0.05, 1.02)
    axes.set_xlabel("mean weighted tau")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    return figure


@svg
def truth_spread(truth: pd.DataFrame) -> Figure:
    """Every PTM's truth, one panel a target, with two standard errors of its fine-tuning seeds."""
    targets = list(truth["dataset"].unique())
    columns = min(PANELS, len(targets))
    rows = -(-len(targets) // columns)
    figure = Figure(figsize=(2.1 * columns, 2.5 * rows))
    for axes, target in zip(figure.subplots(rows, columns, squeeze=False).flat, targets, strict=False):
        part = truth[truth["dataset"] == target].dropna(subset=["value"]).sort_values("value", kind="stable")
        noise = part["noise"] if "noise" in part else pd.Series(np.nan, part.index)
        seeds = part.get("seeds", 1)
        error = 2 * (noise / np.sqrt(seeds)).fillna(0.0)
        axes.errorbar(
            np.arange(len(part)),
            part["value"],
            yerr=error,
            fmt="o",
            markersize=3,
            color=BLUE,
            ecolor=GREY,
            elinewidth=1,
        )
        axes.set_title(target, fontsize=10)
        axes.set_xticks([])
        axes.set_xlabel("PTMs in order", fontsize=8)
        axes.tick_params(labelsize=8)
    _hide_rest(figure, len(targets))
    figure.subplots_adjust(wspace=0.5, hspace=0.5)
    return figure


@svg
def critical_difference(evaluation: Evaluation) -> Figure:
    """Average ranks of the methods on one line; a bar joins those that Nemenyi's test cannot tell apart (5 %).

    Source: J. Demsar, JMLR 2006, figure 1; drawn by scikit-posthocs.
    """
    import scikit_posthocs  # seconds to load, and this figure alone needs it

    ranks = evaluation.tau["average_rank"].dropna()
    groups = [GROUP_COLOURS[group] for group in evaluation.tau.loc[ranks.index, "group"]]
    # By number: the library walks through sets, and the order of names in a set differs from run to run.
    numbered = ranks.reset_index(drop=True)
    values = -evaluation.tau.loc[ranks.index, evaluation.headline].to_numpy().T
    figure = Figure(figsize=(8.4, 1.0 + 0.16 * len(ranks)))
    axes = figure.subplots()
    drawn = scikit_posthocs.critical_difference_diagram(
        numbered,
        scikit_posthocs.posthoc_nemenyi_friedman(values),
        ax=axes,
        color_palette=dict(enumerate(groups)),
        label_fmt_left="{label}",
        label_fmt_right="{label}",
        label_props={"fontsize": 9},
        elbow_props={"linewidth": 0.9},
        crossbar_props={"linewidth": 2.5, "color": "black"},
    )
    for label in drawn["labels"]:
        label.set_text(f" {ranks.index[int(label.get_text())]} ")
    axes.set_xlabel("average rank", labelpad=8)
    axes.xaxis.set_label_position("top")
    return figure


@svg
def cost(evaluation: Evaluation, seconds: pd.DataFrame) -> Figure:
    """Mean weighted tau of each method against what scoring one PTM on one target cost, log axis."""
    from adjustText import adjust_text

    spent = seconds.groupby("method")["seconds"].mean()
    tau = evaluation.tau.join(spent, how="inner").dropna(subset=["mean"])
    figure = Figure(figsize=(9.2, 4.8))
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.axhline(0, color="black", linewidth=0.8)
    for group, rows in tau.groupby("group", observed=True):
        axes.vlines(rows["seconds"], rows["low"], rows["high"], color=GROUP_COLOURS[group], linewidth=0.8, alpha=0.4)
        axes.scatter(rows["seconds"], rows["mean"], s=26, color=GROUP_COLOURS[group], zorder=3)
    axes.set_xlabel("seconds to score one PTM on one target, its features at hand")
    axes.set_ylabel("mean weighted tau")
    texts = [axes.text(row["seconds"], row["mean"], name, fontsize=8) for name, row in tau.iterrows()]
    adjust_text(texts, ax=axes, max_move=None)
    return figure


@svg
def by_k(taus: pd.DataFrame) -> Figure:
    """Mean weighted tau of each Model Spider when it looks at the features of its first k PTMs; range over seeds."""
    figure = Figure(figsize=(8.4, 3.6))
    axes = figure.subplots()
    axes.axhline(0, color="black", linewidth=0.8)
    for number, (ranker, rows) in enumerate(taus.groupby("ranker", sort=False)):
        colour = SERIES[number % len(SERIES)]
        of_seed = rows[rows["seed"] != "all"].groupby("k")["tau"].agg(["min", "max"])
        mean = rows[rows["seed"] == "all"].set_index("k")["tau"]
        axes.fill_between(of_seed.index, of_seed["min"], of_seed["max"], color=colour, alpha=0.15, linewidth=0)
        axes.plot(mean.index, mean, color=colour, marker=MARKERS[number % len(MARKERS)], markersize=5, label=ranker)
    axes.set_xlabel("k: PTMs whose features are looked at")
    axes.set_ylabel("mean weighted tau")
    axes.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    figure.subplots_adjust(right=0.8)
    return figure


@svg
def weights(table: pd.DataFrame) -> Figure:
    """Weight of each text encoder in EMMS, one panel a target: mean over PTMs, and their range."""
    targets, encoders = list(table["dataset"].unique()), list(table["encoder"].unique())
    columns = min(PANELS, len(targets))
    rows = -(-len(targets) // columns)
    figure = Figure(figsize=(2.4 * columns, (0.8 + 0.3 * len(encoders)) * rows))
    for axes, target in zip(figure.subplots(rows, columns, squeeze=False, sharey=True).flat, targets, strict=False):
        of = table[table["dataset"] == target].groupby("encoder", sort=False)["weight"]
        place = np.arange(len(encoders))
        axes.barh(place, of.mean().reindex(encoders), color=BLUE, height=0.6)
        axes.hlines(place, of.min().reindex(encoders), of.max().reindex(encoders), color=ORANGE, linewidth=2)
        axes.set_yticks(place, encoders)
        axes.invert_yaxis() if axes is figure.axes[0] else None
        axes.set_title(target, fontsize=10)
        axes.tick_params(labelsize=8)
        axes.set_xlim(0, 1)
        axes.set_xticks((0, 0.5, 1))
    _hide_rest(figure, len(targets))
    figure.subplots_adjust(wspace=0.15, hspace=0.7)
    return figure


@partial(svg, crop=None)
def scatter(evaluation: Evaluation, cards: pd.DataFrame, method: str) -> Figure:
    """Score of one method against the truth, one panel a target that it answers.

    Colour tells what a PTM was trained on, shape its architecture.
    """
    scores = evaluation.scores[method]
    looks = _looks(cards)
    targets = [target for target in evaluation.tasks if (scores.loc[target].notna() & _known(evaluation, target)).any()]
    columns = max(1, min(PANELS, len(targets)))
    rows = max(1, -(-len(targets) // columns))
    width, height = 2.1 * columns, 2.1 * rows
    figure = Figure(figsize=(width, height))
    for axes, target in zip(figure.subplots(rows, columns, squeeze=False).flat, targets, strict=False):
        _panel(axes, evaluation.truth.loc[target], scores.loc[target], looks)
        axes.set_title(f"{target}  {evaluation.tau.loc[method, target]:.2f}", fontsize=10)
    _hide_rest(figure, len(targets))
    inches = {"left": 0.6 / width, "right": 1 - 0.15 / width, "bottom": 0.5 / height, "top": 1 - 0.3 / height}
    figure.subplots_adjust(**inches, wspace=0.5, hspace=0.5)
    return figure


def _looks(cards: pd.DataFrame) -> pd.DataFrame:
    """Colour and marker of each PTM, and what they stand for."""
    sources, architectures = list(cards["source"].unique()), list(cards["architecture"].unique())
    rows = [
        (SERIES[sources.index(source) % len(SERIES)], MARKERS[architectures.index(name) % len(MARKERS)], source, name)
        for source, name in zip(cards["source"], cards["architecture"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["colour", "marker", "source", "architecture"], index=cards["ptm"])


@svg
def legend(cards: pd.DataFrame) -> Figure:
    """What colours and shapes of the scatter plots stand for."""
    looks = _looks(cards)
    empty = {"linestyle": "", "markersize": 6}
    entries = [
        Line2D([], [], marker="s", color=row.colour, label=row.source, **empty)
        for row in looks.drop_duplicates("source").itertuples()
    ] + [
        Line2D([], [], marker=row.marker, color=GREY, label=row.architecture, **empty)
        for row in looks.drop_duplicates("architecture").itertuples()
    ]
    figure = Figure(figsize=(8.4, 0.2))
    columns = 5 if len(entries) > 5 else len(entries)
    figure.legend(handles=entries, loc="center", ncols=columns, frameon=False, fontsize=9)
    return figure


def _panel(axes: Axes, truth: pd.Series, scores: pd.Series, looks: pd.DataFrame) -> None:
    for marker, same in looks.loc[truth.index].groupby("marker", sort=False):
        axes.scatter(scores[same.index], truth[same.index], s=22, c=same["colour"], marker=marker, linewidths=0)
    axes.set_xlabel("score", fontsize=8)
    axes.set_ylabel("truth", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.locator_params(axis="x", nbins=3)
    axes.locator_params(axis="y", nbins=4)


def _known(evaluation: Evaluation, target: str) -> pd.Series:
    return evaluation.truth.loc[target].notna()


def _hide_rest(figure: Figure, used: int) -> None:
    for axes in figure.axes[used:]:
        axes.set_visible(False)
