"""Published truths and the facts of their PTMs: what the prior is fitted on and judged by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torchvision
import yaml

from orbweaver.core.errors import FileError
from orbweaver.select import facts as known

MATCHES = known.HERE / "published_ptms.yaml"
SAME = {  # one target under several names, and targets made of the same pictures
    "pets": "pet", "oxford_pets": "pet", "stanfordcars": "cars", "cub200": "birds", "cub2011": "birds",
    "nabird": "birds", "smallnorb_label_azimuth": "smallnorb", "smallnorb_label_elevation": "smallnorb",
    "stanford_dogs": "dogs",
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


def read(folder: Path) -> list[Zoo]:
    """The zoos whose truth is fine-tuning on pictures. Raises FileError when a table is missing.

    folder: where the tables `<zoo>_truth.csv` are.
    """
    matches = yaml.safe_load(MATCHES.read_text(encoding="utf-8"))
    cnn = matches["cnn"]
    single = _table(folder / "single_source_truth.csv")
    single = single[single["kind"] == "finetune_acc_pct"]
    multi = _table(folder / "multi_source_truth.csv")
    multi_ptms = {name: _further(name.split("_", 1)[1], cnn) for name in multi["ptm"].unique()}
    parc = _table(folder / "parc_truth.csv").rename(columns={"target": "dataset", "accuracy": "value"})
    parc["ptm"] = parc["architecture"] + "_" + parc["source"]
    parc_ptms = {name: _further(name, cnn) for name in parc["ptm"].unique()}
    graph = _table(folder / "transfergraph_truth.csv").set_index("model")
    return [
        _zoo("transfergraph", "hub", graph.iloc[:, 5:].T, _of_graph(graph, matches)),
        _zoo("emms_vit", "ViTs", _wide(_table(folder / "emms_vit_truth.csv")), matches["emms_vit"]),
        _zoo("emms_cnn", "CNNs", _wide(_table(folder / "emms_cnn_truth.csv")), cnn),
        _zoo("single_source", "CNNs", _wide(single), cnn),
        _zoo("itm", "CNNs", _wide(_table(folder / "itm_truth.csv")), matches["itm"]),
        _zoo("multi_source", "CNNs", _wide(multi), multi_ptms),
        _zoo("parc", "CNNs", _wide(parc), parc_ptms),
    ]


def _table(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise FileError(f"{path}: not found; the prior is fitted on the published tables in this folder") from None


def _wide(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.pivot(index="dataset", columns="ptm", values="value")


def _further(name: str, cnn: dict[str, dict]) -> dict:
    """An ImageNet CNN that was trained on a source since; `resnet50_imagenet` was not."""
    architecture = next(known_name for known_name in cnn if name.startswith(f"{known_name}_"))
    return {**cnn[architecture], "narrow": not name.lower().endswith("_imagenet")}


def _of_graph(graph: pd.DataFrame, matches: dict) -> dict[str, dict]:
    """By id where the authors of an architecture published it; the rest by architecture and number of parameters."""
    found = {}
    for ptm in graph.itertuples():
        entry = matches["transfergraph"].get(ptm.Index)
        if entry is None:
            fits = (
                rule
                for rule in matches["further"]
                if rule["architecture"] == ptm.architecture
                and rule["parameters"][0] <= ptm.parameters <= rule["parameters"][1]
            )
            rule = {**next(fits, {}), "narrow": True}
            entry = {key: rule[key] for key in ("timm", "kind", "top1", "narrow") if key in rule}
        if "timm" not in entry and ptm.parameters == ptm.parameters:
            entry = {"parameters": ptm.parameters, **entry}
        found[ptm.Index] = entry
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
