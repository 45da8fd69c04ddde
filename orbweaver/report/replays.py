"""python -m orbweaver.report.replays: docs/replays.md and docs/replays/*.csv, what published truth says by itself.

No PTM is run and no image is read: each published table is ranked by what is known before a forward pass, completed
from the records of other targets, and laid beside other laboratories' tables and the scores printed for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orbweaver.core.errors import FileError, tell
from orbweaver.core.files import write_text
from orbweaver.core.formats.tables import csv_text, read_published
from orbweaver.core.workspace import Workspace
from orbweaver.metrics import intervals
from orbweaver.metrics.spread import truth_spread
from orbweaver.metrics.tau import weighted_tau_symmetric
from orbweaver.report import laboratories
from orbweaver.report.completion import leave_one_out
from orbweaver.report.priors import blind_scores
from orbweaver.report.published import replay

SEED, N_RESAMPLES, DRAWS = 0, 200, 20
KNOWN = (3, 5, 10, 20)
BLIND = ("parameters", "source_accuracy", "mean_truth_elsewhere")
OTHERS = "mean_truth_other_families"
# targets that are made of the same images, or were taken in the same place
FAMILIES = (
    {"smallnorb_azimuth", "smallnorb_elevation"},
    {"cifar10", "cifar100"},
    {"flickr30k", "flickr10kH", "flickr10kR"},
)
# table: the column of its truth, of which only the order matters here
ZOOS = {
    "transfergraph": "accuracy_percent",
    "multi_source": "accuracy_percent",
    "parc": "accuracy_percent",
    "itm": "accuracy_percent",
    "emms_vit": "accuracy_percent",
    "sfda_ssl": "accuracy_percent",
    "emms_cnn": "accuracy_percent",
    "sfda_cnn_head": "accuracy_percent",
    "single_source": "accuracy_percent",
    "emms_caption": "bleu",
}
LEFT_OUT = {"multi_source": ["AID"]}  # PTMs were trained on it
LIKE = ["architecture", "n_parameters", "source", "input_size"]  # hub PTMs that agree in these are near-copies ...
COPIED = (
    "beans",
    "cats_vs_dogs",
    "chest_xray_classification",
    "cifar10",
    "eurosat",
)  # ... if the source is one dataset
DIGITS = 4  # in files: the same from one BLAS to the next


@dataclass(frozen=True)
class Published:
    """A published zoo. truth: one row a target, one column a PTM, NaN where it was not fine-tuned. cards: of each PTM;
    columns ptm, n_parameters, source_accuracy, NaN where nobody published it, and what else ptms.csv has."""

    truth: pd.DataFrame
    cards: pd.DataFrame


@dataclass(frozen=True)
class Ceilings:
    """What the report shows of all this; it takes seconds to make.

    zoos: a row a published table: zoo, PTMs, targets, the mean weighted tau of each ranking that never looks at the
        target, and made anew (see `anew`), as text. laboratories: as `laboratories.summary`.
    """

    zoos: pd.DataFrame
    laboratories: pd.DataFrame


def load(published: Path, name: str) -> Published:
    """Reads a table and what is known of its PTMs. Raises FileError when one is missing or damaged."""
    rows = read_published(published / name / "truth.csv", ["dataset", "ptm", ZOOS[name]])
    rows = rows[~rows["dataset"].isin(LEFT_OUT.get(name, []))]
    if (twice := rows.duplicated(["dataset", "ptm"])).any():
        of = rows[twice].iloc[0]
        raise FileError(f"{published / name}/truth.csv: PTM {of['ptm']} has two values on {of['dataset']}; keep one")
    truth = rows.pivot(index="dataset", columns="ptm", values=ZOOS[name])
    truth = truth.reindex(index=rows["dataset"].unique(), columns=rows["ptm"].unique()).astype(float)
    cards = pd.DataFrame({"ptm": truth.columns, "n_parameters": np.nan, "source_accuracy": np.nan})
    if (path := published / name / "ptms.csv").exists():
        found = read_published(path, ["ptm", "n_parameters"]).set_index("ptm").reindex(truth.columns)
        if "imagenet_top1_percent" in found:
            found["source_accuracy"] = found["imagenet_top1_percent"]
        cards = found.reset_index().reindex(columns=[*dict.fromkeys([*cards, *found])])
    return Published(truth, cards)


def families(zoo: Published) -> list[str]:
    """The family of each target; a target without relatives is a family of its own."""
    return [next((min(family) for family in FAMILIES if target in family), target) for target in zoo.truth.index]


def blind(zoo: Published) -> dict[str, np.ndarray]:
    """Scores (T, n) of rankings that never look at the target; the mean truth elsewhere also without its family."""
    found = blind_scores(zoo.truth, zoo.cards, families(zoo))
    return {name: table.to_numpy() for name, table in found.items() if table.notna().any(axis=None)}


def taus(truth: np.ndarray, scores: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Weighted taus (B, T) of one method, (T, n), with each PTM as often as it is drawn (B, n)."""
    return np.stack([_taus(t, s, drawn) for t, s in zip(truth, scores, strict=True)], axis=1)


def _taus(truth: np.ndarray, scores: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """(B,) on one target; `weighted_tau`'s rules for NaN and constants.

    A PTM that is drawn c times is c PTMs side by side in the order of the truth: with h the sum of 1/(r+1) over their
    places, PTMs i and j weigh c_j h_i + c_i h_j together. A sum over pairs of that, times signs A_ij = A_ji that no
    resample changes, is h' A c.
    """
    known = ~(np.isnan(truth) | np.isnan(scores))
    order = np.flatnonzero(known)[np.lexsort((-scores[known], -truth[known]))]
    copies = drawn[:, order]
    end = np.cumsum(copies, axis=1)
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, end.max(initial=0) + 1))])
    shares = harmonic[end] - harmonic[end - copies]
    by_truth, by_score = (np.sign(np.subtract.outer(values[order], values[order])) for values in (truth, scores))
    agreement, ordered, scored = (
        np.sum(shares * (copies @ signs), axis=1) for signs in (by_truth * by_score, np.abs(by_truth), np.abs(by_score))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.clip(agreement / np.sqrt(ordered * scored), -1.0, 1.0)
    return np.where(ordered == 0, np.nan, np.where(scored == 0, 0.0, found)).round(intervals.DIGITS)


def _resampled(truth: np.ndarray, draws: np.ndarray, drawn: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Means (B,) over targets; resamples take turns with the draws (G, T, n) of a method's scores."""
    values = np.empty((len(drawn), len(truth)))
    for g, scores in enumerate(draws):
        values[g :: len(draws)] = taus(truth, scores, drawn[g :: len(draws)])
    return intervals.resampled_means(values[:, None, :], counts)[:, 0]


def _row(values: np.ndarray) -> dict[str, float]:
    low, high = intervals.interval(values[:, None])
    return {"low": low[0], "high": high[0]}


def rows_of(zoo: Published, seed: int, n_resamples: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """How well rankings without a forward pass rank a zoo.

    Returns:
        a row a ranking: method (those of `blind`, then completion), known (PTMs fine-tuned on the target), targets,
        ptms, scored (share of pairs with truth that were scored), mean weighted tau over targets, low, high (95 %
        bootstrap over families of targets and PTMs), without_one_low, without_one_high (range when any one PTM is left
        out; not of completion), elsewhere (the mean place elsewhere on the same exam), gain over it, gain_low,
        gain_high;
        and a row a (method, known, dataset) with weighted_tau.
    """
    truth = zoo.truth.to_numpy()
    ptms, counts = intervals.draw(families(zoo), truth.shape[1], n_resamples, seed)
    drawn, everything = intervals.times_drawn(ptms), np.ones((1, truth.shape[1]), dtype=int)
    rows, cells = [], []
    size = {"targets": len(truth), "ptms": truth.shape[1]}
    for name, scores in blind(zoo).items():
        here = taus(truth, scores, everything)[0]
        known = ~np.isnan(scores) & ~np.isnan(truth)
        row = {"method": name, "known": 0, **size, "scored": known.sum() / (~np.isnan(truth)).sum()}
        row |= {"mean": np.nanmean(here)} | _row(_resampled(truth, scores[None], drawn, counts))
        without = np.nanmean(taus(truth, scores, 1 - np.eye(truth.shape[1], dtype=int)), axis=1)
        rows.append(row | {"without_one_low": without.min(), "without_one_high": without.max()})
        cells += [(name, 0, target, tau) for target, tau in zip(zoo.truth.index, here, strict=True)]
    fewest = (~np.isnan(truth)).sum(axis=1).min()
    for k in (k for k in KNOWN if 2 * k <= fewest):
        done = leave_one_out(truth, k, DRAWS, seed)
        here, prior = (
            np.mean([taus(truth, scores, everything)[0] for scores in draws], axis=0)
            for draws in (done.scores, done.prior)
        )
        own, other = (_resampled(truth, draws, drawn, counts) for draws in (done.scores, done.prior))
        row = {"method": "completion", "known": k, **size, "scored": 1.0, "mean": here.mean(), **_row(own)}
        row |= {"elsewhere": prior.mean(), "gain": here.mean() - prior.mean()}
        rows.append(row | {f"gain_{end}": value for end, value in _row(own - other).items()})
        cells += [("completion", k, target, tau) for target, tau in zip(zoo.truth.index, here, strict=True)]
    return pd.DataFrame(rows), pd.DataFrame(cells, columns=["method", "known", "dataset", "weighted_tau"])


def printed(published: Path, zoos: dict[str, Published], seed: int, n_resamples: int) -> pd.DataFrame:
    """The scores printed for these tables, beside the blind rankings under the same convention of weighted tau.

    Returns:
        columns zoo, weights (by the true order, or the mean of both orders), method, targets, printed (mean), replayed
        (mean from printed scores; NaN where none were printed), cells and matching (of them).
    """
    rows = []
    done = replay(published, seed, n_resamples)
    tau, convention = done.evaluation.tau, {"zoo": "single_source", "weights": "true order"}
    for name in (name for name in BLIND if name in tau.index):
        rows.append(convention | {"method": name, "targets": len(done.evaluation.headline),
                                  "replayed": tau.loc[name, "mean"]})  # fmt: skip
    for name, cells in done.cells.groupby("method", sort=False):
        rows.append(convention | {
            "method": name, "targets": len(cells), "printed": cells["printed"].mean(), "cells": len(cells),
            "replayed": cells["recomputed"].mean(), "matching": int(cells["matches"].sum()),
        })  # fmt: skip
    only = done.printed_only
    rows.append(convention | {"method": only.name, "targets": len(only) - 1, "printed": only["mean"]})

    table = read_published(published / "emms_cnn/tau.csv", ["method", "dataset", "weighted_tau"])
    zoo, convention = zoos["emms_cnn"], {"zoo": "emms_cnn", "weights": "both orders"}
    for name, scores in blind(zoo).items():
        both = [weighted_tau_symmetric(t, s) for t, s in zip(zoo.truth.to_numpy(), scores, strict=True)]
        rows.append(convention | {"method": name, "targets": len(both), "replayed": np.mean(both)})
    for name, cells in table.groupby("method", sort=False):
        rows.append(convention | {"method": name, "targets": len(cells), "printed": cells["weighted_tau"].mean()})
    return pd.DataFrame(rows)


def near_copies(zoo: Published) -> list[list[str]]:
    """PTMs of one architecture, size and source that different people trained: three or more of each."""
    if not {*LIKE} <= {*zoo.cards}:
        return []
    cards = zoo.cards[zoo.cards["source"].isin(COPIED)]
    return [list(names) for _, names in cards.groupby(LIKE)["ptm"] if len(names) > 2]


def stability(zoos: dict[str, Published], found: dict[str, pd.DataFrame], seed: int) -> pd.DataFrame:
    """How much of each table is order, where something is known of its noise.

    The noise of one value is what other laboratories' tables say it is (`laboratories.noise`), or, of hub PTMs, the
    pooled standard deviation within `near_copies`. Neither is the noise of fine-tuning seeds: both are more.

    Returns:
        a row a (zoo, dataset): n_ptms, ties (pairs of equal values), noise_from, and as `truth_spread` says it noise,
        pairs, tied, ceiling; with_best: how many others cannot be told from the best.
    """
    between = laboratories.noise(found)
    names = {folder: laboratory for laboratory, folder in laboratories.TABLES.items()}
    rows = []
    for name, zoo in zoos.items():
        noise, source = pd.Series(np.nan, index=zoo.truth.index), "-"
        if laboratory := names.get(name):
            ours = {parts[laboratory]: ours for ours, parts in laboratories.DATASETS.items() if laboratory in parts}
            noise, source = pd.Series({t: between.loc[ours[t], laboratory] for t in zoo.truth.index}), "laboratories"
        elif copies := near_copies(zoo):
            parts = [zoo.truth[group].sub(zoo.truth[group].mean(axis=1), axis=0) for group in copies]
            spread = pd.concat(parts, axis=1)
            freedom = spread.notna().sum(axis=1) - len(parts)
            noise, source = np.sqrt((spread**2).sum(axis=1) / freedom), "near-copies"
        long = zoo.truth.stack().rename("value").reset_index().set_axis(["dataset", "ptm", "value"], axis=1)
        long = long.assign(task=name, noise=long["dataset"].map(noise), seeds=1)
        spread = truth_spread(long, seed, n_draws=200).set_index("dataset")
        for target, values in zoo.truth.iterrows():
            values = values.dropna().to_numpy()
            i, j = np.triu_indices(len(values), 1)
            line = spread.loc[target, ["n_ptms", "noise", "pairs", "tied", "ceiling"]].to_dict()
            near = np.sum(values > values.max() - 1.96 * np.sqrt(2) * noise[target]) - 1
            line |= {"ties": int(np.sum(values[i] == values[j])), "noise_from": source}
            rows.append({"zoo": name, "dataset": target, **line, "with_best": np.nan if source == "-" else near})
    return pd.DataFrame(rows)


def tables(published: Path, seed: int = SEED, n_resamples: int = N_RESAMPLES) -> dict[str, pd.DataFrame]:
    """Every table of the page by name: replays, targets, printed, laboratories, agreement, stability."""
    zoos = {name: load(published, name) for name in ZOOS}
    found = laboratories.truths(published)
    parts = {name: rows_of(zoo, seed, n_resamples) for name, zoo in zoos.items()}
    replays, targets = (
        pd.concat({name: part[i] for name, part in parts.items()}, names=["zoo", None]).reset_index(level="zoo")
        for i in (0, 1)
    )
    return {
        "replays": replays,
        "targets": targets,
        "printed": printed(published, zoos, seed, n_resamples),
        "laboratories": laboratories.summary(found, seed, n_resamples),
        "agreement": laboratories.agreement(found),
        "stability": stability(zoos, found, seed),
    }


def anew(stability: pd.DataFrame, agreement: pd.DataFrame) -> dict[str, str]:
    """For each zoo, how well fine-tuning its PTMs again ranks its table: the mean weighted tau between the table and
    those of other laboratories, or itself plus the noise of near-copies; - where neither is known."""
    found = {}
    for zoo, rows in stability.groupby("zoo", sort=False):
        ceiling = rows["ceiling"].mean()
        found[zoo] = f"near-copies {_number(ceiling)}" if rows["noise_from"].iloc[0] == "near-copies" else "-"
    for laboratory, folder in laboratories.TABLES.items():
        theirs = agreement[agreement["truth"] == laboratory].groupby("scores", sort=False)["weighted_tau"].mean()
        found[folder] = ", ".join(f"{name} {_number(tau)}" for name, tau in theirs.items())
    return found


def ceilings(published: Path, seed: int, n_resamples: int) -> Ceilings:
    """Raises FileError when a published table is missing or damaged."""
    zoos = {name: load(published, name) for name in ZOOS}
    found = laboratories.truths(published)
    again = anew(stability(zoos, found, seed), laboratories.agreement(found))
    rows = []
    for name, zoo in zoos.items():
        truth, scores = zoo.truth.to_numpy(), blind(zoo)
        everything = np.ones((1, truth.shape[1]), dtype=int)
        means = {key: np.nanmean(taus(truth, each, everything)) for key, each in scores.items()}
        told = {key: _number(means.get(key, np.nan)) for key in (*BLIND, OTHERS)}
        rows.append(
            {"zoo": name, "PTMs": str(truth.shape[1]), "targets": str(len(truth)), **told, "made anew": again[name]}
        )
    return Ceilings(pd.DataFrame(rows), laboratories.summary(found, seed, n_resamples))


def page(made: dict[str, pd.DataFrame]) -> str:
    """docs/replays.md."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=False,
    )  # fmt: skip
    by = made["replays"].set_index(["zoo", "method", "known"])
    stable = made["stability"].assign(
        share=lambda t: t["tied"] / t["pairs"], equal=lambda t: t["ties"] / t["pairs"]
    ).groupby("zoo", sort=False)[["share", "equal", "with_best", "ceiling"]].mean()  # fmt: skip
    stable["noise_from"] = made["stability"].groupby("zoo")["noise_from"].first()
    return environment.get_template("replays.md.j2").render(
        zoos=list(ZOOS), blind=(*BLIND, OTHERS), known=KNOWN, by=by, stable=stable, draws=DRAWS,
        resamples=N_RESAMPLES, printed=made["printed"], laboratories=made["laboratories"],
        agreement=made["agreement"].set_index(["dataset", "truth", "scores"])["weighted_tau"],
        number=_number, anew=anew(made["stability"], made["agreement"]),
        span=lambda low, high: f"{low:+.2f} .. {high:+.2f}", isna=pd.isna,
    )  # fmt: skip


def _number(value: float) -> str:
    return "-" if pd.isna(value) else f"{value:.2f}"


def main() -> None:
    workspace = Workspace(Path())
    made = {name: table.round(DIGITS) for name, table in tables(workspace.published).items()}
    folder = workspace.root / "docs/replays"
    for name, table in made.items():
        write_text(folder / f"{name}.csv", csv_text(table))
    write_text(workspace.root / "docs/replays.md", page(made))


if __name__ == "__main__":
    tell(main)
