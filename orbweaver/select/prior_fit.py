"""python -m orbweaver.select.prior_fit FOLDER: fits the prior on the published truths there, and says what it is worth.

It writes `facts/prior.json`, which the package reads, and docs/prior.md. Ridge regression: with x the features of the
PTMs of a zoo less their mean over it, y the accuracies on one target less their mean and in their standard deviations,
both over the PTMs with a truth, and a mean over B blocks (zoo, target) so that each weighs the same,

    b = argmin  1/B sum_blocks mean_i (y_i - b' x_i)^2 + penalty |b|^2

Which features and which penalty is chosen by the mean weighted tau on targets that are left out, one at a time; for the
figure on a target, that choice too is made without it (nested). Source of ridge: Hoerl and Kennard, Technometrics 1970.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterable, Sequence
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.files import write_text
from orbweaver.metrics.intervals import differences, draw, interval, resampled_means, resampled_taus
from orbweaver.metrics.tau import weighted_tau, weighted_taus
from orbweaver.report.priors import mean_truth_elsewhere
from orbweaver.select import truths
from orbweaver.select.prior import COEFFICIENTS, FEATURES, features
from orbweaver.select.truths import Zoo

SETS = (
    ("size",),
    ("top1",),
    ("size", "top1"),
    ("size", "compute", "top1"),
    ("size", "top1", "larger", "unlabelled", "narrow"),
    ("size", "compute", "top1", "larger", "unlabelled", "narrow"),
    ("size", "compute", "top1", "transformer", "larger", "unlabelled", "narrow"),
    tuple(FEATURES),
)
PENALTIES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
CHOICES = tuple(itertools.product(SETS, PENALTIES))
RESAMPLES, SEED = 1000, 0
ROWS = ("prior", "prior, zoo unseen", "parameters", "top-1", "mean rank elsewhere")


@dataclass(frozen=True)
class Block:
    """One target of one zoo. features (n, F) of FEATURES and truth (n,) of the PTMs that have a truth; gram (F, F) and
    moment (F,) are what the fit takes of it."""

    zoo: str
    group: str
    target: str
    features: np.ndarray
    truth: np.ndarray
    gram: np.ndarray
    moment: np.ndarray


def blocks_of(zoos: Iterable[Zoo]) -> list[Block]:
    found = []
    for zoo in zoos:
        table = features(zoo.facts).loc[zoo.truth.columns].to_numpy()
        for name, row in zoo.truth.iterrows():
            there = row.notna().to_numpy()
            x, truth = table[there], row[there].to_numpy()
            centred, y = x - x.mean(axis=0), (truth - truth.mean()) / truth.std()
            gram, moment = centred.T @ centred / len(y), centred.T @ y / len(y)
            found.append(Block(zoo.name, zoo.group, truths.target(str(name)), x, truth, gram, moment))
    return found


def ridge(blocks: Sequence[Block], chosen: Sequence[str], penalty: float) -> np.ndarray:
    """Coefficients (F,) of FEATURES, 0 for those that are not among the chosen."""
    of = [list(FEATURES).index(name) for name in chosen]
    weights = weights_of(blocks)
    gram = np.einsum("b,bij->ij", weights, np.array([block.gram for block in blocks]))[np.ix_(of, of)]
    moment = weights @ np.array([block.moment for block in blocks])[:, of]
    out = np.zeros(len(FEATURES))
    out[of] = np.linalg.solve(gram + penalty * np.eye(len(of)), moment)
    return out


def weights_of(blocks: Sequence[Block]) -> np.ndarray:
    """Weights (B,) of sum 1: each group of zoos the same, in it each block the same."""
    counts = Counter(block.group for block in blocks)
    return np.array([1 / (len(counts) * counts[block.group]) for block in blocks])


def choose(blocks: Sequence[Block]) -> tuple[tuple[str, ...], float]:
    """The features and penalty whose mean weighted tau is best on targets left out one at a time."""
    taus = np.zeros(len(CHOICES))
    for target in {block.target for block in blocks}:
        fitted = np.array([ridge([b for b in blocks if b.target != target], *choice) for choice in CHOICES])
        for block in blocks:
            if block.target == target:
                taus += weighted_taus(block.truth, fitted @ block.features.T)
    return CHOICES[int(np.argmax(taus))]


def unseen(zoo: Zoo, blocks: Sequence[Block], group_too: bool) -> pd.DataFrame:
    """The prior of a zoo's PTMs for each target, from other targets alone; with `group_too`, from other groups' zoos."""
    table = features(zoo.facts).loc[zoo.truth.columns].to_numpy()
    rows = {}
    for name in zoo.truth.index:
        others = [
            block
            for block in blocks
            if block.target != truths.target(str(name)) and not (group_too and block.group == zoo.group)
        ]
        rows[name] = table @ ridge(others, *choose(others))
    return pd.DataFrame(rows, index=zoo.truth.columns).T


def elsewhere(truth: pd.DataFrame) -> pd.DataFrame:
    """Mean rank on the other targets, which here are those with other pictures."""
    rows = {}
    for name in truth.index:
        others = [other for other in truth.index if truths.target(str(other)) != truths.target(str(name))]
        rows[name] = mean_truth_elsewhere(truth.loc[[name, *others]]).loc[name]
    return pd.DataFrame(rows).T


def compared(zoo: Zoo, blocks: Sequence[Block]) -> pd.DataFrame:
    """Mean weighted tau of ROWS on a zoo with 95 % intervals, and the prior's lead over the others.

    Intervals: PTMs and targets resampled (`metrics.intervals.draw`).
    """
    truth = zoo.truth
    plain = features(zoo.facts).loc[truth.columns]
    same = {name: pd.DataFrame([plain[name]] * len(truth), index=truth.index) for name in ("size", "top1")}
    by = [unseen(zoo, blocks, False), unseen(zoo, blocks, True), same["size"], same["top1"], elsewhere(truth)]
    scores = np.stack([table[truth.columns].to_numpy(dtype=float) for table in by])
    taus = [[weighted_tau(t, s) for t, s in zip(truth.to_numpy(), each, strict=True)] for each in scores]
    ptms, counts = draw(*truth.shape, RESAMPLES, SEED)
    drawn = resampled_taus(truth.to_numpy(), scores, ptms)
    low, high = interval(resampled_means(drawn, counts))
    # of the first row's lead over each
    lead_low, lead_high = interval(-differences(truth.to_numpy(), scores, 0, drawn, ptms, counts))
    return pd.DataFrame(
        {
            "tau": np.nanmean(taus, axis=1), "low": low, "high": high,
            "lead_low": lead_low, "lead_high": lead_high,
        },
        index=list(ROWS),
    )  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m orbweaver.select.prior_fit", description=__doc__)
    parser.add_argument("folder", type=Path, help="of the published tables")
    parser.add_argument("--docs", type=Path, default=Path("docs/prior.md"))
    args = parser.parse_args(arguments)
    zoos = truths.read(args.folder)
    blocks = blocks_of(zoos)
    chosen, penalty = choose(blocks)
    fitted = dict(zip(FEATURES, ridge(blocks, chosen, penalty).round(4).tolist(), strict=True))
    kept = {name: fitted[name] for name in chosen}
    print(chosen, penalty, kept)
    for zoo in zoos:
        print(zoo.name, compared(zoo, blocks).round(2).to_string())
    write_text(COEFFICIENTS, json.dumps({"penalty": penalty, "coefficients": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main()
