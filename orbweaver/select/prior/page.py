"""docs/prior.md: what the prior is made of, and what it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from orbweaver.select.prior.prior import FEATURES
from orbweaver.select.prior.truths import Zoo

ABOUT = """# The prior: what to expect of a PTM before a forward pass

This page is written by `python -m orbweaver.select.prior.fit`, which also fits the prior, on data/published.

The prior is a ridge regression from facts of a PTM to its place in a zoo: the accuracy that fine-tuning gives, in
standard deviations over the zoo. It never looks at your data. It decides which public PTMs are candidates, and which
are forwarded first.
"""
FIGURES = """## What it is worth

Mean weighted tau over a zoo's targets, with 95 % intervals (PTMs and targets resampled). For each target the prior is
fitted without that target, in whichever zoo it occurs, and its features and its penalty are chosen without it, too.

- **prior**: the other PTMs of the zoo, and these PTMs on other targets, were seen.
- **such PTMs unseen**: in addition no zoo of the same group was seen. This is what to expect for PTMs that no published
  table has.
- **parameters**, **top-1**: these facts alone, the same as the prior is given.
- **mean rank elsewhere**: the truth of the same PTMs on the zoo's other targets. It needs them fine-tuned there, so no
  new PTM has it: an upper bound for what does not look at the target, but for luck.

The first row is the mean over groups of zoos; a group shares PTMs and is one piece of evidence. In the last are those
PTMs of TransferGraph that were not further trained on a small source: that is what a zoo to choose from looks like.

PTMs with the same facts get the same prior. Ties are left out of what tau is divided by, alike in all columns but the
last.
"""


LEADS = """
The prior's lead over the others, on the same draws:
"""
READING = """
How to read it: a lead whose interval holds 0 is not shown to be one; over top-1 alone it is
LEAD. Model Spider and stacking do not take the prior as evidence: it is made of facts of timm's
public PTMs (top-1 and its kin), and the zoos that they are trained and examined on hold PTMs that were trained further
or here, of which these facts are equal or not known."""
MADE = """
## What it is made of

Penalty PENALTY. The first five are in standard deviations over timm's results, and what is beyond the published PTMs
counts as the furthest of these. A fact that is not known counts as what the others let expect. Coefficients of facts
that go together (size, compute, top-1; robust, larger) share what they tell: none of them alone means anything.

Robustness (robust, clean) was tried and is left out: with it the first figure is 0.59, unseen 0.54, but it got a weight
of -0.43 from CNNs that saw ImageNet alone, which put PTMs of larger data far behind plain ones of lower top-1.
"""
MATCHED = """
## Which facts stand for which PTM
"""


def page(
    zoos: Sequence[Zoo], tables: Mapping[str, pd.DataFrame], coefficients: Mapping[str, float], penalty: float
) -> str:
    """The page as Markdown. tables: by zoo, or what is a mean over zoos, as `fit.Figures.table` gives them."""
    about = {zoo.name: f"{zoo.group}: {zoo.truth.shape[1]} x {len(zoo.truth)}" for zoo in zoos}
    rows = list(next(iter(tables.values())).index)
    taus, leads = (
        _table(["zoo", "group: PTMs x targets", *rows]),
        _table(["zoo", *(f"over {name}" for name in rows[2:])]),
    )
    for name, table in tables.items():
        each = list(table.itertuples())
        taus.append(_row([name, about.get(name, ""), *(f"{r.tau:.2f} ({r.low:.2f} .. {r.high:.2f})" for r in each)]))
        leads.append(_row([name, *(f"{r.lead:+.2f} ({r.lead_low:+.2f} .. {r.lead_high:+.2f})" for r in each[2:])]))
    made = _table(["feature", "coefficient", "what it is"])
    for name, words in FEATURES.items():
        made.append(_row([name, f"{coefficients[name]:+.2f}" if name in coefficients else "not chosen", words]))
    matched = _table(["zoo", "PTMs", "of these, a row of timm's tables stands for"])
    matched += [_row([zoo.name, str(zoo.truth.shape[1]), str(zoo.matched)]) for zoo in zoos[:-1]]
    reading = READING.replace("LEAD", leads[2].split(" | ")[2])  # of the mean over groups
    made_of = MADE.replace("PENALTY", f"{penalty:g}")
    parts = [ABOUT, FIGURES, *taus, LEADS, *leads, reading, made_of, *made, MATCHED, *matched]
    return "\n".join([*parts, MATCHING])


def _table(head: Sequence[str]) -> list[str]:
    return [_row(head), _row(["---"] * len(head))]


MATCHING = """
The rule, by name, is `orbweaver/select/facts/published_ptms.yaml`: the row of timm's tables with the same weights;
where there is none, the same architecture trained on the same data. A checkpoint of more classes without a head for
ImageNet is stood for by the one that was fine-tuned to it. CNNs that timm does not have come with torchvision's own
figures. Models of TransferGraph that were further trained on a small source say only their architecture and number of
parameters, so these decide. One, of which not even these are known, is left out. Left out are also SFDA's
self-supervised ResNet-50s, whose facts are all the same, and its linear heads, which are no fine-tuning.

## What it cannot tell

- Nothing about text encoders: there is no such published table.
- No published zoo here has PTMs trained on pictures and texts (CLIP) or on web pictures; what is said of them follows
  from their top-1, size and the rest. Candidates are spread over kinds of pre-training for that reason.
- It is one order for all targets. On targets that are far from ImageNet (SVHN, KITTI, retinas, rendered toys)
  TransferGraph's orders agree little with those on photographs, and no prior of this kind can be right on both.
"""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
