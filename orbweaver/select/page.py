"""A ranking as figures, and as one page that opens from disk: nothing in it asks for a network."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from orbweaver.data.split import Split

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from orbweaver.select.result import Ranking

EXAMPLES, SIDE, LETTERS = 12, 112, 180


@dataclass(frozen=True)
class Example:
    """A sample to look at: `picture` a data URI, or `text`; and what it is labelled."""

    label: str
    picture: str = ""
    text: str = ""


@dataclass(frozen=True)
class Shown:
    """What figures and the page need beside the table: scores and the probe's results on half-samples, examples."""

    halves: pd.DataFrame
    levels: pd.DataFrame
    examples: list[Example]
    classes: list[str]


def examples(split: Split, classes: list[str]) -> list[Example]:
    """A few samples, spread over the classes in turn or over the values."""
    targets = split.targets
    if targets.ndim == 1 and split.classes:
        rows = [np.flatnonzero(targets == label) for label in range(len(split.classes))]
        turn = [of[k] for k in range(EXAMPLES) for of in rows if k < len(of)]
        chosen = turn[:EXAMPLES]
    else:
        order = np.argsort(targets) if targets.ndim == 1 else np.arange(len(split))
        chosen = order[np.linspace(0, len(split) - 1, min(EXAMPLES, len(split))).astype(int)].tolist()
    return [_example(split, int(row)) for row in chosen]


def _example(split: Split, row: int) -> Example:
    target = split.targets[row]
    if not split.classes:
        label = ", ".join(f"{value:.3g}" for value in np.atleast_1d(target))
    else:
        label = split.classes[target] if np.ndim(target) == 0 else ", ".join(np.array(split.classes)[target]) or "none"
    if not len(split.images):
        text = " / ".join(str(values[row]) for values in split.texts.values())
        return Example(label, text=text if len(text) <= LETTERS else text[:LETTERS] + "…")
    with Image.open(io.BytesIO(split.images[row])) as image:
        small = image.convert("RGB")
        small.thumbnail((SIDE, SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return Example(label, picture="data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode())


def plot(ranking: Ranking) -> Figure:
    """The ranking with its intervals, and beside it what is reached against size; for a notebook."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.2 + 0.34 * max(6, len(ranking))), layout="constrained")
    left, right = figure.subplots(1, 2)
    _intervals(left, ranking)
    _pareto(right, ranking)
    return figure


def _intervals(axes: Axes, ranking: Ranking) -> None:
    """What a linear model reaches on each PTM's features, nine in ten half-samples, and what fine-tuning gave."""
    from orbweaver.report.figures import BLUE, GREY, ORANGE

    table = ranking.table[ranking.table["probe"].notna()]
    place = np.arange(len(table))
    colours = [GREY if dropped else BLUE for dropped in table["dropped"]]
    axes.hlines(place, table["probe_low"], table["probe_high"], color=colours, linewidth=2)
    axes.scatter(table["probe"], place, color=colours, s=28, zorder=3, label="linear model on features")
    if "real" in table and not ranking.unit.error and table["real"].notna().any():
        axes.scatter(table["real"], place, color=ORANGE, marker="D", s=28, zorder=4, label="fine-tuned here")
        axes.legend(frameon=False, fontsize=8)
    axes.set_yticks(place, table["ptm"])
    axes.invert_yaxis()
    axes.set_xlabel(ranking.unit.name + (", lower is better" if ranking.unit.error else ""))


def _pareto(axes: Axes, ranking: Ranking) -> None:
    """What is reached against parameters; a line through those that nothing smaller matches."""
    from orbweaver.report.figures import BLUE, GREY

    table = ranking.table[ranking.table["probe"].notna()]
    front = frontier(table["parameters"].to_numpy(float), table["probe"].to_numpy(float), ranking.unit.error)
    axes.scatter(table["parameters"] / 1e6, table["probe"], color=GREY, s=28)
    on = table.iloc[front]
    axes.step(on["parameters"] / 1e6, on["probe"], where="post", color=BLUE, linewidth=1)
    axes.scatter(on["parameters"] / 1e6, on["probe"], color=BLUE, s=32, zorder=3)
    for _, row in on.iterrows():
        name = row["ptm"].rpartition("/")[2].partition(".")[0]
        axes.annotate(
            name, (row["parameters"] / 1e6, row["probe"]), textcoords="offset points", xytext=(4, 5), fontsize=8
        )
    if table["parameters"].max() > 5 * table["parameters"].min():
        axes.set_xscale("log")
    axes.set_xlabel("million parameters")
    axes.set_ylabel(ranking.unit.name)
    axes.margins(x=0.25, y=0.15)


def frontier(cost: np.ndarray, value: np.ndarray, lower_is_better: bool) -> list[int]:
    """Indices, by rising cost, of what nothing that costs as much or less reaches (the Pareto front)."""
    good = -value if lower_is_better else value
    front, best = [], -np.inf
    for i in sorted(range(len(cost)), key=lambda i: (cost[i], -good[i])):
        if good[i] > best:
            front.append(i)
            best = good[i]
    return front


def render(ranking: Ranking) -> str:
    """The page as HTML."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup
    from matplotlib.figure import Figure

    import orbweaver.report
    from orbweaver.report.figures import svg

    def alone(draw) -> Markup:
        def figure() -> Figure:
            made = Figure(figsize=(5.6, 1.1 + 0.32 * max(5, len(ranking))))
            draw(made.subplots(), ranking)
            return made

        return Markup(svg(figure)())  # our own

    folders = [Path(__file__).parent, Path(orbweaver.report.__file__).parent]
    environment = Environment(loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined,
                              trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template("ranking.html.j2").render(
        ranking=ranking,
        about=ranking.about,
        cells=ranking.cells(),
        rows=list(zip(*ranking.cells().values(), strict=True)),
        intervals=alone(_intervals),
        pareto=alone(_pareto),
        examples=ranking.shown.examples if ranking.shown else [],
        unit=ranking.unit,
    )
