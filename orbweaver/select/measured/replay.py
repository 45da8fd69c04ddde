"""What a race loses against forwarding all PTMs over everything, and what it saves: on a benchmark's stored features.

    python -m orbweaver.select.measured.replay FOLDER FILE.csv [--share S ...]

FOLDER holds a benchmark that was built. Features from inside are the stored ones, which were fitted to all samples; a
race fits them to those that it has seen so far.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from orbweaver.core.errors import tell
from orbweaver.core.formats.features import read_features
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.settings import candidates
from orbweaver.core.workspace import Workspace
from orbweaver.methods import ScoreInputs, looks_inside, score
from orbweaver.metrics.tau import weighted_tau
from orbweaver.models.card import read_card
from orbweaver.report import results
from orbweaver.select.data import counts, shared_order
from orbweaver.select.order.order import DEFAULT, LEVEL, Scored, before_the_last, halves, standing
from orbweaver.select.order.race import KEEP, race
from orbweaver.select.progress import steps
from orbweaver.select.settings import settings_of
from orbweaver.tasks import TASKS
from orbweaver.tasks.inner import inner_file
from orbweaver.tasks.score_inputs import score_inputs

DIGITS = 6  # of the table


def of_benchmark(
    workspace: Workspace, methods: Sequence[str] | None = None, keep: int = KEEP, shares: Sequence[int] = ()
) -> pd.DataFrame:
    """`replay` on every target of a benchmark: columns zoo, target, task, ptms, and what `replay` gives.

    methods: by default those that rank by default.

    Raises FileError where features, cards or the truth are not there.
    """
    settings, rows = settings_of(workspace), []
    for zoo in dict.fromkeys(ptm.task for ptm in candidates(settings.ptms).values()):
        asked = methods or (DEFAULT if TASKS[zoo].inner else (LEVEL,))
        truths = results.truth(workspace, settings, zoo)
        for target, known in steps(list(truths.groupby("dataset", sort=False)), zoo, "targets"):
            inputs = {ptm: _inputs(workspace, ptm, target, asked, settings.seed) for ptm in known["ptm"]}
            truth = known.set_index("ptm")["value"].to_dict()
            found = replay(inputs, truth, asked, keep=keep, shares=shares, seed=settings.seed)
            about = {"zoo": zoo, "target": target, "task": known["task"].iloc[0], "ptms": len(inputs)}
            rows.append(about | found)
    return pd.DataFrame(rows)


def _inputs(workspace: Workspace, ptm: str, target: str, methods: Sequence[str], seed: int) -> ScoreInputs:
    place = workspace.features(ptm, target)
    inputs = ScoreInputs(**score_inputs(read_features(place), read_card(workspace, ptm), seed))
    if not any(map(looks_inside, methods)):
        return inputs
    return replace(inputs, inner=read_features(inner_file(place)).features)


def replay(
    inputs: Mapping[str, ScoreInputs], truth: Mapping[str, float], methods: Sequence[str] = (LEVEL,), *,
    keep: int = KEEP, shares: Sequence[int] = (), seed: int = 0,
) -> dict[str, float | str]:  # fmt: skip
    """What a race would have lost and saved on a target of a benchmark whose features are stored.

    inputs: what methods may ask for, by PTM, of the target's whole training split, all in the same order of samples.
    truth: what fine-tuning gave. shares: a look is at N / share samples; by default the looks that `rank` would take.

    Returns:
        looks: samples seen after each; tau_all: weighted tau of the methods on all PTMs and samples; tau_race: of the
        race's places; lost: the difference; forwards: share of the sweep's forward passes that the race made;
        kept_best: is the PTM with the best truth among those that saw everything (1 or 0); regret_all, regret_race:
        truth lost by taking the first.
    """
    one = next(iter(inputs.values()))
    n = len(one.features)
    of = np.asarray(one.labels if one.labels is not None else one.targets)
    classes = len(np.unique(of)) if one.labels is not None else of.shape[1] if of.ndim == 2 else 0
    order = shared_order(of, np.random.default_rng(seed))
    ends = [n // share for share in shares] or counts(n, classes)
    rows = [np.sort(order[:end]) for end in (ends if len(inputs) > keep else [n])]

    early = before_the_last(methods)

    def scored(name: str, looks: int, many: int) -> Scored:
        some, asked = inputs[name].take(rows[looks - 1]), methods if looks == len(rows) else early
        found = score(asked, some)
        on_halves: dict[str, list[float]] = {method: [] for method in asked}
        if looks < len(rows):
            for chosen in halves(some.labels, len(some.features), seed, many):
                for row in score(asked, some.take(chosen)):
                    on_halves[row["method"]].append(row["score"])
        reasons = {row["method"]: row["reason"] for row in found}
        return Scored({row["method"]: row["score"] for row in found}, reasons, on_halves, "")

    ran = race(list(inputs), len(rows), scored, methods, keep, last_halves=0, early=early)
    places = ran.places(methods)
    everything = standing({name: scored(name, len(rows), 0) for name in inputs}, methods)
    truths = np.array([truth[name] for name in inputs])
    keys = [*zip(places["looks"], places["score"], strict=True)]
    order_of = {key: float(i) for i, key in enumerate(sorted({*keys}))}  # equal scores after equal looks stay equal
    by_race = pd.Series([order_of[key] for key in keys], places["ptm"])[list(inputs)].to_numpy()
    tau_all, tau_race = weighted_tau(truths, everything.to_numpy()), weighted_tau(truths, by_race)
    best = max(inputs, key=lambda name: truth[name])
    passes = _passes([len(seen) for seen in rows], methods)
    return {
        "looks": " ".join(str(len(seen)) for seen in rows),
        "tau_all": tau_all,
        "tau_race": tau_race,
        "lost": tau_all - tau_race,
        "forwards": sum(passes[looks - 1] for looks in ran.looks.values()) / (len(inputs) * _passes([n], methods)[0]),
        "kept_best": float(ran.looks.get(best) == len(rows)),
        "regret_all": float(truths.max() - truth[everything.idxmax()]),
        "regret_race": float(truths.max() - truth[places["ptm"][0]]),
    }


def _passes(seen: Sequence[int], methods: Sequence[str]) -> np.ndarray:
    """(L,) forward passes of a PTM that took part in so many looks. The last layer's are made once a sample; from
    inside are two, made anew in each look that asks for them, as they are fitted to all that was seen."""
    asked = [any(map(looks_inside, methods if i == len(seen) - 1 else before_the_last(methods)))
             for i in range(len(seen))]  # fmt: skip
    return np.asarray(seen) + 2 * np.cumsum(np.asarray(seen) * asked)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m orbweaver.select.measured.replay", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("folder", type=Path, help="of a benchmark that was built")
    parser.add_argument("file", type=Path, help="the table, as .csv")
    parser.add_argument("--share", type=int, action="append", default=[], metavar="S",
                        help="a look at N/S samples; repeatable. By default the looks that `rank` takes")  # fmt: skip
    asked = parser.parse_args(arguments)
    with threadpool_limits(1):  # small matrices: one core is the fastest
        table = of_benchmark(Workspace(asked.folder), shares=asked.share)
    write_csv(table.round(DIGITS), asked.file)
    print(table.drop(columns=["zoo", "target", "looks"]).groupby("task").mean().round(3).to_string())


if __name__ == "__main__":
    tell(main)
