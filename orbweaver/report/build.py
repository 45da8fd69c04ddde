"""The whole report: every number, figure, table, and the page, of a benchmark of one zoo or of several."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.files import write_text
from orbweaver.metrics.spread import truth_spread
from orbweaver.metrics.tau import tau_by_k
from orbweaver.report import figures, page, tables
from orbweaver.report.comparisons import variance_rows
from orbweaver.report.evaluate import Evaluation, Zoo, evaluate
from orbweaver.report.inside import Inside
from orbweaver.report.published import Replay
from orbweaver.report.regret import regret_by_budget
from orbweaver.report.replays import Ceilings
from orbweaver.report.same import correlation_map, same


@dataclass(frozen=True)
class Report:
    """evaluations: by zoo. files: those of `orbweaver.report.tables.files`, and figures/*.svg. page: as HTML."""

    evaluations: dict[str, Evaluation]
    files: dict[str, str]
    page: str

    def write(self, folder: Path) -> None:
        """Writes the files and index.html, each in one step; removes figures that this report does not have."""
        for name, text in (self.files | {"index.html": self.page}).items():
            write_text(folder / name, text)
        for stale in (folder / "figures").glob("*.svg"):
            if f"figures/{stale.name}" not in self.files:
                stale.unlink()


def build(
    zoos: dict[str, Zoo],
    seed: int,
    n_resamples: int = 1000,
    replay: Replay | None = None,
    inside: Inside | None = None,
    weights: pd.DataFrame | None = None,
    rankers: pd.DataFrame | None = None,
    seconds: pd.DataFrame | None = None,
    ceilings: Ceilings | None = None,
) -> Report:
    """Evaluates every zoo by itself, since its PTMs are fine-tuned on its own targets only, and shows all in a report.

    What is returned depends on the arguments alone, byte for byte; `seconds` goes into the page and no other file. With
    several zoos the zoo's name stands in front: of a table's rows, of a figure's name, of the page's sections.

    Args:
        zoos: by name; seed, n_resamples: as for `orbweaver.report.evaluate.evaluate`.
        replay: the published table, to be shown as a section of the page.
        inside: PTMs, datasets and provenance, likewise.
        weights: of EMMS; columns dataset, ptm, encoder, weight.
        rankers: of Model Spider; columns dataset, ranker, seed ("all" for their mean), k, ptm, score.
        seconds: what scores cost here; columns dataset, ptm, method, seconds.
        ceilings: how well fine-tuning again would rank the PTMs of published tables, likewise.

    Raises:
        ValueError: as `orbweaver.report.evaluate.evaluate`.
    """
    evaluations = {name: evaluate(zoo, seed, n_resamples) for name, zoo in zoos.items()}
    spreads = {name: truth_spread(zoo.truth, seed) for name, zoo in zoos.items()}
    sames = {name: same(evaluations[name], zoo.cards, seed) for name, zoo in zoos.items()}
    published = None if replay is None else replay.variance
    parts, files = [], tables.files(evaluations, spreads, sames, published)
    for name, evaluation in evaluations.items():
        prefix = f"{name}_" if len(zoos) > 1 else ""
        drawn = draw(zoos[name], evaluation, weights, rankers)
        drawn["same"] = correlation_map(sames[name].alike)
        files |= {f"figures/{prefix}{figure}.svg": text for figure, text in drawn.items()}
        if seconds is not None:
            drawn["cost"] = figures.cost(evaluation, _of(evaluation, seconds))
        parts.append(page.part(name, prefix, evaluation, spreads[name], sames[name], drawn, seconds))
    overview = tables.overview(evaluations) if len(zoos) > 1 else None
    variance = variance_rows(evaluations, published)
    return Report(evaluations, files, page.render(parts, variance, overview, replay, inside, ceilings))


def draw(
    zoo: Zoo, evaluation: Evaluation, weights: pd.DataFrame | None = None, rankers: pd.DataFrame | None = None
) -> dict[str, str]:
    """All figures of a zoo by name, those that have something to show; arguments as in `build`."""
    drawn = {
        "heat_map": figures.heat_map(evaluation),
        "intervals": figures.intervals(evaluation),
        "truth_spread": figures.truth_spread(zoo.truth),
        "legend": figures.legend(zoo.cards),
        "regret": regret_by_budget(evaluation),
    }
    if np.isfinite(evaluation.critical_difference):
        drawn["critical_difference"] = figures.critical_difference(evaluation)
    if rankers is not None and len(taus := tau_by_k(rankers, evaluation.truth.loc[evaluation.headline])):
        drawn["by_k"] = figures.by_k(taus)
    if weights is not None and len(ours := _of(evaluation, weights)):
        drawn["weights"] = figures.weights(ours)
    answered = evaluation.tau[list(evaluation.tasks)].notna().any(axis=1)
    return drawn | {
        f"scatter_{method}": figures.scatter(evaluation, zoo.cards, method) for method in answered.index[answered]
    }


def _of(evaluation: Evaluation, table: pd.DataFrame) -> pd.DataFrame:
    return table[table["dataset"].isin(evaluation.tasks)]
