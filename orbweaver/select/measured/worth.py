"""What ranking by default, and the accuracies that it lets expect, are worth on a published benchmark.

    python -m orbweaver.select.measured.worth NAME

From docs/NAME/scores.csv and data/published/NAME/truth.csv, into docs/NAME:

default.csv   by methods and task: weighted tau and what taking the first one or three loses, means over targets, with
              95 % intervals for which families of targets and PTMs were resampled (1,000 draws; of two families an
              interval says little). `lost` is in points of a hundred, of a regression in % of the least error.
coverage.csv  by methods: of targets whose family the calibration left out, the share of truths in ranges of 80 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.errors import tell
from orbweaver.core.formats.tables import read_published, write_csv
from orbweaver.core.workspace import Workspace
from orbweaver.metrics.intervals import draw, interval, resampled_means, resampled_taus
from orbweaver.metrics.measures import regret_at_k
from orbweaver.metrics.tau import weighted_tau
from orbweaver.select.order import expected
from orbweaver.select.order.calibrated import TRUSTED
from orbweaver.select.order.order import DEFAULT, LEVEL, combined
from orbweaver.tasks import TASKS

# What is ranked by, and what stands beside it to be compared with.
RANKINGS: dict[str, tuple[str, ...]] = {
    "default": DEFAULT,
    "probe": (LEVEL,),
    "probe_inner": ("probe_inner",),
    "logme": ("logme",),
    "logme, probe_inner": ("logme", "probe_inner"),
    "logme_inner": ("logme_inner",),
}
KS = (1, 3)
DRAWS = 1000
DIGITS = 6


def of_default(
    truth: pd.DataFrame, scores: pd.DataFrame, families: Mapping[str, str], seed: int = 0, draws: int = DRAWS
) -> pd.DataFrame:
    """task, ranking, targets, families, tau, tau_low, tau_high, and for each k lost_k, lost_k_low, lost_k_high.

    truth: dataset, task, ptm, value. scores: dataset, ptm, method, score. families: of the targets.
    """
    table, ptms = scores.pivot(index=["dataset", "ptm"], columns="method", values="score"), truth["ptm"].unique()
    rows = []
    for task, of in truth.groupby("task", sort=False):
        values = of.pivot(index="dataset", columns="ptm", values="value").loc[of["dataset"].unique(), ptms]
        known = values.to_numpy()
        names = [families.get(target) or target for target in values.index]
        found = np.array([
            [combined(table.loc[target].loc[ptms], methods) for target in values.index]
            for methods in RANKINGS.values()
        ])  # fmt: skip
        drawn, counts = draw(names, len(ptms), draws, seed)
        taus = resampled_means(resampled_taus(known, found, drawn), counts)
        scale = np.full(len(known), 100.0) if TASKS[task].fraction else 100 / np.abs(known.max(axis=1))
        for i, name in enumerate(RANKINGS):
            row = {"task": task, "ranking": name, "targets": len(known), "families": len({*names})}
            own = [weighted_tau(t, s) for t, s in zip(known, found[i], strict=True)]
            row |= _with_interval("tau", np.mean(own), taus[:, i])
            for k in KS:
                lost = scale * [regret_at_k(t, s, k) for t, s in zip(known, found[i], strict=True)]
                again = resampled_means(np.broadcast_to(lost, (draws, 1, len(lost))), counts)[:, 0]
                row |= _with_interval(f"lost_{k}", lost.mean(), again)
            rows.append(row)
    return pd.DataFrame(rows)


def _with_interval(name: str, value: float, again: np.ndarray) -> dict[str, float]:
    low, high = interval(again[:, None])
    return {name: value, f"{name}_low": low[0], f"{name}_high": high[0]}


def of_calibration(truth: pd.DataFrame, scores: pd.DataFrame, families: Mapping[str, str]) -> pd.DataFrame:
    """task, ranking, targets, families, inside, points, shown: of each task whose truth is a fraction.

    inside: NaN where the families are too few. points: from the low to the high end of a range, mean. shown: is it
    trusted?
    """
    rows = []
    for task, of in truth[[TASKS[name].fraction for name in truth["task"]]].groupby("task", sort=False):
        for name, methods in RANKINGS.items():
            table = expected.benchmark(methods, of, scores, families=families)
            found = expected.calibrate(table)
            row = {"task": task, "ranking": name, "targets": table["dataset"].nunique()}
            row |= {"families": table["family"].nunique(), "inside": np.nan, "points": np.nan, "shown": False}
            if found:
                ends = [expected.ranges(found, one["level"].to_numpy(), one["score"].to_numpy())[1:]
                        for _, one in table.groupby("dataset")]  # fmt: skip
                points = 100 * np.mean([high - low for low, high in ends])
                row |= {"inside": found.inside, "points": points, "shown": found.inside >= TRUSTED}
            rows.append(row)
    return pd.DataFrame(rows)


def published(root: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Truth (dataset, task, ptm, value: the mean of the chosen runs) and scores of a published benchmark.

    Raises FileError when a table is not there.
    """
    columns = ["ptm", "dataset", "test", "chosen", "task"]
    runs = read_published(Workspace(root).published / name / "truth.csv", columns)
    truth = runs[runs["chosen"] == 1].groupby(["dataset", "task", "ptm"], sort=False)["test"].mean()
    scores = read_published(root / "docs" / name / "scores.csv", ["dataset", "ptm", "method", "score"])
    return truth.rename("value").reset_index(), scores


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m orbweaver.select.measured.worth", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("name", help="of the benchmark")
    name = parser.parse_args(arguments).name
    from orbweaver.data.datasets import DATASETS  # takes seconds to load

    truth, scores = published(Path(), name)
    families = {dataset: one.family for dataset, one in DATASETS.items()}
    for file, table in (
        ("default.csv", of_default(truth, scores, families)),
        ("coverage.csv", of_calibration(truth, scores, families)),
    ):
        write_csv(table.round(DIGITS), Path("docs") / name / file)
        print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    tell(main)
