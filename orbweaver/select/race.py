"""A race instead of a sweep: all PTMs are forwarded on few samples, and those that are hopeless see no more of them.

After each look but the last, with R the PTM on place `keep` and the scores of all on the same half-samples of what was
seen, a PTM behind R is dropped where it is ahead of R on fewer than `HOPELESS` of the half-samples; what is left sees
twice as many samples. (Successive halving, K. Jamieson and A. Talwalkar, AISTATS 2016, with a test in the place of a
fixed half; racing, O. Maron and A. Moore, NIPS 1993.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orbweaver.core.errors import REFUSALS, UserError
from orbweaver.methods import ScoreInputs, score
from orbweaver.metrics.tau import weighted_tau
from orbweaver.select.data import shared_order
from orbweaver.select.order import LEVEL, Scored, ahead, halves, standing, standing_on_halves

KEEP = 5
HOPELESS = 0.05
HALVES_OF_A_LOOK = 40


@dataclass
class Result:
    """scored: the last that is known of each PTM. looks: after how many looks that was. left_out: those that nothing is
    known of, with the reason. stopped: was there no time for more?"""

    scored: dict[str, Scored]
    looks: dict[str, int]
    left_out: dict[str, str]
    stopped: bool = False

    def places(self, methods: Sequence[str]) -> pd.DataFrame:
        """ptm, score, looks: best first; a PTM that was dropped stands behind all that saw more."""
        parts = []
        for looks in sorted({*self.looks.values()}, reverse=True):
            of = {name: one for name, one in self.scored.items() if self.looks[name] == looks}
            score = standing(of, methods).sort_values(ascending=False, kind="stable")
            parts.append(pd.DataFrame({"ptm": score.index, "score": score.to_numpy(), "looks": looks}))
        return pd.concat(parts, ignore_index=True)


def race(
    names: Sequence[str],
    looks: int,
    scored: Callable[[str, int, int], Scored],
    methods: Sequence[str],
    keep: int = KEEP,
    time_left: Callable[[], float] | None = None,
    last_halves: int = HALVES_OF_A_LOOK,
) -> Result:
    """Runs the race. A PTM that cannot be loaded or forwarded is left out; the others run on.

    scored: name, looks, half-samples -> what is known then; forwards what it needs. time_left: seconds; once there are
    none no further PTM is forwarded, but for two. With no more PTMs than `keep` all see everything at once.

    Raises the first PTM's error where all fail.
    """
    result, alive = Result({}, {}, {}), list(names)
    first_error: Exception | None = None
    for number in range(1, looks + 1) if len(names) > keep else [looks]:
        last = number == looks
        for name in list(alive):
            if time_left is not None and len(result.scored) >= 2 and time_left() <= 0:
                result.stopped = True
                break
            try:
                result.scored[name] = scored(name, number, last_halves if last else HALVES_OF_A_LOOK)
                result.looks[name] = number
            except (UserError, RuntimeError, ValueError, MemoryError) as error:
                if any(words in str(error) for words in REFUSALS):  # the disk, which stops everyone
                    raise
                first_error = first_error or error
                result.left_out[name] = str(error).splitlines()[0] if str(error) else type(error).__name__
                result.scored.pop(name, None), result.looks.pop(name, None)
                alive.remove(name)
        for name in alive:
            if name not in result.scored:
                result.left_out[name] = "the time of --budget was over before it was forwarded"
        if result.stopped:
            break
        if not last:
            alive = survivors({name: result.scored[name] for name in alive}, methods, keep)
    if not result.scored and first_error is not None:
        raise first_error
    return result


def survivors(found: Mapping[str, Scored], methods: Sequence[str], keep: int = KEEP) -> list[str]:
    """Who sees more, best first: the first `keep`, and whoever is not clearly behind the last of these."""
    places = standing(found, methods).dropna().sort_values(ascending=False, kind="stable").index.tolist()
    if len(places) <= keep:
        return places
    against = ahead(standing_on_halves({name: found[name] for name in places}, methods), places[keep - 1])
    return places[:keep] + [name for name in places[keep:] if against[name] >= HOPELESS]


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


def clock(seconds: float | None) -> Callable[[], float] | None:
    """Seconds that are left of a budget that begins now; None where there is none."""
    if seconds is None:
        return None
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()
