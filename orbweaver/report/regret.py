"""The figure of what a budget of fine-tuning buys."""

from matplotlib.figure import Figure

from orbweaver.metrics.budget import random_regrets
from orbweaver.report.compare import honest, leaders
from orbweaver.report.evaluate import Evaluation
from orbweaver.report.figures import GREY, MARKERS, SERIES, svg
from orbweaver.tasks import TASKS

FARTHEST = 15  # PTMs fine-tuned; beyond it every curve lies near zero


@svg
def regret_by_budget(evaluation: Evaluation) -> Figure:
    """Mean regret of every method against the number of PTMs fine-tuned; the leading ones in colour, and chance."""
    curves = evaluation.regret.pivot(index="method", columns="k", values="regret").loc[:, :FARTHEST]
    leading = _leading(evaluation)
    fraction = TASKS[evaluation.tasks[evaluation.headline[0]]].fraction
    figure = Figure(figsize=(8.4, 4.2))
    axes = figure.subplots()
    for _, curve in curves.drop(index=leading).iterrows():
        axes.plot(curve.index, curve, color=GREY, linewidth=0.7, alpha=0.45)
    chance = (100.0 if fraction else 1.0) * random_regrets(evaluation.truth.loc[evaluation.headline].to_numpy())
    axes.plot(curves.columns, chance[: len(curves.columns)], color="black", linestyle=":", label="at random")
    for number, method in enumerate(leading):
        blind = evaluation.tau.loc[method, "group"] == "blind"
        axes.plot(
            curves.columns,
            curves.loc[method],
            color=SERIES[number],
            marker=MARKERS[number],
            markersize=4,
            linestyle="--" if blind else "-",
            label=method,
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("PTMs fine-tuned, in the method's order")
    axes.set_ylabel("mean regret, points of a hundred" if fraction else "mean regret, unit of the truth")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False, fontsize=9)
    return figure


def _leading(evaluation: Evaluation) -> list[str]:
    """The highest means, the best ranking that never looks at the target always among them."""
    names, group = leaders(evaluation.tau), evaluation.tau["group"]
    blind = evaluation.tau.loc[group == "blind", "mean"].loc[lambda means: means.index.isin(honest(list(group.index)))]
    best = [blind.idxmax()] if blind.notna().any() else []
    return [*[name for name in names if name not in best][: len(SERIES) - 1], *best]
