"""A race instead of a sweep: all PTMs are forwarded on few samples, and those that are hopeless see no more samples.

After each look but the last, with R the PTM on place `keep` and the scores of all on the same half-samples of what was
seen, a PTM behind R is dropped where it is ahead of R on fewer than `HOPELESS` of the half-samples; the others see
twice as many samples. Of several methods, only those that need nothing but the last layer decide who is dropped, where
there are such (`order.before_the_last`). (Successive halving, K. Jamieson and A. Talwalkar, AISTATS 2016, with a test
in the place of a fixed half; racing, O. Maron and A. Moore, NIPS 1993.)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from orbweaver.core.errors import REFUSALS, UserError
from orbweaver.select.order.order import Scored, ahead, standing, standing_on_halves
from orbweaver.select.progress import steps

KEEP = 5
HOPELESS = 0.05
HALVES_OF_A_LOOK = 40


@dataclass
class Result:
    """scored: what was last found of each PTM. looks: after how many looks that was. left_out: PTMs of which nothing is
    known, with the reason. stopped: did the time run out?"""

    scored: dict[str, Scored]
    looks: dict[str, int]
    left_out: dict[str, str]
    stopped: bool = False

    def places(self, methods: Sequence[str]) -> pd.DataFrame:
        """ptm, score, looks: best first; a PTM that was dropped stands behind all that saw more.

        methods: a score is made of those by which all PTMs with as many looks were scored.
        """
        parts = []
        for looks in sorted({*self.looks.values()}, reverse=True):
            of = {name: one for name, one in self.scored.items() if self.looks[name] == looks}
            score = standing(of, shared(of, methods)).sort_values(ascending=False, kind="stable")
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
    early: Sequence[str] = (),
) -> Result:
    """Runs the race. A PTM that cannot be loaded or forwarded is left out; the others run on.

    scored: name, looks, half-samples -> what is known then; forwards what it needs. time_left: the seconds that are
    left; once there are none no further PTM is forwarded, except that two always are. A look that only some PTMs had
    time for does not count: they would stand before those that had none. With no more PTMs than `keep`, all see
    everything at once.

    early: the methods by which PTMs are dropped; by default all.

    Raises the first PTM's error where all fail.
    """
    result, alive = Result({}, {}, {}), list(names)
    first_error: Exception | None = None
    for number in range(1, looks + 1) if len(names) > keep else [looks]:
        last = number == looks
        now: dict[str, Scored] = {}
        doing = "forwarding and scoring" + (f", look {number} of {looks}" if len(names) > keep else "")
        for name in steps(list(alive), doing, "PTMs"):
            if time_left is not None and len(result.scored | now) >= 2 and time_left() <= 0:
                result.stopped = True
                break
            try:
                now[name] = scored(name, number, last_halves if last else HALVES_OF_A_LOOK)
            except (UserError, RuntimeError, ValueError, MemoryError) as error:
                if any(words in str(error) for words in REFUSALS):  # the disk, which stops everyone
                    raise
                first_error = first_error or error
                result.left_out[name] = str(error).splitlines()[0] if str(error) else type(error).__name__
                result.scored.pop(name, None), result.looks.pop(name, None)
                alive.remove(name)
        if not result.stopped or not result.scored:
            result.scored |= now
            result.looks |= dict.fromkeys(now, number)
        for name in alive:
            if name not in result.scored:
                result.left_out[name] = "the time of --budget was over before it was forwarded"
        if result.stopped:
            break
        if not last:
            alive = survivors({name: result.scored[name] for name in alive}, early or methods, keep)
    if not result.scored and first_error is not None:
        raise first_error
    return result


def shared(found: Mapping[str, Scored], methods: Sequence[str]) -> list[str]:
    """Those of the methods by which all were scored."""
    return [method for method in methods if all(method in one.scores for one in found.values())]


def survivors(found: Mapping[str, Scored], methods: Sequence[str], keep: int = KEEP) -> list[str]:
    """Who sees more, best first: the first `keep`, and whoever is not clearly behind the last of these."""
    places = standing(found, methods).dropna().sort_values(ascending=False, kind="stable").index.tolist()
    if len(places) <= keep:
        return places
    against = ahead(standing_on_halves({name: found[name] for name in places}, methods), places[keep - 1])
    return places[:keep] + [name for name in places[keep:] if against[name] >= HOPELESS]


def clock(seconds: float | None) -> Callable[[], float] | None:
    """Seconds that are left of a budget that begins now; None where there is none."""
    if seconds is None:
        return None
    end = time.monotonic() + seconds
    return lambda: end - time.monotonic()
