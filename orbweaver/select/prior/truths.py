"""Published truths and the facts of their PTMs: what the prior is fitted on and judged by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torchvision
import yaml

from orbweaver.core.formats.tables import read_published
from orbweaver.select import facts as known

MATCHES = known.HERE / "published_ptms.yaml"
SAME = {  # one target under several names, and targets made of the same pictures
    "pets": "pet", "oxford_pets": "pet", "stanfordcars": "cars", "cub200": "birds", "cub2011": "birds",
    "nabird": "birds", "smallnorb_azimuth": "smallnorb", "smallnorb_elevation": "smallnorb",
    "stanford_dogs": "dogs",
}  # fmt: skip

GROUPS = {
    "transfergraph": "hub", "emms_vit": "ViTs", "emms_cnn": "CNNs", "single_source": "CNNs", "itm": "CNNs",
    "multi_source": "CNNs", "parc": "CNNs",
}  # fmt: skip


@dataclass(frozen=True)
class Zoo:
    """A published zoo. truth: a row a target, a column a PTM, NaN where there is none; facts: a row a PTM.

    group: zoos of one group share PTMs. matched: how many PTMs are rows of timm's tables.
    """

    name: str
    group: str
    truth: pd.DataFrame
    facts: pd.DataFrame
    matched: int


def target(name: str) -> str:
    """What a target is called here: one name for the same pictures."""
    name = name.lower()
    return SAME.get(name, name)


def read(published: Path) -> list[Zoo]:
    """The zoos whose truth is fine-tuning on pictures, from the folder of published tables (`Workspace.published`).

    Raises FileError when a table is missing or damaged.
    """
    matches = yaml.safe_load(MATCHES.read_text(encoding="utf-8"))
    cnn = matches["cnn"]
    truth = {name: _truth(published, name) for name in GROUPS}
    graph = read_published(published / "transfergraph" / "ptms.csv", ["ptm", "model", "n_parameters", "architecture"])
    facts_of = {
        "transfergraph": _of_graph(graph, matches),
        "emms_vit": matches["emms_vit"],
        "emms_cnn": cnn,
        "single_source": cnn,
        "itm": matches["itm"],
        "multi_source": {name: _further(name, cnn) for name in truth["multi_source"]},
        "parc": {name: _further(name, cnn) for name in truth["parc"]},
    }
    return [_zoo(name, GROUPS[name], truth[name], facts_of[name]) for name in GROUPS]


def _truth(published: Path, name: str) -> pd.DataFrame:
    rows = read_published(published / name / "truth.csv", ["dataset", "ptm", "accuracy_percent"])
    return rows.pivot(index="dataset", columns="ptm", values="accuracy_percent")


def _further(name: str, cnn: dict[str, dict]) -> dict:
    """An ImageNet CNN that was trained on a source since; `resnet50_imagenet` was not."""
    architecture = next(known_name for known_name in cnn if name.startswith(f"{known_name}_"))
    return {**cnn[architecture], "narrow": not name.lower().endswith("_imagenet")}


def _of_graph(graph: pd.DataFrame, matches: dict) -> dict[str, dict]:
    """By id where the authors of an architecture published it; the rest by architecture and number of parameters."""
    found = {}
    for ptm in graph.itertuples(index=False):
        entry = matches["transfergraph"].get(ptm.model)
        if entry is None:
            fits = (
                rule
                for rule in matches["further"]
                if rule["architecture"] == ptm.architecture
                and rule["parameters"][0] <= ptm.n_parameters <= rule["parameters"][1]
            )
            rule = {**next(fits, {}), "narrow": True}
            entry = {key: rule[key] for key in ("timm", "kind", "top1", "narrow") if key in rule}
        if "timm" not in entry and ptm.n_parameters == ptm.n_parameters:
            entry = {"parameters": ptm.n_parameters, **entry}
        found[ptm.ptm] = entry
    return {name: entry for name, entry in found.items() if "timm" in entry or "parameters" in entry}


def _zoo(name: str, group: str, truth: pd.DataFrame, entries: dict[str, dict]) -> Zoo:
    ptms = [ptm for ptm in truth.columns if ptm in entries]
    timm = known.of_timm()
    rows = {}
    for ptm in ptms:
        entry = dict(entries[ptm])
        row = timm.loc[f"timm/{entry.pop('timm')}"].to_dict() if "timm" in entry else {}
        if "torchvision" in entry:
            about = torchvision.models.get_weight(entry.pop("torchvision")).meta
            top1 = about["_metrics"]["ImageNet-1K"]["acc@1"]
            row = {"parameters": about["num_params"], "gmacs": about["_ops"], "top1": top1, "kind": "convnet"}
        rows[ptm] = {**row, **({"unlabelled": True} if entry.pop("self_supervised", False) else {}), **entry}
    matched = sum("timm" in entries[ptm] for ptm in ptms)
    return Zoo(name, group, truth[ptms].astype(float), pd.DataFrame.from_dict(rows, orient="index"), matched)
