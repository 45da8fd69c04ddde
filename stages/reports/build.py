"""Writes the whole report into one folder."""

from pathlib import Path

import pandas as pd

from stages.files import write_text
from stages.reports import figures, page, tables
from stages.reports.evaluate import Evaluation, evaluate
from stages.reports.published import Replay
from stages.reports.spread import truth_spread


def build(
    truth: pd.DataFrame,
    scores: pd.DataFrame,
    cards: pd.DataFrame,
    seed: int,
    folder: Path,
    n_resamples: int = 1000,
    replay: Replay | None = None,
) -> Evaluation:
    """Evaluates and writes tau.csv, measures.csv, truth.csv, metrics.json, figures/*.svg and index.html.

    The bytes depend on the arguments alone. Each file is replaced in one step; files of methods that are gone are
    removed from figures/.

    Args:
        truth, scores, cards, seed, n_resamples: as for `stages.reports.evaluate.evaluate`; truth may hold noise and
            seeds, as for `stages.reports.spread.truth_spread`.
        folder: where to write; made if missing.
        replay: the published table, to be shown as a section of the page.

    Returns:
        the evaluation; `stages.reports.tables.text_table` prints it.

    Raises:
        ValueError: as `stages.reports.evaluate.evaluate`.
    """
    evaluation = evaluate(truth, scores, cards, seed, n_resamples)
    spread = truth_spread(truth, seed)
    drawn = draw(evaluation, truth)
    written = tables.files(evaluation, spread) | {f"figures/{name}.svg": text for name, text in drawn.items()}
    written["index.html"] = page.render(evaluation, spread, drawn, replay)
    for name, text in written.items():
        write_text(folder / name, text)
    for stale in (folder / "figures").glob("*.svg"):
        if f"figures/{stale.name}" not in written:
            stale.unlink()
    return evaluation


def draw(evaluation: Evaluation, truth: pd.DataFrame) -> dict[str, str]:
    """All figures of the report by name; a scatter for every method that answers any target."""
    drawn = {
        "heat_map": figures.heat_map(evaluation),
        "intervals": figures.intervals(evaluation),
        "truth_spread": figures.truth_spread(truth),
    }
    answered = evaluation.tau[list(evaluation.kinds)].notna().any(axis=1)
    return drawn | {f"scatter_{method}": figures.scatter(evaluation, method) for method in answered.index[answered]}
