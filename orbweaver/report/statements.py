"""What an evaluation establishes, sentence by sentence, each with its 95 % interval; and what it leaves open."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from orbweaver.report.cells import number, span
from orbweaver.report.compare import BUDGETS, honest, width_in_words
from orbweaver.report.evaluate import ALL, Evaluation
from orbweaver.report.priors import BLIND, CONTROLS, family_out, with_family
from orbweaver.report.stacked import STACKING
from orbweaver.tasks import TASKS

REFERENCE = "logme"  # the score that most papers compare with
# What came after it, or is what its authors released
NEWER = (
    "ncti", "etran", "tmi", "ped_sfda", "ped_logme", "gbc_spherical", "gbc_spherical_full", "transrate_selection",
    "transrate_rows", "knn_parc",
)  # fmt: skip


def statements(evaluation: Evaluation) -> list[str]:
    """Sentences in Markdown, those for which there are methods; `honest` rows only.

    "Ahead" and "behind" are said where the interval of the paired difference does not contain 0.
    """
    tau = evaluation.tau.loc[honest(list(evaluation.tau.index))]
    tau = tau[tau["mean"].notna()]
    scores, learned = ([*tau.index[tau["group"] == group]] for group in ("method", "learned"))
    prior = next((name for name in (family_out(BLIND[2]), BLIND[2]) if name in tau.index), None)
    stacking = next((name for name in (family_out(STACKING), STACKING) if name in tau.index), None)
    whole = [name for name in scores if tau["answered"][name] == tau["answered"].max()]
    found = [_made_of(evaluation)]
    if prior and evaluation.best != prior:
        lead = _told(evaluation, evaluation.best, prior)
        found.append(f"The highest mean is that of {_named(tau, evaluation.best)}. {lead}")
    if prior:
        found += [_against_prior(evaluation, prior, scores), _gains(evaluation, scores)]
    if whole and REFERENCE in scores:
        best = whole[0]
        lead = _told(evaluation, best, REFERENCE) if best != REFERENCE else ""
        found.append(f"Of the single scores {_named(tau, best)} is highest. {lead}".rstrip())
        found.append(_newer(evaluation, [name for name in NEWER if name in tau.index]))
    for name in learned:
        if not with_family(name).endswith(CONTROLS):
            rivals = [*whole[:1], *([stacking] if stacking else []), *([prior] if prior else [])]
            rivals += [other for other in map(partial(_control, name), CONTROLS) if other in tau.index]
            found.append(
                f"Model Spider, {_named(tau, name)}: " + " ".join(_told(evaluation, name, rival) for rival in rivals)
            )
    if prior and evaluation.best != prior:
        found += _worth(evaluation, prior)
    found.append(width_in_words(evaluation.tau, evaluation.pairs))
    return [sentence for sentence in found if sentence]


def as_markdown(evaluation: Evaluation) -> str:
    return "".join(f"- {sentence}\n" for sentence in statements(evaluation))


def _control(name: str, form: str) -> str:
    """The same spider with less: see `orbweaver.spider.rows`."""
    control = f"{with_family(name)}{form}"
    return control if with_family(name) == name else family_out(control)


def _named(tau: pd.DataFrame, name: str) -> str:
    line = tau.loc[name]
    return f"`{name}`, {number(line['mean'], 2)} ({span(line['low'], line['high'])})"


def gap(evaluation: Evaluation, one: str, other: str) -> tuple[float, float, float]:
    """The mean tau of one method less that of another, and its interval; NaN where they share no target."""
    pairs = evaluation.pairs
    for first, second, sign in ((one, other, 1), (other, one, -1)):
        row = pairs[(pairs["method"] == first) & (pairs["other"] == second)]
        if len(row):
            low, high = sorted(sign * row[["low", "high"]].to_numpy()[0])
            return sign * float(row["difference"].iloc[0]), low, high
    return np.nan, np.nan, np.nan


def _newer(evaluation: Evaluation, names: list[str]) -> str:
    """Which newer scores are ahead of the reference, each with the difference and its interval, best first."""
    gaps = {name: found for name in names if np.isfinite(found := gap(evaluation, name, REFERENCE)).all()}
    verdicts: dict[str, list[str]] = {"ahead of it": [], "behind it": [], "not to be told from it": []}
    for name, (difference, low, high) in sorted(gaps.items(), key=lambda item: -item[1][0]):
        verdict = "ahead of it" if low > 0 else "behind it" if high < 0 else "not to be told from it"
        verdicts[verdict].append(f"`{name}` {difference:+.2f} ({span(low, high)})")
    told = "; ".join(f"{verdict}: {', '.join(those) or 'none'}" for verdict, those in verdicts.items())
    return f"Newer scores, and the released forms of older ones, against `{REFERENCE}`: {told}." if gaps else ""


def _told(evaluation: Evaluation, one: str, other: str) -> str:
    difference, low, high = gap(evaluation, one, other)
    if np.isnan(low):
        return ""
    where = "is ahead of" if low > 0 else "is behind" if high < 0 else "cannot be told from"
    return f"It {where} `{other}`: {difference:+.2f} ({span(low, high)})."


def _made_of(evaluation: Evaluation) -> str:
    of_zoo = evaluation.variance.set_index("dataset").loc[ALL]
    general = f"The PTMs' general order is {max(of_zoo['general'], 0):.2f} of the variance of the truth"
    if np.isnan(of_zoo["noise"]):
        return f"{general}; the rest is interaction of PTM and target, and noise that nobody measured."
    return f"{general}, interaction of PTM and target {of_zoo['interaction']:.2f}, noise {of_zoo['noise']:.2f}."


def _against_prior(evaluation: Evaluation, prior: str, scores: list[str]) -> str:
    gaps = np.array([gap(evaluation, name, prior) for name in scores])
    ahead, behind = int((gaps[:, 1] > 0).sum()), int((gaps[:, 2] < 0).sum())
    return (
        f"Of {len(scores)} scores that look at the target, {ahead} are ahead of the general order of the PTMs on other "
        f"families (`{prior}`), {behind} are behind it, and {len(scores) - ahead - behind} cannot be told from it."
    )


def _gains(evaluation: Evaluation, scores: list[str]) -> str:
    gain = evaluation.gain.loc[scores].dropna(subset=["gain"]).sort_values("gain", ascending=False)
    above = gain[gain["gain_low"] > 0]
    if gain.empty:
        return ""
    first = gain.index[0]
    line = gain.loc[first]
    return (
        f"{len(above)} of {len(gain)} scores add to the general order (the interval of their gain is above 0). The "
        f"largest gain is that of `{first}`: {line['gain']:+.2f} ({span(line['gain_low'], line['gain_high'])})."
    )


def _worth(evaluation: Evaluation, prior: str) -> list[str]:
    """What following the best method costs, against the general order: mean regret by number of PTMs fine-tuned."""
    regret = evaluation.regret.set_index(["method", "k"])["regret"]
    points = " points" if TASKS[evaluation.tasks[evaluation.headline[0]]].fraction else ""
    told = [
        f"{regret[evaluation.best, k]:.1f} with {k} (`{prior}`: {regret[prior, k]:.1f})"
        for k in BUDGETS
        if (evaluation.best, k) in regret.index
    ]
    if not told:
        return []
    return [
        f"Who fine-tunes the first PTMs of `{evaluation.best}` and keeps the best loses, against the best of all, in"
        f"{points or ' its unit'}: {', '.join(told)}."
    ]
