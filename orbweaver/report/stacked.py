"""The row `stacking`: prior and scores, with weights learned on other targets. The control of learned rankers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from orbweaver.metrics.gain import general_order
from orbweaver.report.evaluate import Zoo, headline_targets
from orbweaver.report.priors import family_out
from orbweaver.spider.stacking import combined, learned

STACKING = "stacking"


def with_stacking(zoo: Zoo, methods: list[str]) -> Zoo:
    """The zoo with rows of `stacking` on the headline targets, each learned on the others of them.

    See `orbweaver.spider.stacking`. It weighs the PTMs' mean place on other targets and those of the given methods that
    scored every PTM with truth. Where targets share families, `stacking_family_out` learned from other families alone.
    With fewer than three headline targets there is too little to learn from: then there are no rows.
    """
    rows = zoo.truth.drop_duplicates("dataset").set_index("dataset")
    targets = headline_targets(dict(rows["task"]))
    if len(targets) < 3:
        return zoo
    families = [str(rows["family"][t]) if "family" in rows and pd.notna(rows["family"][t]) else t for t in targets]
    ptms = list(zoo.cards["ptm"])

    def table(of: pd.DataFrame, value: str) -> np.ndarray:
        return of.pivot(index="dataset", columns="ptm", values=value).reindex(targets, columns=ptms).to_numpy(float)

    truth = table(zoo.truth, "value")
    by_method = {name: table(of, "score") for name, of in zoo.scores.groupby("method") if name in methods}
    whole = [found for found in by_method.values() if not np.isnan(found[~np.isnan(truth)]).any()]
    scores = np.stack(whole, axis=1) if whole else np.empty((len(targets), 0, len(ptms)))
    forms = {STACKING: targets}
    if 1 < len(set(families)) < len(families):
        forms[family_out(STACKING)] = families
    parts = [
        pd.DataFrame(stacked(truth, scores, groups), targets, ptms)
        .rename_axis(index="dataset", columns="ptm").stack().rename("score").reset_index()
        .assign(method=name, reason="")
        for name, groups in forms.items()
    ]  # fmt: skip
    return replace(zoo, scores=pd.concat([zoo.scores, *parts], ignore_index=True))


def stacked(truth: np.ndarray, scores: np.ndarray, groups: list[str]) -> np.ndarray:
    """(T, M): scores on each target; prior, weights and penalty are all learned on the targets of other groups.

    truth (T, M), scores (T, Q, M).
    """
    group, out = np.asarray(groups), np.full(truth.shape, np.nan)
    prior = general_order(truth, groups)
    for one in dict.fromkeys(groups):
        others = group != one
        if others.sum() < 2:
            continue
        before = general_order(truth, groups, one)  # the priors of the others, made without this group too
        known = np.concatenate([before[others][:, None], scores[others]], axis=1)
        weights = learned(known, truth[others], list(group[others]))
        out[~others] = combined(np.concatenate([prior[~others][:, None], scores[~others]], axis=1), weights)
    return np.where(np.isnan(truth), np.nan, out)
