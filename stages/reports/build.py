"""Writes the whole report into one folder."""

from pathlib import Path

import numpy as np
import pandas as pd

from stages.files import write_text
from stages.reports import figures, page, tables
from stages.reports.evaluate import Evaluation, evaluate
from stages.reports.inside import Inside
from stages.reports.priors import BLIND
from stages.reports.published import Replay
from stages.reports.spread import truth_spread
from stages.reports.tau import tau_by_k


def build(
    truth: pd.DataFrame,
    scores: pd.DataFrame,
    cards: pd.DataFrame,
    seed: int,
    folder: Path,
    n_resamples: int = 1000,
    replay: Replay | None = None,
    inside: Inside | None = None,
    weights: pd.DataFrame | None = None,
    rankers: pd.DataFrame | None = None,
    seconds: pd.DataFrame | None = None,
    blind: tuple[str, ...] = BLIND,
) -> Evaluation:
    """Evaluates and writes tau.csv, measures.csv, truth.csv, metrics.json, figures/*.svg and index.html.

    The bytes depend on the arguments alone; `seconds` goes into index.html and no other file. Each file is replaced in
    one step; files of methods that are gone are removed from figures/.

    Args:
        truth, scores, cards, seed, n_resamples: as for `stages.reports.evaluate.evaluate`; truth may hold noise and
            seeds, as for `stages.reports.spread.truth_spread`.
        folder: where to write; made if missing.
        replay: the published table, to be shown as a section of the page.
        inside: PTMs, datasets and provenance, likewise.
        weights: of EMMS; columns dataset, ptm, encoder, weight.
        rankers: of Model Spider; columns dataset, ranker, seed ("all" for their mean), k, ptm, score.
        seconds: what scores cost here; columns dataset, ptm, method, seconds.
        blind: as for `evaluate`.

    Returns:
        the evaluation; `stages.reports.tables.text_table` prints it.

    Raises:
        ValueError: as `stages.reports.evaluate.evaluate`.
    """
    evaluation = evaluate(truth, scores, cards, seed, n_resamples, blind)
    drawn = draw(evaluation, truth, cards, weights, rankers)
    written = tables.files(evaluation, truth_spread(truth, seed))
    written |= {f"figures/{name}.svg": text for name, text in drawn.items()}
    for name, text in written.items():
        write_text(folder / name, text)
    for stale in (folder / "figures").glob("*.svg"):
        if f"figures/{stale.name}" not in written:
            stale.unlink()
    build_page(evaluation, truth, seed, folder, drawn, replay, inside, seconds)
    return evaluation


def build_page(
    evaluation: Evaluation,
    truth: pd.DataFrame,
    seed: int,
    folder: Path,
    drawn: dict[str, str],
    replay: Replay | None = None,
    inside: Inside | None = None,
    seconds: pd.DataFrame | None = None,
) -> None:
    """Writes index.html alone; arguments as in `build`, `drawn` as `draw` gives it."""
    costs = {} if seconds is None else {"cost": figures.cost(evaluation, seconds)}
    text = page.render(evaluation, truth_spread(truth, seed), drawn | costs, replay, inside)
    write_text(folder / "index.html", text)


def draw(
    evaluation: Evaluation,
    truth: pd.DataFrame,
    cards: pd.DataFrame,
    weights: pd.DataFrame | None = None,
    rankers: pd.DataFrame | None = None,
) -> dict[str, str]:
    """All figures of the report by name, those that have something to show."""
    drawn = {
        "heat_map": figures.heat_map(evaluation),
        "intervals": figures.intervals(evaluation),
        "truth_spread": figures.truth_spread(truth),
        "legend": figures.legend(cards),
    }
    if np.isfinite(evaluation.critical_difference):
        drawn["critical_difference"] = figures.critical_difference(evaluation)
    if rankers is not None and len(rankers):
        drawn["by_k"] = figures.by_k(tau_by_k(rankers, evaluation.truth.loc[evaluation.headline]))
    if weights is not None and len(weights):
        drawn["weights"] = figures.weights(weights)
    answered = evaluation.tau[list(evaluation.kinds)].notna().any(axis=1)
    return drawn | {
        f"scatter_{method}": figures.scatter(evaluation, cards, method) for method in answered.index[answered]
    }
