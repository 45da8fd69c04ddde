"""`Ranking`: what `rank` gives, for programs, notebooks and terminals."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orbweaver.core.errors import UserError
from orbweaver.core.files import write_text
from orbweaver.core.formats.tables import csv_text
from orbweaver.select.doctor.examples import Shown
from orbweaver.select.told.advice import Unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# What a column of `Ranking.cells` says, by the first word of its name.
MEANINGS = {
    "rank": "place, best first",
    "PTM": "pre-trained model",
    "score": "the method's own score; of several methods the mean of the PTM's ranks, from 0 (last by all) to 1 (first "
    "by all), and a part that breaks ties, with which it may leave that range",
    "probe": "what a linear model on the PTM's frozen features reaches on these data, each sample left out once",
    "half-samples": "the range that nine in ten half-samples of the data lie in, set about the probe on all samples",
    "expected": "what fine-tuning should give, calibrated on targets where that was measured",
    "80": "the range that should hold four in five of such values",
    "real": "what fine-tuning gave on samples that were kept apart",
    "rate": "the learning rate that won",
    "first": "share of the half-samples on which the PTM came first",
    "prior": "what was expected before any PTM ran, in standard deviations of accuracy",
    "parameters": "millions of weights",
    "seen": "samples that the PTM was judged by; fewer where it was dropped early",
    "time": "of forwarding and scoring, in this call; kept: nothing was forwarded",
}


@dataclass(frozen=True)
class Ranking:
    """PTMs for one's own data, best first.

    table: a row a PTM: rank, ptm, score (of the methods), probe (what a linear model on its features reaches),
        probe_low and probe_high (nine in ten half-samples; in `unit`), expected, low, high (the task's metric after
        fine-tuning and its 80 % range; NaN where it cannot be trusted), first (share of half-samples on which it came
        first), prior (what was expected before any ran, see `orbweaver explain prior`; NaN where nothing is known),
        parameters, gmacs (10^9 multiply-adds of a sample; NaN where unknown), forward (seconds of a sample on
        this machine, in a timed batch; NaN where it was not timed), samples (that it was judged by), dropped (early, by
        the race), forwards and seconds (of this call), reason (why there is no score), and after fine-tuning
        real (in the metric of `about`) and rate.
    advice: what to do, in sentences. warnings: what is odd in the data. notes: what was done, and left out.
    about: target, task, metric, what (images or texts), samples, held_out, classes, methods, command, device, seconds.
    checkpoint: the folder of the best fine-tuned PTM, if it was asked for.
    """

    table: pd.DataFrame
    advice: list[str]
    warnings: list[str]
    notes: list[str]
    about: dict
    unit: Unit
    checkpoint: Path | None = None
    shown: Shown | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def best(self) -> str:
        """The PTM on the first place; after fine-tuning the one that was best."""
        if "real" in self.table and self.table["real"].notna().any():
            real = self.table["real"]
            return self.table.loc[real.idxmin() if self.unit.error else real.idxmax(), "ptm"]
        return self.table["ptm"].iloc[0]

    def to_json(self) -> str:
        """One JSON object: what `about` holds, advice, warnings, notes, and `ranking`, rows; null is unknown."""
        rows = json.loads(self.table.to_json(orient="records", double_precision=10))
        told = {"advice": self.advice, "warnings": self.warnings, "notes": self.notes}
        checkpoint = {"checkpoint": str(self.checkpoint)} if self.checkpoint else {}
        return json.dumps({**self.about, **told, **checkpoint, "ranking": rows}, indent=2, ensure_ascii=False)

    def write(self, path: str | Path) -> None:
        """The table as .csv, or everything as .json."""
        path = Path(path).expanduser()
        text = self.to_json() + "\n" if path.suffix == ".json" else csv_text(self.table)
        _write(path, text)

    def report(self, path: str | Path) -> Path:
        """Writes one page that opens offline: ranking, cost, examples, what is odd, what was run."""
        from orbweaver.select.told.page import render

        page = render(
            self.table,
            self.cells(),
            self.unit,
            self.shown.examples if self.shown else [],
            head=self.head(),
            about=self.about,
            advice=self.advice,
            warnings=self.warnings,
            notes=self.notes,
            meanings={name: MEANINGS[name.partition(" ")[0]] for name in self.cells()},
        )
        _write(path := Path(path).expanduser(), page)
        return path

    def plot(self) -> Figure:
        """The ranking with its intervals, and beside it what is reached against size."""
        from orbweaver.select.told.page import plot

        return plot(self.table, self.unit)

    def _repr_html_(self) -> str:
        cells = self.cells()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in cells)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in zip(*cells.values(), strict=True)
        )
        said = "".join(f"<li>{html.escape(line)}</li>" for line in [*self.advice, *self.warnings])
        return f"<p>{html.escape(self.head())}</p><table><tr>{head}</tr>{rows}</table><ul>{said}</ul>"

    def head(self) -> str:
        """What was ranked, in a line."""
        about = self.about
        classes = f", {about['classes']} classes" if about["classes"] else ""
        apart = f" ({about['held_out']} more kept apart)" if about["held_out"] else ""
        kind = f"{about['task']}, {about['samples']} {about['what']}{apart}{classes}"
        return f"{about['target']}: {kind}; by {', '.join(about['methods'])}"

    def cells(self) -> dict[str, list[str]]:
        """The table as a person reads it: by column, only those that say something."""
        table = self.table
        cells = {
            "rank": [f"{rank:.0f}" if rank == rank else "-" for rank in table["rank"]],
            "PTM": table["ptm"].tolist(),
        }
        if self.about["methods"] != ["probe"]:
            cells["score"] = [f"{score:.4g}" if score == score else "-" for score in table["score"]]
        cells[f"probe ({self.unit.name})"] = [f"{value:.3g}" if value == value else "-" for value in table["probe"]]
        cells["half-samples"] = _ranges(table["probe_low"], table["probe_high"])
        if table["expected"].notna().any():
            say = self.unit.rounded
            cells["expected"] = [say(value) if value == value else "-" for value in table["expected"]]
            ends = zip(table["low"], table["high"], strict=True)
            cells["80 % range"] = [f"{say(a)} .. {say(b)}" if a == a else "-" for a, b in ends]
        if "real" in table:
            real = "real" if self.unit.comparable else f"real ({self.unit.real})"
            cells[real] = [f"{value:.3g}" if value == value else "" for value in table["real"]]
            cells["rate"] = [f"{value:g}" if value == value else "" for value in table["rate"]]
        cells["first"] = [f"{share:.0%}" if share >= 0.005 else "" for share in table["first"]]
        if table["prior"].notna().any():
            cells["prior"] = [f"{value:+.2f}" if value == value else "-" for value in table["prior"]]
        cells["parameters"] = [f"{count / 1e6:.1f} M" for count in table["parameters"]]
        if table["samples"].nunique() > 1:
            cells["seen"] = [f"{count:,}" for count in table["samples"]]
        cells["time"] = [
            "kept" if not forwards else f"{seconds:.1f} s"
            for forwards, seconds in zip(table["forwards"], table["seconds"], strict=True)
        ]
        return cells

    def __str__(self) -> str:
        cells = self.cells()
        widths = {column: max(len(column), *map(len, each)) for column, each in cells.items()}
        lines = ["  ".join(_align(column, column, width) for column, width in widths.items())]
        lines += ["-" * len(lines[0])]
        for row in zip(*cells.values(), strict=True):
            aligned = (_align(column, cell, width) for (column, width), cell in zip(widths.items(), row, strict=True))
            lines.append("  ".join(aligned).rstrip())
        lines += ["-" * len(lines[0])]
        reasons = self.table[self.table["score"].isna()]
        notes = [f"{row.ptm} has no score: {row.reason}" for row in reasons.itertuples()] + self.notes
        return "\n".join([self.head(), "", *lines, *self.advice, "", *(f"- {note}" for note in notes)])


def _ranges(low: pd.Series, high: pd.Series) -> list[str]:
    return [f"{a:.3g} .. {b:.3g}" if a == a else "-" for a, b in zip(low, high, strict=True)]


def _align(column: str, cell: str, width: int) -> str:
    return cell.ljust(width) if column == "PTM" else cell.rjust(width)


def _write(path: Path, text: str) -> None:
    try:
        write_text(path, text)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror})") from None


def interval(value: float, on_halves: pd.Series | None) -> tuple[float, float]:
    """Where nine in ten half-samples lie about their median, moved to the value on all samples."""
    if on_halves is None or on_halves.isna().all():
        return np.nan, np.nan
    low, middle, high = np.nanquantile(on_halves, [0.05, 0.5, 0.95])
    return value + low - middle, value + high - middle
