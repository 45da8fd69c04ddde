"""A ranking as figures, and as one page that opens from disk: nothing in it asks for a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orbweaver.select.doctor.examples import Example
from orbweaver.select.told.advice import Unit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# What a PTM costs, columns of the table: what they are divided by, and what that is.
COSTS = {
    "parameters": (1e6, "million parameters"),
    "gmacs": (1, "thousand million multiply-adds a sample"),
    "forward": (1e-3, "milliseconds a sample, forward, as timed here"),
}


def plot(table: pd.DataFrame, unit: Unit) -> Figure:
    """The ranking with its intervals, and beside it what is reached against size; for a notebook."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.2 + 0.34 * max(6, len(table))), layout="constrained")
    left, right = figure.subplots(1, 2)
    _intervals(left, table, unit)
    _pareto(right, table, unit)
    return figure


def _intervals(axes: Axes, table: pd.DataFrame, unit: Unit) -> None:
    """What a linear model reaches on each PTM's features, nine in ten half-samples, and what fine-tuning gave."""
    from orbweaver.report.figures import BLUE, GREY, ORANGE

    table = table[table["probe"].notna()]
    place = np.arange(len(table))
    colours = [GREY if dropped else BLUE for dropped in table["dropped"]]
    axes.hlines(place, table["probe_low"], table["probe_high"], color=colours, linewidth=2)
    axes.scatter(table["probe"], place, color=colours, s=28, zorder=3, label="linear model on features")
    if "real" in table and unit.comparable and table["real"].notna().any():
        axes.scatter(table["real"], place, color=ORANGE, marker="D", s=28, zorder=4, label="fine-tuned here")
        axes.legend(frameon=False, fontsize=8)
    axes.set_yticks(place, [f"{ptm}  {rank}" for ptm, rank in zip(table["ptm"], _ranks(table), strict=True)])
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlabel(unit.name + (", lower is better" if unit.error else ""))


def _pareto(axes: Axes, table: pd.DataFrame, unit: Unit, cost: str = "parameters") -> None:
    """What is reached against one of COSTS; a line through those that nothing cheaper matches. Numbers are ranks."""
    from orbweaver.report.figures import BLUE, GREY

    scale, words = COSTS[cost]
    table = table[table["probe"].notna()]
    table = table.assign(cost=table[cost] / scale)
    front = frontier(table["cost"].to_numpy(float), table["probe"].to_numpy(float), unit.error)
    axes.scatter(table["cost"], table["probe"], color=GREY, s=28)
    on = table.iloc[front]
    axes.step(on["cost"], on["probe"], where="post", color=BLUE, linewidth=1)
    axes.scatter(on["cost"], on["probe"], color=BLUE, s=32, zorder=3)
    if table["cost"].max() > 5 * table["cost"].min():
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(words)
    axes.set_ylabel(unit.name)
    axes.margins(x=0.25, y=0.15)
    for at in zip(table["cost"], table["probe"], _ranks(table), strict=True):  # names would cover each other
        axes.annotate(at[2], at[:2], textcoords="offset points", xytext=(4, 4), fontsize=9)


def _ranks(table: pd.DataFrame) -> list[str]:
    return [f"{rank:.0f}" if rank == rank else "-" for rank in table["rank"]]


def frontier(cost: np.ndarray, value: np.ndarray, lower_is_better: bool) -> list[int]:
    """Indices, by rising cost, of the Pareto front: those that reach more than all of the same or a lower cost."""
    good = -value if lower_is_better else value
    front, best = [], -np.inf
    for i in sorted(range(len(cost)), key=lambda i: (cost[i], -good[i])):
        if good[i] > best:
            front.append(i)
            best = good[i]
    return front


def render(
    table: pd.DataFrame, cells: dict[str, list[str]], unit: Unit, examples: list[Example], **told: object
) -> str:
    """The page as HTML: the table as figures, its cells as text, samples, and what is told: head, about, advice..."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from matplotlib.figure import Figure

    import orbweaver.report
    from orbweaver.report.figures import svg

    def alone(draw, width: float, height: float, *more: str) -> Markup:
        def figure() -> Figure:
            made = Figure(figsize=(width, height))  # inches
            draw(made.subplots(), table, unit, *more)
            return made

        return Markup(svg(figure)())  # our own

    folders = [Path(__file__).parent, Path(orbweaver.report.__file__).parent]
    environment = Environment(loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template("ranking.html.j2").render(
        cells=cells,
        rows=list(zip(*cells.values(), strict=True)),
        intervals=alone(_intervals, 5.6, 0.8 + 0.32 * len(table)),
        fronts=[alone(_pareto, 4.2, 3.2, cost) for cost in COSTS if (table[cost] > 0).all()],
        dropped=table["dropped"].any(),
        examples=examples,
        unit=unit,
        **told,
    )
