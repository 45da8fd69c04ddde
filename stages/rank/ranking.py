"""`rank`: from a path to a table of PTMs, with what it is worth and what to do next."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from stages import files, params
from stages.errors import UserError
from stages.params import Params
from stages.rank import checks, expected, order, reading, spider, verify
from stages.rank.zoo import zoo
from stages.reports.tau import weighted_tau
from stages.spider.checkpoint import Spider
from stages.zoo.cards import Card

WITHOUT_SPIDER = "probe"  # the best single method of the benchmark's table
SURE = 0.95  # share of half-samples whose winner has to be among the PTMs that are advised
CLOSE = 0.01  # of accuracy: what the advice may lose on the benchmark
FEWEST_FOR_TAU = 5
ADVISED = 3  # where there is no benchmark to tell


def rank(
    path: str | Path,
    *,
    ptms: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    budget: int = 500,
    verify: int = 0,
    kind: str | None = None,
    image_column: str | None = None,
    label_column: str | None = None,
) -> pd.DataFrame:
    """Ranks PTMs for the images at a path, best first.

    Args:
        path: image folder (`class/xxx.jpg`), Parquet file or folder in the Hugging Face convention, or CSV.
        ptms: names of the benchmark's zoo or `timm/NAME`; all of the zoo by default.
        methods: `spider`, or of `stages.scores.METHODS`; several are aggregated by Borda. By default `spider`, which
            forwards its encoder and the PTMs that look best; where it was not trained for these PTMs, `probe`.
        budget: images to look at, of each class (in all for a regression).
        verify: so many of the first PTMs are fine-tuned here; a quarter of the images is then kept for measuring.
        kind, image_column, label_column: where they cannot be told from the data.

    Returns:
        columns rank, ptm, score, expected, low, high (accuracy after fine-tuning and its 80 % range; NaN where it
        cannot be calibrated), first (share of half-samples of the images on which it came first), parameters, forwards
        and seconds (of this call), reason (why there is no score), and with `verify` real (what fine-tuning gave).
        `attrs` hold target, kind, images, classes, methods, warnings, notes and advice.

    Raises:
        UserError: of any kind, with a sentence about what to do.
    """
    path = Path(path).expanduser().absolute()
    with home(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # its opinion of odd but readable files
        p = params.load()
        known = None if methods is None else order.known_methods(methods)
        listing = reading.read(path, kind, image_column, label_column)
        cards = zoo(ptms, p)
        chosen = reading.sample(listing, budget, p.seed)
        split, seen, warned = checks.checked(listing, chosen)
        warned += checks.about_ptms(split, seen, cards)
        return _ranked(split, cards, known, p, verify, warned, _notes(listing, chosen, budget))


@contextlib.contextmanager
def home() -> Iterator[None]:
    """The benchmark's folder: the current one if it has a params.yaml, else the repository of this code."""
    here, repository = Path.cwd(), Path(__file__).resolve().parents[2]
    with contextlib.chdir(here if (here / "params.yaml").exists() else repository):
        yield


def _notes(listing: reading.Listing, chosen: np.ndarray, budget: int) -> list[str]:
    notes = list(listing.notes)
    if len(chosen) < len(listing.targets):
        of = "" if listing.kind == "regression" else " of a class"
        notes.append(f"{len(chosen)} of {len(listing.targets)} images, at most {budget}{of}, were looked at (--budget)")
    return notes


def _ranked(
    split: files.Images,
    cards: list[Card],
    methods: list[str] | None,
    p: Params,
    top: int,
    warned: list[str],
    notes: list[str],
) -> pd.DataFrame:
    every = np.arange(len(split))
    train, test = verify.hold_out(split, p.seed) if top else (every, every[:0])
    methods, ranker = _first_stage(cards, methods, p, notes)
    if ranker is None:
        table, on_halves = order.ordered(cards, split, train, methods, p)
    else:
        table, on_halves = spider.ordered(cards, split, train, ranker, p)
    calibration, why_not = _calibration(split, methods, ranker, p)
    if calibration is None:
        bounds = (np.full(len(table), np.nan),) * 3
        notes.append(f"no expected accuracies: {why_not}")
    else:
        bounds = expected.ranges(calibration, table["level"].to_numpy(), table["score"].to_numpy())
        notes.append(
            "expected: accuracy after fine-tuning, with its 80 % range, calibrated on "
            f"{len(calibration.targets)} targets of the benchmark; of a target that was left out of the calibration, "
            f"{calibration.inside:.0%} of the accuracies fell into the range"
        )
    shares = order.winners(on_halves)
    of = {card.name: card for card in cards}
    table = pd.DataFrame(
        {
            "rank": table["score"].rank(ascending=False, method="min"),
            "ptm": table["ptm"],
            "score": table["score"],
            **dict(zip(("expected", "low", "high"), bounds, strict=True)),
            "first": shares.reindex(table["ptm"]).fillna(0.0).to_numpy(),
            "parameters": [of[name].n_parameters for name in table["ptm"]],
            "forwards": table["forwards"],
            "seconds": table["seconds"],
            "reason": table["reason"],
        }
    )
    advice, k = _advice(table, shares, calibration, methods)
    if top:
        first = [of[name] for name in table.dropna(subset=["score"])["ptm"][:top]]
        real = verify.fine_tuned(first, split, train, test, p)
        table["real"] = table["ptm"].map(real)
        advice = _verdict(table.dropna(subset=["real"]), len(test))
    notes.append(_cost(table, k, len(train), p))
    table.attrs = {
        "target": split.name,
        "kind": split.kind,
        "images": len(train),
        "held_out": len(test),
        "classes": len(split.classes),
        "methods": methods,
        "warnings": warned,
        "notes": notes,
        "advice": advice,
    }
    return table


def _first_stage(
    cards: list[Card], methods: list[str] | None, p: Params, notes: list[str]
) -> tuple[list[str], Spider | None]:
    """The methods to rank by, and the spider if it is among them; by default it is, where it knows these PTMs."""
    if methods is None:
        try:
            return [spider.NAME], spider.load(cards, p)
        except UserError as error:
            notes.append(f"ranked by '{WITHOUT_SPIDER}', without Model Spider: {error}")
            return [WITHOUT_SPIDER], None
    if spider.NAME in methods and len(methods) > 1:
        raise UserError("'spider' forwards few PTMs, so its scores cannot be aggregated with others; give it alone")
    return methods, spider.load(cards, p) if spider.NAME in methods else None


def _calibration(
    split: files.Images, methods: list[str], ranker: Spider | None, p: Params
) -> tuple[expected.Calibration | None, str]:
    if split.kind != "classification":
        return None, f"they are calibrated for accuracies, and this is a {split.kind} target"
    try:
        first = (f"{spider.NAME}_k0", ranker.card.k) if ranker else None
        found = expected.calibrate(expected.benchmark(methods, p, first))
    except files.FileError as error:
        return None, str(error)
    few = f"the benchmark has under {expected.FEWEST_TARGETS} classification targets to calibrate on"
    return found, few


def _advice(
    table: pd.DataFrame, shares: pd.Series, calibration: expected.Calibration | None, methods: list[str]
) -> tuple[list[str], int]:
    """What to do next, in sentences; and how many PTMs are worth fine-tuning."""
    names = table.dropna(subset=["score"])["ptm"].tolist()
    winners = shares.reindex(names).fillna(0.0).cumsum().to_numpy()
    by_images = int(np.argmax(winners >= SURE - 1e-9)) + 1
    if calibration is None:
        by_benchmark = ADVISED
    else:
        by_benchmark = next(k for k, lost in calibration.regret.items() if lost <= CLOSE)
    k = min(max(by_images, by_benchmark), len(names))
    said = [
        f"{names[0]} came first on {shares[names[0]]:.0%} of {order.HALVES} half-samples of the images; "
        f"the winner was among the first {by_images} on {winners[by_images - 1]:.0%}."
    ]
    if len(names) == 1:
        return ["There is one PTM; nothing was ranked."], 1
    if k == len(names) or k > max(ADVISED, len(names) / 2):
        said.append(f"These images cannot narrow {len(names)} PTMs down further than to {k}: {', '.join(names[:k])}.")
    else:
        said.append(f"Fine-tune these {k}: {', '.join(names[:k])}; the rest are unlikely to win.")
    if calibration is not None and k in calibration.regret:
        method = methods[0] if len(methods) == 1 else f"Borda of {', '.join(methods)}"
        said.append(
            f"On the benchmark the first {k} of {method} held the best PTM on {calibration.found[k]} of "
            f"{len(calibration.targets)} targets, and stopping there lost {100 * calibration.regret[k]:.1f} points of "
            "accuracy on average."
        )
    return said, k


def _verdict(table: pd.DataFrame, held_out: int) -> list[str]:
    best = table.loc[table["real"] == table["real"].max(), "ptm"]
    said = [
        f"Fine-tuned and measured on {held_out} images kept apart, {' and '.join(best)} "
        f"{'is' if len(best) == 1 else 'are'} best ({table['real'].max():.3f})."
    ]
    if table["expected"].notna().all():
        inside = int(((table["low"] <= table["real"]) & (table["real"] <= table["high"])).sum())
        said.append(f"{inside} of {len(table)} lie in the range that was expected of them.")
    if len(table) >= FEWEST_FOR_TAU:
        tau = weighted_tau(table["real"], table["score"])
        said.append(f"Weighted tau of the score and what fine-tuning gave, over these {len(table)}: {tau:.2f}.")
    return said


def _cost(table: pd.DataFrame, k: int, images: int, p: Params) -> str:
    """Passes of single images: what was spent on ranking, and what fine-tuning takes."""
    one = verify.image_passes(p, images)
    return (
        f"ranking: {int(table['forwards'].sum()):,} forward passes now; fine-tuning by the benchmark's protocol: "
        f"{k * one:,} forward and backward passes for {k} PTMs, {len(table) * one:,} for all {len(table)}"
    )
