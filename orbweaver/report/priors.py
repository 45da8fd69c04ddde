"""Rankings that never look at the target, and how rows that learned are named."""

import pandas as pd

from orbweaver.metrics.gain import general_order

CONTROLS = ("_k0", "_constant", "_evidence")  # forms of a spider with less: see orbweaver.spider.rows
BLIND = ("parameters", "source_accuracy", "mean_truth_elsewhere")


def family_out(method: str) -> str:
    """The name of the row of the same method that learned nothing from the target's family."""
    return "mean_truth_other_families" if method == "mean_truth_elsewhere" else f"{method}_family_out"


def with_family(method: str) -> str:
    """Undoes `family_out`: the name of the row that learned from the family too; any other name stays as it is."""
    return BLIND[2] if method == family_out(BLIND[2]) else method.removesuffix("_family_out")


def mean_truth_elsewhere(truth: pd.DataFrame, families: list[str] | None = None) -> pd.DataFrame:
    """Ranks the PTMs on each target by how well they were fine-tuned on all the other targets, or all other families.

    See `orbweaver.metrics.gain.general_order`; the score of a PTM is its mean place there, in [0, 1].

    Args:
        truth: one row a target, one column a PTM, NaN where a PTM has no truth; higher is better.
        families: of the targets, whose other targets are left out too; without them every target is its own.
    """
    return pd.DataFrame(general_order(truth.to_numpy(float), families or list(truth.index)), truth.index, truth.columns)


def blind_scores(truth: pd.DataFrame, cards: pd.DataFrame, families: list[str]) -> dict[str, pd.DataFrame]:
    """The scores of the target-blind rankings, from the truth on other targets and from what the cards say.

    Args:
        truth: as for `mean_truth_elsewhere`.
        cards: columns ptm, n_parameters, source_accuracy, for every column of truth.
        families: of the targets.

    Returns:
        for each name in BLIND a table shaped like truth; a PTM whose card leaves a field open has NaN. And the mean
        truth of other families, where that is something else: where some targets, and not all, are of one family.
    """
    cards = cards.set_index("ptm").reindex(truth.columns)
    constant = {"parameters": cards["n_parameters"], "source_accuracy": cards["source_accuracy"]}
    scores = {name: pd.DataFrame([column] * len(truth), index=truth.index) for name, column in constant.items()}
    scores = {name: table.astype(float) for name, table in scores.items()} | {BLIND[2]: mean_truth_elsewhere(truth)}
    if 1 < len(set(families)) < len(families):
        scores[family_out(BLIND[2])] = mean_truth_elsewhere(truth, families)
    return scores
