"""`rank`: from a path to a table of PTMs, with what it is worth and what to do next."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from platformdirs import user_cache_path

from orbweaver.core.cache import Cache
from orbweaver.core.errors import FileError, UserError
from orbweaver.core.workspace import Workspace
from orbweaver.data.readers import own
from orbweaver.metrics.tau import weighted_tau
from orbweaver.report import results
from orbweaver.select import checks, expected, order, spider
from orbweaver.select import verify as verifying
from orbweaver.select.forward import Data
from orbweaver.select.settings import benchmark_here, settings_of
from orbweaver.select.zoo import zoo
from orbweaver.spider.checkpoint import Spider
from orbweaver.tasks import FRACTIONS, ZOO
from orbweaver.tasks import task as task_of
from orbweaver.tasks.stored import Stored

WITHOUT_SPIDER = "probe"  # the best single method of the benchmark's table
SURE = 0.95  # share of half-samples whose winner has to be among the PTMs that are advised
CLOSE = 0.01  # of accuracy: what the advice may lose on the benchmark
FEWEST_FOR_TAU = 5
ADVISED = 3  # where there is no benchmark to tell


def rank(
    path: str | Path,
    *,
    workspace: Workspace | None = None,
    cache: Cache | None = None,
    ptms: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    budget: int = 500,
    verify: int = 0,
    task: str | None = None,
    image_column: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> pd.DataFrame:
    """Ranks PTMs for the images or texts at a path, best first. Nothing is written but into the cache.

    Args:
        path: image folder (`class/xxx.jpg`), Parquet file or folder in the Hugging Face convention, or CSV.
        workspace: of the benchmark to learn from. By default that in the current folder, if it holds a params.yaml and
            a dvc.yaml; else there is none.
        cache: what was forwarded and fine-tuned is kept there; by default in the user's cache folder.
        ptms: names of the benchmark's zoo, or public ones (`orbweaver.select.zoo.FORMS`); all of the zoo by default.
        methods: `spider`, or of `orbweaver.methods.METHODS`; several are aggregated by Borda. By default `spider`,
            which forwards its encoder and the PTMs that look best; where it does not know these PTMs, `probe`.
        budget: samples to look at, of each class (in all for a regression).
        verify: so many of the first PTMs are fine-tuned here; a quarter of the data is then kept for measuring.
        task, image_column, text_column, label_column: where they cannot be told from the data.

    Returns:
        columns rank, ptm, score, expected, low, high (the task's metric after fine-tuning and its 80 % range; NaN where
        it cannot be calibrated), first (share of half-samples of the data on which it came first), parameters, forwards
        and seconds (of this call), reason (why there is no score), and with `verify` real (what fine-tuning gave).
        `attrs` hold target, task, what (images or texts), samples, held_out, classes, methods, warnings, notes, advice.

    Raises:
        UserError: of any kind, with a sentence about what to do.
    """
    benchmark = workspace or benchmark_here()
    cache = cache or Cache(user_cache_path("orbweaver"))
    settings = settings_of(benchmark)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # its opinion of odd but readable files
        known = None if methods is None else order.known_methods(methods)
        listing = own.read(path, task, image_column, label_column, text_column)
        candidates = zoo(ptms, listing.task, benchmark, settings, cache)
        chosen = own.sample(listing, budget, settings.seed)
        split, seen, warned = checks.checked(listing, chosen, cache)
        warned += checks.about_ptms(split, seen, [ptm.card for ptm in candidates], benchmark, cache)
        train, test = verifying.hold_out(split, settings) if verify else (np.arange(len(split)), np.arange(0))
        data = Data(split, train, settings, cache, benchmark)
        return _ranked(data, test, candidates, known, verify, warned, _notes(listing, chosen, budget))


def _notes(listing: own.Listing, chosen: np.ndarray, budget: int) -> list[str]:
    notes = list(listing.notes)
    if len(chosen) < len(listing.targets):
        of = " of a class" if listing.classes else ""
        what = "texts" if listing.texts else "images"
        notes.append(f"{len(chosen)} of {len(listing.targets)} {what}, at most {budget}{of}, were looked at (--budget)")
    return notes


def _ranked(
    data: Data,
    test: np.ndarray,
    ptms: list[Stored],
    methods: list[str] | None,
    top: int,
    warned: list[str],
    notes: list[str],
) -> pd.DataFrame:
    split, metric = data.split, task_of(data.split.task).metric
    methods, ranker = _first_stage(ptms, methods, data, notes)
    if ranker is None:
        table, on_halves = order.ordered(ptms, data, methods)
    else:
        table, on_halves = spider.ordered(ptms, data, ranker)
    calibration, why_not = _calibration(data, methods, ranker)
    if calibration is None:
        bounds = (np.full(len(table), np.nan),) * 3
        notes.append(f"no expected {metric}: {why_not}")
    else:
        bounds = expected.ranges(calibration, table["level"].to_numpy(), table["score"].to_numpy())
        notes.append(
            f"expected: {metric} after fine-tuning, with its 80 % range, calibrated on "
            f"{len(calibration.targets)} targets of the benchmark; of a target that was left out of the calibration, "
            f"{calibration.inside:.0%} of the values fell into the range"
        )
    shares = order.winners(on_halves)
    of = {ptm.card.name: ptm for ptm in ptms}
    table = pd.DataFrame(
        {
            "rank": table["score"].rank(ascending=False, method="min"),
            "ptm": table["ptm"],
            "score": table["score"],
            **dict(zip(("expected", "low", "high"), bounds, strict=True)),
            "first": shares.reindex(table["ptm"]).fillna(0.0).to_numpy(),
            "parameters": [of[name].card.n_parameters for name in table["ptm"]],
            "forwards": table["forwards"],
            "seconds": table["seconds"],
            "reason": table["reason"],
        }
    )
    what = checks.things(split.images)
    advice, k = _advice(table, shares, calibration, methods, what, metric)
    if top:
        first = [of[name] for name in table.dropna(subset=["score"])["ptm"][:top]]
        table["real"] = table["ptm"].map(verifying.fine_tuned(first, data, test))
        advice = _verdict(table.dropna(subset=["real"]), f"{len(test)} {what}")
    notes.append(_cost(table, k, data))
    table.attrs = {
        "target": split.name,
        "task": split.task,
        "what": what,
        "samples": len(data.rows),
        "held_out": len(test),
        "classes": len(split.classes),
        "methods": methods,
        "warnings": warned,
        "notes": notes,
        "advice": advice,
    }
    return table


def _first_stage(
    ptms: list[Stored], methods: list[str] | None, data: Data, notes: list[str]
) -> tuple[list[str], Spider | None]:
    """The methods to rank by, and the spider if it is among them; by default it is, where it knows these PTMs."""
    if methods is None:
        try:
            return [spider.NAME], spider.load(ptms, data)
        except UserError as error:
            notes.append(f"ranked by '{WITHOUT_SPIDER}', without Model Spider: {error}")
            return [WITHOUT_SPIDER], None
    if spider.NAME in methods and len(methods) > 1:
        raise UserError("'spider' forwards few PTMs, so its scores cannot be aggregated with others; give it alone")
    return methods, spider.load(ptms, data) if spider.NAME in methods else None


def _calibration(data: Data, methods: list[str], ranker: Spider | None) -> tuple[expected.Calibration | None, str]:
    """The calibration for data like these, or why there is none."""
    name, benchmark, settings = data.split.task, data.benchmark, data.settings
    few = f"the benchmark has under {expected.FEWEST_TARGETS} {name} targets to calibrate on"
    if name not in FRACTIONS:
        return None, f"it is calibrated for truths between 0 and 1, and this is a {name} target"
    if benchmark is None:
        return None, "there is no benchmark to calibrate on (--benchmark)"
    if not settings.ptms_of(ZOO[name]):
        return None, few
    try:
        truth = results.truth(benchmark, settings, ZOO[name]).query("task == @name")
        if truth.empty:
            return None, few
        scores = results.scores(benchmark, settings, ZOO[name])
        first = (f"{spider.NAME}_k0", ranker.card.k) if ranker else None
        return expected.calibrate(expected.benchmark(methods, truth, scores, first)), few
    except FileError as error:
        return None, str(error)


def _advice(
    table: pd.DataFrame,
    shares: pd.Series,
    calibration: expected.Calibration | None,
    methods: list[str],
    what: str,
    metric: str,
) -> tuple[list[str], int]:
    """What to do next, in sentences; and how many PTMs are worth fine-tuning."""
    names = table.dropna(subset=["score"])["ptm"].tolist()
    winners = shares.reindex(names).fillna(0.0).cumsum().to_numpy()
    by_data = int(np.argmax(winners >= SURE - 1e-9)) + 1
    if calibration is None:
        by_benchmark = ADVISED
    else:
        by_benchmark = next(k for k, lost in calibration.regret.items() if lost <= CLOSE)
    k = min(max(by_data, by_benchmark), len(names))
    said = [
        f"{names[0]} came first on {shares[names[0]]:.0%} of {order.HALVES} half-samples of the {what}; "
        f"the winner was among the first {by_data} on {winners[by_data - 1]:.0%}."
    ]
    if len(names) == 1:
        return ["There is one PTM; nothing was ranked."], 1
    if k == len(names) or k > max(ADVISED, len(names) / 2):
        said.append(f"These {what} cannot narrow {len(names)} PTMs down further than to {k}: {', '.join(names[:k])}.")
    else:
        said.append(f"Fine-tune these {k}: {', '.join(names[:k])}; the rest are unlikely to win.")
    if calibration is not None and k in calibration.regret:
        method = methods[0] if len(methods) == 1 else f"Borda of {', '.join(methods)}"
        said.append(
            f"On the benchmark the first {k} of {method} held the best PTM on {calibration.found[k]} of "
            f"{len(calibration.targets)} targets, and stopping there lost {100 * calibration.regret[k]:.1f} points of "
            f"{metric} on average."
        )
    return said, k


def _verdict(table: pd.DataFrame, held_out: str) -> list[str]:
    best = table.loc[table["real"] == table["real"].max(), "ptm"]
    said = [
        f"Fine-tuned and measured on {held_out} kept apart, {' and '.join(best)} "
        f"{'is' if len(best) == 1 else 'are'} best ({table['real'].max():.3f})."
    ]
    if table["expected"].notna().all():
        inside = int(((table["low"] <= table["real"]) & (table["real"] <= table["high"])).sum())
        said.append(f"{inside} of {len(table)} lie in the range that was expected of them.")
    if len(table) >= FEWEST_FOR_TAU:
        tau = weighted_tau(table["real"], table["score"])
        said.append(f"Weighted tau of the score and what fine-tuning gave, over these {len(table)}: {tau:.2f}.")
    return said


def _cost(table: pd.DataFrame, k: int, data: Data) -> str:
    """Passes of single samples: what was spent on ranking, and what fine-tuning takes."""
    one = verifying.sample_passes(data.settings, len(data.rows))
    return (
        f"ranking: {int(table['forwards'].sum()):,} forward passes now; fine-tuning by the benchmark's protocol: "
        f"{k * one:,} forward and backward passes for {k} PTMs, {len(table) * one:,} for all {len(table)}"
    )
