"""The prior: how well a PTM can be expected to do, from facts that are known before a forward pass.

    prior(i) = sum_f b_f x_fi,    x_f one of FEATURES,    b fitted by `fit.py` on published truths

It is in standard deviations of accuracy over a published zoo; only differences mean anything. What it is worth on
targets and PTMs that it has not seen is in docs/prior.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.names import check_known
from orbweaver.select import facts as known

COEFFICIENTS = Path(known.HERE) / "prior.json"
FEATURES = {
    "size": "log10 of parameters",
    "compute": "log10 of GMACs",
    "top1": "log-odds of ImageNet top-1",
    "robust": "log-odds of ImageNet-R, -A and -Sketch beyond what top-1 lets expect, their mean",
    "clean": "log-odds of ReaL and V2 beyond what top-1 lets expect, their mean",
    "transformer": "1 for a transformer, 1/2 for a hybrid, else 0",
    "larger": "1 if it saw more than ImageNet-1k",
    "unlabelled": "1 if it saw pictures alone, no labels",
    "narrow": "1 if it was further trained on a small source",
}
SCALED = ("size", "compute", "top1", "robust", "clean")
BEYOND = {"robust": ("r", "a", "sketch"), "clean": ("real", "v2")}
KINDS = {"transformer": 1.0, "hybrid": 0.5}


def prior(ptms: Sequence[str] | pd.DataFrame) -> pd.Series:
    """The expected place of PTMs, by name or by their facts: standardised accuracy, higher is better.

    Args:
        ptms: names as `timm/NAME`, or a table with the columns of `facts.of_timm`, an index of names, and optionally
            `narrow`. Facts that are NaN or columns that are not there count as what the others let expect.

    Returns:
        one value a PTM, by name; NaN for a text encoder, since no published truth tells of those.

    Raises:
        UnknownName: no table has that name.
    """
    if isinstance(ptms, pd.DataFrame):
        return _of_facts(ptms)
    timm, texts = known.of_timm(), known.of_texts()
    for name in set(ptms) - set(timm.index) - set(texts.index):
        check_known(name, [*timm.index, *texts.index], "public PTM")
    pictures = [name for name in ptms if name in timm.index]
    if not pictures:
        return pd.Series(np.nan, index=list(ptms), name="prior")
    return _of_facts(timm.loc[pictures]).reindex(list(ptms))


def _of_facts(table: pd.DataFrame) -> pd.Series:
    return parts(table).sum(axis=1).rename("prior")


def parts(table: pd.DataFrame) -> pd.DataFrame:
    """What each feature adds to the prior of PTMs, by their facts; one row a PTM.

    A feature beyond what the published PTMs have counts as the furthest of these.
    """
    fitted = json.loads(COEFFICIENTS.read_text(encoding="utf-8"))
    seen = features(table)[list(fitted["coefficients"])]
    seen = seen.clip(pd.Series(fitted["low"]), pd.Series(fitted["high"]), axis=1)
    return seen * pd.Series(fitted["coefficients"])


def features(table: pd.DataFrame) -> pd.DataFrame:
    """FEATURES of PTMs, (n, F): SCALED ones with mean 0 and standard deviation 1 over timm's results, the rest as is.

    What is not known is put in its place: GMACs by parameters, top-1 by both, the other variants by top-1, each a least
    squares line through timm's results.
    """
    filled, spread = _filling()
    raw = _raw(table, filled)
    centre, scale = spread
    raw[list(SCALED)] = (raw[list(SCALED)] - centre) / scale
    return raw


def _raw(table: pd.DataFrame, lines: dict[str, np.ndarray]) -> pd.DataFrame:
    column = lambda name, default: table[name] if name in table else pd.Series(default, index=table.index)  # noqa: E731
    out = pd.DataFrame(index=table.index)
    out["size"] = np.log10(table["parameters"].astype(float))
    out["compute"] = np.log10(column("gmacs", np.nan).astype(float))
    out["compute"] = out["compute"].fillna(_line(lines["compute"], out[["size"]]))
    out["top1"] = _log_odds(column("top1", np.nan))
    out["top1"] = out["top1"].fillna(_line(lines["top1"], out[["size", "compute"]]))
    for name, variants in BEYOND.items():
        over = [_log_odds(column(v, np.nan)) - _line(lines[v], out[["top1"]]) for v in variants]
        out[name] = pd.concat(over, axis=1).mean(axis=1).fillna(0.0)
    out["transformer"] = column("kind", "").map(KINDS).fillna(0.0)
    for name in ("larger", "unlabelled", "narrow"):
        out[name] = column(name, False).astype("boolean").fillna(False).astype(float)
    return out


@lru_cache
def _filling() -> tuple[dict[str, np.ndarray], tuple[pd.Series, pd.Series]]:
    """The lines through timm's results, and mean and spread of SCALED over them."""
    results = known.imagenet_results()
    size, compute = np.log10(results["parameters_m"] * 1e6).rename("size"), np.log10(results["gmacs"]).rename("compute")
    top1 = _log_odds(results["top1"])
    lines = {
        "compute": _fit(pd.concat([size], axis=1), compute),
        "top1": _fit(pd.concat([size, compute], axis=1), top1),
    }
    for variant in known.IMAGENET[1:]:
        lines[variant] = _fit(top1.to_frame(), _log_odds(results[variant]))
    table = results.assign(parameters=results["parameters_m"] * 1e6)
    raw = _raw(table, lines)[list(SCALED)]
    return lines, (raw.mean(), raw.std())


def _log_odds(percent: pd.Series) -> pd.Series:
    share = (percent.astype(float) / 100).clip(0.001, 0.999)  # ImageNet-A knows 0 %
    return np.log(share / (1 - share))


def _fit(inputs: pd.DataFrame, values: pd.Series) -> np.ndarray:
    there = values.notna()
    design = np.column_stack([inputs[there], np.ones(there.sum())])
    return np.linalg.lstsq(design, values[there], rcond=None)[0]


def _line(line: np.ndarray, inputs: pd.DataFrame) -> pd.Series:
    return inputs @ line[:-1] + line[-1]
