"""How far laboratories agree: the same PTMs on the same datasets, fine-tuned by three of them.

Weighted tau weighs by one of the two orders. With laboratory A's truth as the truth and B's as the scores it says how
well B's fine-tuning predicts A's table; the other way round it is another number. Both are given, and their mean.
"""

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.errors import FileError
from orbweaver.core.formats.tables import read_published
from orbweaver.metrics import intervals
from orbweaver.metrics.tau import weighted_tau

# laboratory: folder of its table. SFDA's is EMMS', TLL's (the Transfer Learning Library) is Model Spider's.
TABLES = {"SFDA": "emms_cnn", "TLL": "single_source", "ITM": "itm"}
# our name of a dataset: its name in each table
DATASETS = {
    "aircraft": {"SFDA": "aircraft", "TLL": "Aircraft", "ITM": "aircraft"},
    "caltech101": {"SFDA": "caltech101", "TLL": "Caltech101", "ITM": "caltech101"},
    "cars": {"SFDA": "cars", "TLL": "Cars", "ITM": "cars"},
    "cifar10": {"SFDA": "cifar10", "TLL": "CIFAR10", "ITM": "cifar10"},
    "cifar100": {"SFDA": "cifar100", "TLL": "CIFAR100", "ITM": "cifar100"},
    "dtd": {"SFDA": "dtd", "TLL": "DTD", "ITM": "dtd"},
    "flowers": {"SFDA": "flowers", "ITM": "flowers"},
    "food": {"SFDA": "food", "ITM": "food"},
    "pet": {"SFDA": "pet", "TLL": "Pet", "ITM": "pet"},
    "sun397": {"SFDA": "sun397", "TLL": "SUN397", "ITM": "sun397"},
    "voc2007": {"SFDA": "voc2007", "ITM": "voc2007"},
}
# PTMs that two tables have; they have one name in all of them, and resnet34 is not in TLL's
PTMS = (
    "densenet121", "densenet169", "densenet201", "googlenet", "inception_v3", "mnasnet1_0", "mobilenet_v2",
    "resnet34", "resnet50", "resnet101", "resnet152",
)  # fmt: skip


def truths(published: Path) -> dict[str, pd.DataFrame]:
    """Each laboratory's accuracies in per cent: one row a dataset that it has, one column a PTM of PTMS that it has.

    Raises:
        FileError: a table is missing, damaged, or lacks a pair that it is known to have.
    """
    found = {}
    for laboratory, folder in TABLES.items():
        path = published / folder / "truth.csv"
        rows = read_published(path, ["dataset", "ptm", "accuracy_percent"])
        table = rows.pivot(index="dataset", columns="ptm", values="accuracy_percent")
        names = {name: names[laboratory] for name, names in DATASETS.items() if laboratory in names}
        ptms = [ptm for ptm in PTMS if ptm in table]
        table = table.reindex(index=list(names.values()), columns=ptms).set_axis(list(names))
        if table.isna().any(axis=None):
            raise FileError(f"{path}: lacks a dataset or a PTM; `git checkout {path}` restores it")
        found[laboratory] = table.astype(float)
    return found


def agreement(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Weighted tau of every ordered pair of laboratories on every dataset that both have.

    Returns:
        columns truth (the laboratory whose order weighs), scores, dataset, n_ptms, weighted_tau.
    """
    rows = []
    for truth, scores in permutations(found, 2):
        for name, a, b in _shared(found[truth], found[scores]):
            tau = weighted_tau(a, b)
            rows.append({"truth": truth, "scores": scores, "dataset": name, "n_ptms": len(a), "weighted_tau": tau})
    return pd.DataFrame(rows)


def summary(found: dict[str, pd.DataFrame], seed: int, n_resamples: int) -> pd.DataFrame:
    """Mean over the datasets of each pair of laboratories, each way and the mean of both ways.

    low, high: 95 % bootstrap interval over datasets and PTMs, as everywhere in the report.

    Returns:
        columns first, second, datasets, ptms, weighed_by (first, second, both), mean, low, high, without_inception
        (the mean without inception_v3, which not all laboratories feed with images of the same size).
    """
    rows = []
    laboratories = list(found)
    pairs = [(a, b) for i, a in enumerate(laboratories) for b in laboratories[i + 1 :]]
    for first, second in pairs:
        shared = _shared(found[first], found[second])
        a, b = (np.array([values[i] for values in shared]) for i in (1, 2))
        ptms, counts = intervals.draw([str(t) for t in range(len(a))], a.shape[1], n_resamples, seed)
        names = [ptm for ptm in PTMS if ptm in found[first] and ptm in found[second]]
        kept = np.array(names) != "inception_v3"
        one = {"first": a, "second": b}
        drawn, point, without = {}, {}, {}
        for weighed, other in (("first", "second"), ("second", "first")):
            truth, scores = one[weighed], one[other]
            drawn[weighed] = intervals.resampled_taus(truth, scores[None], ptms)
            point[weighed] = np.mean([weighted_tau(t, s) for t, s in zip(truth, scores, strict=True)])
            without[weighed] = np.mean([weighted_tau(t[kept], s[kept]) for t, s in zip(truth, scores, strict=True)])
        for table in (drawn, point, without):
            table["both"] = (table["first"] + table["second"]) / 2
        for weighed in ("first", "second", "both"):
            low, high = intervals.interval(intervals.resampled_means(drawn[weighed], counts))
            rows.append({
                "first": first, "second": second, "datasets": len(a), "ptms": len(names), "weighed_by": weighed,
                "mean": point[weighed], "low": low[0], "high": high[0], "without_inception": without[weighed],
            })  # fmt: skip
    return pd.DataFrame(rows)


def noise(found: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Standard deviation of one laboratory's value, in points, as estimated from how far other laboratories' differ.

    With d_i the difference of two laboratories on PTM i, one value's standard deviation is sd(d) / sqrt(2), sd without
    the mean of d; over several other laboratories the root of the mean square. It holds seeds, protocol and splits.

    Returns:
        one row a dataset, one column a laboratory; NaN where no other has the dataset.
    """
    variances = {laboratory: {} for laboratory in found}
    for truth, scores in permutations(found, 2):
        for name, a, b in _shared(found[truth], found[scores]):
            variances[truth].setdefault(name, []).append(np.var(a - b, ddof=1) / 2)
    means = {
        laboratory: {name: np.sqrt(np.mean(values)) for name, values in parts.items()}
        for laboratory, parts in variances.items()
    }
    return pd.DataFrame(means).reindex(list(DATASETS))


def _shared(a: pd.DataFrame, b: pd.DataFrame) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Datasets that both have, with the values of the PTMs that both have."""
    ptms = [ptm for ptm in PTMS if ptm in a and ptm in b]
    return [(name, a.loc[name, ptms].to_numpy(), b.loc[name, ptms].to_numpy()) for name in a.index if name in b.index]
