"""What a race loses against forwarding all PTMs over everything, and what it saves: on a benchmark's stored features.

from pathlib import Path
from orbweaver.core.workspace import Workspace
from orbweaver.select.replay import of_benchmark
print(of_benchmark(Workspace(Path("."))).drop(columns=["zoo", "target"]).mean())
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from orbweaver.core.formats.features import read_features
from orbweaver.core.settings import candidates
from orbweaver.core.workspace import Workspace
from orbweaver.methods import ScoreInputs, score
from orbweaver.metrics.tau import weighted_tau
from orbweaver.models.card import read_card
from orbweaver.report import results
from orbweaver.select.data import shared_order
from orbweaver.select.order import LEVEL, Scored, halves, standing
from orbweaver.select.progress import steps
from orbweaver.select.race import KEEP, race
from orbweaver.select.settings import settings_of
from orbweaver.tasks.score_inputs import score_inputs


def of_benchmark(
    workspace: Workspace, methods: Sequence[str] = (LEVEL,), keep: int = KEEP, shares: Sequence[int] = (8, 4, 2, 1)
) -> pd.DataFrame:
    """`replay` on every target of a benchmark: columns zoo, target, ptms, and what `replay` gives.

    Raises FileError where features, cards or the truth are not there.
    """
    settings, rows = settings_of(workspace), []
    for zoo in dict.fromkeys(ptm.task for ptm in candidates(settings.ptms).values()):
        truths = results.truth(workspace, settings, zoo)
        for target, known in steps(list(truths.groupby("dataset", sort=False)), zoo, "targets"):
            inputs = {}
            for ptm in known["ptm"]:
                features = read_features(workspace.features(ptm, target))
                inputs[ptm] = ScoreInputs(**score_inputs(features, read_card(workspace, ptm), settings.seed))
            truth = known.set_index("ptm")["value"].to_dict()
            found = replay(inputs, truth, methods, keep=keep, shares=shares, seed=settings.seed)
            rows.append({"zoo": zoo, "target": target, "ptms": len(inputs)} | found)
    return pd.DataFrame(rows)


def replay(
    inputs: Mapping[str, ScoreInputs], truth: Mapping[str, float], methods: Sequence[str] = (LEVEL,), *,
    keep: int = KEEP, shares: Sequence[int] = (8, 4, 2, 1), seed: int = 0,
) -> dict[str, float]:  # fmt: skip
    """What a race would have lost and saved on a target of a benchmark whose features are stored.

    inputs: what methods may ask for, by PTM, of the target's whole training split, all in the same order of samples.
    truth: what fine-tuning gave. shares: a look is at N / share samples.

    Returns:
        tau_all: weighted tau of the methods on all PTMs and samples; tau_race: of the race's places; lost: the
        difference; samples: share of the sweep's forward passes that the race made; kept_best: is the PTM with the best
        truth among those that saw everything (1 or 0); regret_all, regret_race: truth lost by taking the first.
    """
    one = next(iter(inputs.values()))
    n = len(one.features)
    of = one.labels if one.labels is not None else one.targets
    order = shared_order(np.asarray(of), np.random.default_rng(seed))
    rows = [np.sort(order[: n // share]) for share in shares]

    def scored(name: str, looks: int, many: int) -> Scored:
        some = inputs[name].take(rows[looks - 1])
        found = score(methods, some)
        on_halves: dict[str, list[float]] = {method: [] for method in methods}
        if looks < len(rows):
            for chosen in halves(some.labels, len(some.features), seed, many):
                for row in score(methods, some.take(chosen)):
                    on_halves[row["method"]].append(row["score"])
        reasons = {row["method"]: row["reason"] for row in found}
        return Scored({row["method"]: row["score"] for row in found}, reasons, on_halves, "")

    ran = race(list(inputs), len(rows), scored, methods, keep, last_halves=0)
    places = ran.places(methods)
    everything = standing({name: scored(name, len(rows), 0) for name in inputs}, methods)
    truths = np.array([truth[name] for name in inputs])
    keys = [*zip(places["looks"], places["score"], strict=True)]
    order_of = {key: float(i) for i, key in enumerate(sorted({*keys}))}  # equal scores after equal looks stay equal
    by_race = pd.Series([order_of[key] for key in keys], places["ptm"])[list(inputs)].to_numpy()
    tau_all, tau_race = weighted_tau(truths, everything.to_numpy()), weighted_tau(truths, by_race)
    best = max(inputs, key=lambda name: truth[name])
    return {
        "tau_all": tau_all,
        "tau_race": tau_race,
        "lost": tau_all - tau_race,
        "samples": float(sum(len(rows[looks - 1]) for looks in ran.looks.values()) / (n * len(inputs))),
        "kept_best": float(ran.looks.get(best) == len(rows)),
        "regret_all": float(truths.max() - truth[everything.idxmax()]),
        "regret_race": float(truths.max() - truth[places["ptm"][0]]),
    }
