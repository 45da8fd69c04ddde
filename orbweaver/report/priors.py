"""Rankings that never look at the target. What a method adds is what it adds to these."""

import pandas as pd

BLIND = ("parameters", "source_accuracy", "mean_truth_elsewhere")


def mean_truth_elsewhere(truth: pd.DataFrame) -> pd.DataFrame:
    """Ranks the PTMs on each target by how well they were fine-tuned on all the other targets.

    On each target the PTMs with truth are ranked, ties sharing their mean rank, and ranks are mapped to [0, 1] (0 the
    worst, 1 the best), so that no target weighs more for its unit or spread. The score of a PTM is the mean over
    the other targets where it has truth; NaN where there is none.

    Args:
        truth: one row a target, one column a PTM, NaN where a PTM has no truth; higher is better.

    Returns:
        scores of the same shape, in [0, 1].
    """
    ranks = truth.rank(axis=1)
    ranks = (ranks - 1).div(truth.notna().sum(axis=1).sub(1).where(lambda n: n > 0), axis=0)
    scores = pd.DataFrame({target: ranks.drop(index=target).mean() for target in truth.index}).T.reindex_like(truth)
    return scores.round(12)  # equal means of ranks stay equal, in whichever order they were summed


def blind_scores(truth: pd.DataFrame, cards: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The scores of the target-blind rankings, from the truth on other targets and from what the cards say.

    Args:
        truth: as for `mean_truth_elsewhere`.
        cards: columns ptm, n_parameters, source_accuracy, for every column of truth.

    Returns:
        for each name in BLIND a table shaped like truth; a PTM whose card leaves a field open has NaN.
    """
    cards = cards.set_index("ptm").reindex(truth.columns)
    constant = {"parameters": cards["n_parameters"], "source_accuracy": cards["source_accuracy"]}
    scores = {name: pd.DataFrame([column] * len(truth), index=truth.index) for name, column in constant.items()}
    return {name: table.astype(float) for name, table in scores.items()} | {
        "mean_truth_elsewhere": mean_truth_elsewhere(truth)
    }
