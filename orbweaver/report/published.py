"""The published table of the single-source zoo, replayed through our own evaluation.

Ten torchvision PTMs and eight targets; published accuracies and scores in, the published weighted taus out. That checks
the evaluation, and it puts beside the printed values what they were printed without: rankings that never look at the
target, and a plain aggregation of three scores. Sources of the files: data/published/README.md.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.formats.tables import read_published
from orbweaver.report.evaluate import Evaluation, Zoo, evaluate, variance_table
from orbweaver.report.priors import BLIND

TABLE = "single_source"
TOLERANCE = 0.0006  # half of the last printed digit, and the rounding of the scores themselves
CONTROLS = ("parameters_without_aux_heads", "mean_training_label")
AGGREGATED = ("h_score", "nce", "logme")
REASONS = {
    ("leep", "Aircraft"): "0.244 is the value of the scores rounded to three decimals: two PTMs then tie at -4.230",
    ("logme", "Aircraft"): "0.540 is the value of the scores rounded to three decimals: two PTMs then tie at 0.948",
    ("nleep", "Aircraft"): "no rounding gives -0.725; N-LEEP fits a random mixture model, so probably of another run",
}


@dataclass(frozen=True)
class Replay:
    """What came back.

    evaluation: of the published scores, controls first.
    cells: one row a (method, dataset) of the printed table, with printed, recomputed, difference, matches and reason
        (why not, where known).
    printed_only: the row of Model Spider, whose scores are not published: weighted tau on each target, and the mean.
    variance: what the truth of every published zoo is made of; see `published_variance`.
    """

    evaluation: Evaluation
    cells: pd.DataFrame
    printed_only: pd.Series
    variance: pd.DataFrame


def replay(published: Path, seed: int = 0, n_resamples: int = 1000) -> Replay:
    """Evaluates the published scores and compares the result with the printed table.

    Controls, none of which was printed: parameter count with and without auxiliary heads, ImageNet top-1, mean truth on
    the other seven targets, the mean rank label of the 13 mixtures that Model Spider was trained on (one constant
    ranking for all targets), and the Borda count of H-Score, NCE and LogME on each target, which does look at it.

    Args:
        published: folder of published tables, `orbweaver.core.workspace.Workspace.published`.
        seed, n_resamples: as for `orbweaver.report.evaluate.evaluate`.

    Raises:
        FileError: a file of the table is missing or is no table.
    """
    folder = published / TABLE
    truth = read_published(folder / "truth.csv", ["dataset", "ptm", "accuracy_percent"])
    truth = truth.assign(value=truth["accuracy_percent"] / 100, task="image_classification")
    ptms = read_published(folder / "ptms.csv", ["ptm", "n_parameters_without_auxiliary_heads", "imagenet_top1_percent"])
    cards = ptms.assign(source_accuracy=ptms["imagenet_top1_percent"] / 100)
    scores = read_published(folder / "scores.csv", ["dataset", "method", "ptm", "score"])
    labels = (
        read_published(folder / "training_labels.csv", ["ptm", "rank_0_worst"]).groupby("ptm")["rank_0_worst"].mean()
    )
    heads = ptms.set_index("ptm")["n_parameters_without_auxiliary_heads"]
    targets = truth["dataset"].unique()
    added = [_constant(heads, CONTROLS[0], targets), _constant(labels, CONTROLS[1], targets), _borda(scores)]
    blind = (BLIND[0], CONTROLS[0], *BLIND[1:], CONTROLS[1])
    evaluation = evaluate(Zoo(truth, pd.concat([scores, *added]), cards, blind), seed, n_resamples)

    printed = read_published(folder / "tau.csv", ["method", "dataset", "weighted_tau"])
    printed = printed.pivot(index="method", columns="dataset", values="weighted_tau")
    only = printed.index.difference(evaluation.tau.index)
    cells = printed.drop(index=only, columns="mean").stack().rename("printed").reset_index()
    recomputed = evaluation.measures.set_index(["method", "dataset"])["weighted_tau"]
    cells["recomputed"] = recomputed.loc[list(zip(cells["method"], cells["dataset"], strict=True))].to_numpy()
    cells["difference"] = cells["recomputed"] - cells["printed"]
    cells["matches"] = cells["difference"].abs() <= TOLERANCE
    pairs = zip(cells["method"], cells["dataset"], strict=True)
    cells["reason"] = [REASONS.get(pair, "") for pair in pairs]
    return Replay(
        evaluation, cells, printed.loc[only[0], [*evaluation.headline, "mean"]], published_variance(published)
    )


def published_variance(published: Path) -> pd.DataFrame:
    """`orbweaver.report.evaluate.variance_table` of every zoo whose truth was published, with its name in a column zoo.

    With one run per cell the noise is unknown and cannot be told from the interaction: both are NaN. Tables of single
    runs, which are of our own benchmarks, are left out.
    """
    parts = []
    for folder in sorted(path.parent for path in published.glob("*/truth.csv")):
        tables = [read_published(path, ["dataset", "ptm"]) for path in sorted(folder.glob("truth*.csv"))]
        if any("seed" in table for table in tables):
            continue
        # in any unit, as long as a target has only one
        truth = pd.concat([table.set_index(["dataset", "ptm"]).iloc[:, 0].unstack() for table in tables])
        shares = variance_table(truth, np.full(len(truth), np.nan), pd.DataFrame(index=truth.index))
        parts.append(shares.assign(zoo=folder.name))
    return pd.concat(parts, ignore_index=True)


def _constant(scores: pd.Series, method: str, targets: list[str]) -> pd.DataFrame:
    rows = scores.rename("score").rename_axis("ptm").reset_index()
    return rows.merge(pd.DataFrame({"dataset": targets}), how="cross").assign(method=method)


def _borda(scores: pd.DataFrame) -> pd.DataFrame:
    """Sum over AGGREGATED of the PTM's rank on the target, ties sharing their mean rank."""
    rows = scores[scores["method"].isin(AGGREGATED)]
    rows = rows.assign(score=rows.groupby(["dataset", "method"])["score"].rank())
    return (
        rows.groupby(["dataset", "ptm"], as_index=False)["score"].sum().assign(method=f"borda_{'_'.join(AGGREGATED)}")
    )
