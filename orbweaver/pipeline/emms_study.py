"""Studies EMMS on a benchmark that was run: its tau beside other methods', with F-labels varied one thing at a time,
and with every text beside another sample's picture; and its seconds against LogME's.

`python -m orbweaver.pipeline.emms_study` in the root of such a clone writes docs/emms.md, its figure, and the tables
docs/emms/{methods,ablation,pictures,seconds}.csv. It reads the features and the truth that the stages wrote; F-labels
of other templates and poolings, and features of other pictures, are made here and kept in the store.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from tqdm import tqdm

from orbweaver.core.errors import UserError, tell
from orbweaver.core.files import write_text
from orbweaver.core.formats.features import read_features
from orbweaver.core.formats.labels import LabelEmbeddings, read_labels
from orbweaver.core.formats.tables import csv_text
from orbweaver.core.keys import key_of
from orbweaver.core.machine import limit_threads
from orbweaver.core.settings import LabelsSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split, read_dataset
from orbweaver.methods import METHODS, FeatureMatrix, ScoreError
from orbweaver.metrics.tau import weighted_tau, weighted_tau_symmetric
from orbweaver.models import text_encoders
from orbweaver.models.card import read_card
from orbweaver.pipeline.params import Params, load
from orbweaver.report import results
from orbweaver.report.cells import number
from orbweaver.report.figures import BLUE, svg
from orbweaver.report.markdown import escaped, markdown
from orbweaver.tasks import ZOO, task
from orbweaver.tasks.extract import extract
from orbweaver.tasks.labels import embed_labels
from orbweaver.tasks.score_inputs import score_inputs
from orbweaver.tasks.stored import stored

COMPARED = ("emms", "emms_published", "emms_gcv", "logme_labels", "transrate_labels")
TIMED = ("emms", "logme_labels")
TEMPLATES = ("{}", "a photo of {}.", "the answer is {}.")
POOLINGS = ("masked_mean", "padded_mean")
LEAST_PTMS = 5  # a target counts if so many PTMs or more have scores
ROUNDS = 3  # of timing, of which the fastest counts
DIGITS = 6


@dataclass(frozen=True)
class Variant:
    """F-labels: by which text encoders, and how their texts become vectors."""

    encoders: tuple[str, ...]
    template: str
    pooling: str


def variants(encoders: Iterable[str], settings: LabelsSettings) -> list[Variant]:
    """The benchmark's own variant, every smaller choice of encoders, then other templates, then the other pooling."""
    every, own = tuple(encoders), (settings.template, settings.pooling)
    some = [each for count in range(len(every), 0, -1) for each in combinations(every, count)]
    found = [Variant(each, *own) for each in some]
    found += [Variant(every, template, own[1]) for template in TEMPLATES if template != own[0]]
    return found + [Variant(every, own[0], pooling) for pooling in POOLINGS if pooling != own[1]]


def f_label_inputs(found: dict[str, object]) -> dict[str, object]:
    """Those of the inputs from `score_inputs` that methods on F-labels take."""
    names = ("labels", "targets", "class_embeddings", "label_embeddings")
    return {name: found[name] for name in names if name in found}


def value(method: str, features: np.ndarray | FeatureMatrix, given: dict[str, object]) -> float:
    """A method's score, NaN where it has none."""
    try:
        return METHODS[method](features, **given)
    except ScoreError:
        return np.nan


def fastest(works: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Least CPU seconds of each piece of work. They take turns, so that a busy machine slows all alike."""
    spent = dict.fromkeys(works, np.inf)
    for _ in range(rounds):
        for name, work in works.items():
            start = time.process_time()
            work()
            spent[name] = min(spent[name], time.process_time() - start)
    return spent


def _embedded(
    workspace: Workspace, params: Params, split: Split, encoders: dict[str, text_encoders.Encoder], of: Variant
) -> list[LabelEmbeddings]:
    settings = params.labels.model_copy(update={"template": of.template, "pooling": of.pooling})
    given = workspace.cache, task(split.task)
    return [read_labels(embed_labels(*given, encoders[name], split, settings, params.threads)) for name in of.encoders]


def _ranked(workspace: Workspace, params: Params, doing: str) -> Iterator[tuple[str, Split, list[str]]]:
    """Each target with F-labels of texts, its training split, and the PTMs that are ranked on it."""
    for target in tqdm(params.targets, desc=doing, unit="target", disable=None):
        split = read_dataset(workspace, "targets", target, "train")
        if task(split.task).label_rows != "nothing":
            ptms = params.ptms_of(ZOO[split.task])
            yield target, split, [ptm for ptm in ptms if params.ptms[ptm].source != target]


def studied(workspace: Workspace, params: Params) -> tuple[pd.DataFrame, pd.DataFrame]:
    """EMMS' scores with each variant of the F-labels, and seconds of the methods in TIMED.

    Scores have the columns zoo, dataset, ptm, variant (its place in `variants`), score. Seconds have zoo, dataset, ptm,
    samples, width, and a column per method; pairs on which one of the methods has no score are left out. So are targets
    whose F-labels do not come from texts.

    Raises UserError where the benchmark was not run, or a file does not fit.
    """
    encoders = {name: text_encoders.load(name, spec) for name, spec in params.encoders.items()}
    listed, scores, seconds = variants(encoders, params.labels), [], []
    for target, split, ptms in _ranked(workspace, params, "F-labels"):
        embedded = [_embedded(workspace, params, split, encoders, each) for each in listed]
        texts = [labels[0].texts for labels in embedded]
        for ptm in ptms:
            card, found = read_card(workspace, ptm), read_features(workspace.features(ptm, target))
            matrix, pair = FeatureMatrix(found.features), {"zoo": ZOO[split.task], "dataset": target, "ptm": ptm}
            for place, (variant, labels) in enumerate(zip(listed, embedded, strict=True)):
                if variant.template != params.labels.template and texts[place] == texts[0]:
                    continue  # no class names: a template changes nothing
                given = f_label_inputs(score_inputs(found, card, params.seed, None, labels))
                scores.append(pair | {"variant": place, "score": value("emms", matrix, given)})
            own = f_label_inputs(score_inputs(found, card, params.seed, None, embedded[0]))
            if any(np.isnan(value(method, matrix, own)) for method in TIMED):
                continue  # a method that raises an error has no time to compare
            works = {
                method: lambda method=method, own=own, features=found.features: value(method, features, own)
                for method in TIMED
            }
            rows, width = found.features.shape
            seconds.append(pair | {"samples": rows, "width": width} | fastest(works))
    return pd.DataFrame(scores), pd.DataFrame(seconds, columns=["zoo", "dataset", "ptm", "samples", "width", *TIMED])


def with_other_pictures(split: Split, seed: int) -> Split:
    """The split with a random sample's picture in place of each one's own: texts and targets stay."""
    order = np.random.default_rng(seed).permutation(len(split))
    digest = key_of(split.fingerprint, "beside the pictures of", order.tolist())
    return replace(split, images=split.take(order).images, digest=digest)


def of_other_pictures(workspace: Workspace, params: Params) -> pd.DataFrame:
    """Scores of COMPARED on the features that stages left, and on features `with_other_pictures`.

    Columns zoo, dataset, ptm, method, own, other; of pairs that have both, on targets with pictures and F-labels.
    """
    encoders = {name: text_encoders.load(name, spec) for name, spec in params.encoders.items()}
    benchmarks_own, rows = variants(encoders, params.labels)[0], []
    for target, split, ptms in _ranked(workspace, params, "other pictures"):
        if not len(split.images):
            continue
        labels = _embedded(workspace, params, split, encoders, benchmarks_own)
        other, zoo = with_other_pictures(split, params.seed), ZOO[split.task]
        for ptm in ptms:
            made, how = stored(workspace, ptm), (params.features.batch_size, params.threads)
            paths = workspace.features(ptm, target), extract(workspace.cache, task(zoo), made, other, *how)
            found = [read_features(path) for path in paths]
            matrices = [FeatureMatrix(each.features) for each in found]
            given = [f_label_inputs(score_inputs(each, made.card, params.seed, None, labels)) for each in found]
            for method in COMPARED:
                scores = [value(method, *each) for each in zip(matrices, given, strict=True)]
                rows.append((zoo, target, ptm, method, *scores))
    return pd.DataFrame(rows, columns=["zoo", "dataset", "ptm", "method", "own", "other"]).dropna()


def pictures_table(scores: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """One row per (zoo, method): means over targets of weighted tau with own and with other pictures, and of
    the Pearson correlation of the two scores. A target counts with LEAST_PTMS PTMs or more.

    scores: as `of_other_pictures` gives them. truth: columns dataset, ptm, value.
    """
    rows = []
    for (zoo, method, _), target in scores.merge(truth, on=["dataset", "ptm"]).groupby(["zoo", "method", "dataset"]):
        if len(target) >= LEAST_PTMS:
            taus = [weighted_tau(target["value"], target[name]) for name in ("own", "other")]
            rows.append((zoo, method, *taus, target["own"].corr(target["other"])))
    table = pd.DataFrame(rows, columns=["zoo", "method", "own_pictures", "other_pictures", "correlation"])
    return table.groupby(["zoo", "method"], sort=False).mean().reset_index()


def ablation(scores: pd.DataFrame, truth: pd.DataFrame, listed: list[Variant]) -> pd.DataFrame:
    """One row per (zoo, variant): encoders, template, pooling, and the columns of `mean_taus`.

    truth: columns dataset, ptm, value.
    """
    taus = mean_taus(scores.merge(truth, on=["dataset", "ptm"]), "variant")
    of = [listed[place] for place in taus.pop("variant")]
    said = [{"encoders": " + ".join(each.encoders), "template": each.template, "pooling": each.pooling} for each in of]
    return pd.concat([taus[["zoo"]], pd.DataFrame(said), taus.drop(columns="zoo")], axis=1)


def mean_taus(found: pd.DataFrame, compared: str) -> pd.DataFrame:
    """One row per (zoo, value of column `compared`): targets that count, ptms, mean weighted and mean symmetric tau.

    On a target, values that scored LEAST_PTMS PTMs or more are compared, on the PTMs that all of them scored. The
    target counts if these are LEAST_PTMS or more. ptms: their number, as the range over the targets that count.

    found: columns zoo, dataset, ptm, score, value, and `compared`.
    """
    rows = []
    for (zoo, _), target in found.groupby(["zoo", "dataset"], sort=False):
        table = target.pivot(index="ptm", columns=compared, values="score")
        table = table.loc[:, table.notna().sum() >= LEAST_PTMS].dropna()
        if len(table) < LEAST_PTMS:
            continue
        value = target.drop_duplicates("ptm").set_index("ptm")["value"][table.index]
        taus = {name: (weighted_tau(value, table[name]), weighted_tau_symmetric(value, table[name])) for name in table}
        rows += [(zoo, name, len(table), *both) for name, both in taus.items()]
    taus = pd.DataFrame(rows, columns=["zoo", compared, "ptms", "weighted_tau", "symmetric_tau"])
    said = []
    for zoo, name in found[["zoo", compared]].drop_duplicates().itertuples(index=False):
        ours = taus[(taus["zoo"] == zoo) & (taus[compared] == name)]
        least, most = ours["ptms"].min(), ours["ptms"].max()
        ptms = "-" if ours.empty else str(least) if least == most else f"{least} to {most}"
        means = ours[["weighted_tau", "symmetric_tau"]].mean()
        said.append({"zoo": zoo, compared: name, "targets": len(ours), "ptms": ptms, **means})
    return pd.DataFrame(said)


def methods_table(scores: pd.DataFrame, truth: pd.DataFrame) -> pd.DataFrame:
    """One row per (zoo, method of COMPARED), with the columns of `mean_taus`.

    scores: columns zoo, dataset, ptm, method, score, as stages left them.
    """
    both = scores.merge(truth, on=["dataset", "ptm"])
    return mean_taus(both[both["method"].isin(COMPARED)], "method")


def speed_table(seconds: pd.DataFrame) -> pd.DataFrame:
    """One row per (zoo, target): over its PTMs, medians of both methods' seconds, median and range of their ratio."""
    ratio = seconds["logme_labels"] / seconds["emms"]
    grouped = seconds.assign(ratio=ratio).groupby(["zoo", "dataset"], sort=False)
    found = grouped.agg(
        samples=("samples", "first"), emms=("emms", "median"), logme_labels=("logme_labels", "median"),
        times_faster=("ratio", "median"), least=("ratio", "min"), most=("ratio", "max"),
    )  # fmt: skip
    return found.reset_index()


@svg
def speed(seconds: pd.DataFrame) -> Figure:
    """How many times faster EMMS is than LogME on the same F-labels: a point per PTM, a row per target."""
    targets = list(dict.fromkeys(seconds["dataset"]))
    figure = Figure(figsize=(5.2, 0.9 + 0.25 * len(targets)))
    axes = figure.subplots()
    axes.axvline(1, color="black", linewidth=0.8)
    place = [targets.index(target) for target in seconds["dataset"]]
    axes.scatter(seconds["logme_labels"] / seconds["emms"], place, s=14, c=BLUE, alpha=0.6, linewidths=0)
    axes.set_yticks(range(len(targets)), targets)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("seconds of LogME on F-labels / seconds of EMMS")
    return figure


def _table(values: pd.DataFrame) -> str:
    return markdown(values.map(lambda cell: number(cell, 3) if isinstance(cell, float) else escaped(str(cell))))


def page(compared: pd.DataFrame, changed: pd.DataFrame, pictures: pd.DataFrame, seconds: pd.DataFrame) -> str:
    ratio = seconds["logme_labels"] / seconds["emms"]
    half = (
        "no pair has both scores"
        if seconds.empty
        else f"median {ratio.median():.1f} times, from {ratio.min():.1f} to {ratio.max():.1f}"
    )
    return f"""# EMMS on a benchmark of ours

`python -m orbweaver.pipeline.emms_study` makes this page and [its tables](emms) from what the stages left.
The tables have means over targets of weighted tau (weights by the true order) and of symmetric tau, which EMMS' paper
reports. Rows of one table are compared on the same PTMs: EMMS has no score for features of rank N - 1, and a PTM that
one row lacks on a target is left out of all rows there. A target counts with {LEAST_PTMS} PTMs or more, and a row that
scored fewer is not compared there. *ptms* is the number of PTMs compared, or its range over the targets.

## Methods on the same F-labels

{_table(compared)}
## F-labels varied

EMMS with the encoders, the template of class names and the pooling of the row; the first row of each zoo is the
benchmark's own setting. Other templates are tried only where a target has class names.

{_table(changed)}
## Other samples' pictures

Every text is put beside the picture of a random other sample: features are computed anew, F-labels stay. The table has
weighted tau with own and with other pictures, and the correlation of the two scores over PTMs. If a method's tau stays,
it has not looked at whether a PTM's features tell what the pictures show.

{_table(pictures) if len(pictures) else "No target has pictures and F-labels."}
## Seconds against LogME

CPU seconds on real features, for PTMs that both methods score: each runs alone, nothing is shared, the fastest of
{ROUNDS} runs counts.
Seconds of LogME on the same F-labels over those of EMMS: {half} (EMMS' abstract says 3.6 to 6.3).

![Seconds of LogME on F-labels over those of EMMS](emms_speed.svg)

{_table(speed_table(seconds))}"""


def main() -> None:
    workspace = Workspace(Path())
    params = load(workspace.params)
    limit_threads(params.threads)
    zoos = results.zoos(workspace, params)
    truth = pd.concat([zoo.truth[["dataset", "ptm", "value"]] for zoo in zoos.values()])
    scored = pd.concat([zoo.scores.assign(zoo=name) for name, zoo in zoos.items()])
    scores, seconds = studied(workspace, params)
    if scores.empty:
        raise UserError("params.yaml: no target has texts, so there are no F-labels to study")
    compared, changed = methods_table(scored, truth), ablation(scores, truth, variants(params.encoders, params.labels))
    pictures = pictures_table(of_other_pictures(workspace, params), truth)
    docs = workspace.root / "docs"
    tables = {"methods": compared, "ablation": changed, "pictures": pictures, "seconds": seconds}
    for name, table in tables.items():
        write_text(docs / "emms" / f"{name}.csv", csv_text(table.round(DIGITS)))
    write_text(docs / "emms_speed.svg", speed(seconds))
    write_text(docs / "emms.md", page(compared, changed, pictures, seconds))


if __name__ == "__main__":
    tell(main)
