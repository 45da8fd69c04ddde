"""Comparisons of methods, and of what there is to rank, as tables of strings."""

import numpy as np
import pandas as pd

from orbweaver.report.cells import gain_cell, number, passes, signed, span
from orbweaver.report.compare import leaders
from orbweaver.report.evaluate import ALL, Evaluation


def gain_rows(evaluation: Evaluation) -> pd.DataFrame:
    """What each method adds to the general order of the PTMs, in numbers and in words."""
    rows = []
    for method, line in evaluation.gain.iterrows():
        row = {"method": method, "prior": number(line["prior"]), "prior + w method": number(line["with_prior"])}
        row |= {"mean w": number(line["weight"], 2), "gain": gain_cell(line)}
        row |= {"95 % interval": span(line["gain_low"], line["gain_high"])}
        row |= {"beyond the prior": signed(line["agreement"])}
        row |= {"its interval": span(line["agreement_low"], line["agreement_high"])}
        row |= {"forward passes": passes(line["forward_passes"]), "in words": _worth(line)}
        rows.append(row)
    return pd.DataFrame(rows, index=list(evaluation.tau["group"]))


def _worth(line: pd.Series) -> str:
    if np.isnan(line["gain_low"]):
        return "not known"
    if line["gain_low"] > 0:
        return "adds to the prior"
    verdict = "worse than the prior alone" if line["gain_high"] < 0 else "no gain shown"
    return verdict if line["forward_passes"] == 0 else f"{verdict}: not worth its forward passes"


def top_rows(evaluation: Evaluation) -> pd.DataFrame:
    """The TOP means against each other: difference of mean tau, and how probable it is that the row is ahead."""
    names = leaders(evaluation.tau)
    pairs = evaluation.pairs.set_index(["method", "other"])[["difference", "probability"]]
    turned = pairs.swaplevel().rename_axis(index=pairs.index.names)
    turned = pd.DataFrame({"difference": -turned["difference"], "probability": 1 - turned["probability"]})
    pairs = pd.concat([pairs, turned])

    def cell(method: str, other: str) -> str:
        if method == other or np.isnan(pairs.loc[(method, other), "difference"]):
            return "-"
        difference, probability = pairs.loc[(method, other)]
        return f"{difference:+.2f} ({100 * probability:.0f} %)"

    return pd.DataFrame([{"method": method} | {other: cell(method, other) for other in names} for method in names])


def where_rows(evaluation: Evaluation) -> pd.DataFrame:
    """Mean tau by groups of targets, where a grouping has two groups at least; the number of targets in brackets."""
    by = evaluation.by[evaluation.by.groupby("by")["group"].transform("nunique") > 1]
    return _by_group(by, "n_targets", evaluation.tau)


def sub_zoo_rows(sub_zoos: pd.DataFrame, evaluation: Evaluation) -> pd.DataFrame:
    """Mean tau by groups of PTMs, of the methods in `sub_zoos`; the number of PTMs in brackets."""
    return _by_group(sub_zoos, "n_ptms", evaluation.tau[evaluation.tau.index.isin(sub_zoos["method"])])


def _by_group(by: pd.DataFrame, size: str, tau: pd.DataFrame) -> pd.DataFrame:
    sizes = by.groupby(["by", "group"])[size].max()
    table = by.pivot(index="method", columns=["by", "group"], values="tau")
    table = table.reindex(tau.index, columns=dict.fromkeys(zip(by["by"], by["group"], strict=True)))
    rows = {f"{column}: {group} ({sizes[column, group]})": table[column, group].map(number) for column, group in table}
    return pd.DataFrame(rows, index=tau.index).rename_axis("method").reset_index().set_index(tau["group"])


def fewest_words(fewest: pd.DataFrame) -> str:
    """How many methods are enough, in a sentence; nothing without rows."""
    if fewest.empty:
        return ""
    if not fewest["enough"].any():
        return f"No set of up to {fewest['size'].max()} methods ranks other families as well as all methods together."
    last = fewest[fewest["enough"]].iloc[0]
    chosen = ", ".join(fewest["method"][: last["size"]])
    return (
        f"Sets of {last['size']}, each chosen without the family that it is tested on, rank as well as all methods "
        f"together ({last['left_out']:.2f} against {last['everything']:.2f}); chosen on all families: {chosen}."
    )


def variance_rows(evaluations: dict[str, Evaluation], published: pd.DataFrame | None = None) -> pd.DataFrame:
    """What the truth of our zoos is made of, and of the published ones; a share is never shown below zero."""
    table = variances(evaluations, published)
    sizes = table.groupby("zoo", sort=False)["dataset"].count() - 1
    rows = table[table["dataset"] == ALL].set_index("zoo")
    shown = pd.DataFrame({"zoo": rows.index, "targets": sizes.astype(str), "PTMs": rows["n_ptms"].astype(str)})
    for share, column in {"general order": "general", "interaction": "interaction", "noise": "noise"}.items():
        shown[share] = [number(value, 2) for value in rows[column].clip(lower=0)]
    shown.insert(4, "the rest", [number(value, 2) for value in (1 - rows["general"]).clip(lower=0)])
    shown["other images, at most"] = [number(value, 2) for value in rows["images_at_most"]]
    return shown


def variances(evaluations: dict[str, Evaluation], published: pd.DataFrame | None) -> pd.DataFrame:
    """The variance tables of our zoos, then of the published ones, the name of the zoo in front."""
    ours = [evaluation.variance.assign(zoo=zoo) for zoo, evaluation in evaluations.items()]
    table = pd.concat([*ours, *([] if published is None else [published])], ignore_index=True)
    return table[["zoo", *(column for column in table if column != "zoo")]]
