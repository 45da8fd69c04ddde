"""Pages of benchmarks' results, and `python -m docs.site.results`: committed results between their marks in pages.

Nothing is measured here. The results that `python -m orbweaver.pipeline.publish` wrote to docs/<benchmark>/, and the
replays to docs/replays/, are put into the pages that show them; a test compares both.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.errors import FileError
from orbweaver.core.files import write_text
from orbweaver.methods import borda
from orbweaver.metrics.tau import weighted_tau, weighted_taus
from orbweaver.report.markdown import escaped, markdown
from orbweaver.report.marked import between
from orbweaver.select.order import expected
from orbweaver.select.order.calibrated import of_public

FIGURES = {
    "heat_map": "Weighted tau of every method on every target",
    "intervals": "Mean weighted tau with its 95 % interval",
    "critical_difference": "Which average ranks differ",
    "regret": "What is lost when the first k are fine-tuned and the best is kept",
    "by_k": "Model Spider by the number of PTMs that are run",
    "truth_spread": "The truth: every PTM on every target",
    "same": "Which methods rank alike",
}


def pages(root: Path) -> dict[str, str]:
    """The page of the benchmark `standard`: its tables and figures, or how to make them where none are committed."""
    return {"results/standard.md": standard(root)}


def standard(root: Path) -> str:
    folder = root / "docs/standard"
    head = ["# Standard", "", (root / "docs/site/standard.md").read_text(encoding="utf-8").strip(), ""]
    if not (folder / "result_table.md").exists():
        return "\n".join([
            *head, "## Results", "", "None are committed yet. They are made, and put here, by", "",
            "```console", "make benchmark BENCHMARK=standard", "python -m orbweaver.pipeline.publish standard",
            "make docs-results docs", "```", "",
        ])  # fmt: skip
    lines = [*head, "## Results", "", (folder / "result_table.md").read_text(encoding="utf-8")]
    if (folder / "statements.md").exists():
        lines += ["## What it establishes", "", (folder / "statements.md").read_text(encoding="utf-8")]
    for name, words in FIGURES.items():
        if (folder / f"{name}.svg").exists():
            lines += [f"## {words}", "", f"![{words}](../standard/{name}.svg)", ""]
    if (folder / "rankers_table.md").exists():
        lines += ["## Forms of Model Spider", "", (folder / "rankers_table.md").read_text(encoding="utf-8")]
    if (folder / "second_zoo").exists():
        lines += ["## Two zoos", "", SECOND_ZOO, "", second_zoo_table(root), ""]
    if (folder / "further/scores.csv").exists():
        lines += ["## Eight families that nothing was designed on", "", FURTHER, "", further_tables(root), ""]
    if (folder / "longer").exists():
        lines += ["## Three times as many steps", "", LONGER, "", longer_tables(root), ""]
    tables = ", ".join(f"[{path.name}](../standard/{path.name})" for path in sorted(folder.glob("*.csv")))
    return "\n".join(
        [*lines, f"All numbers: {tables}. Every fine-tuning run: `data/published/standard/truth.csv`.", ""]
    )


SECOND_ZOO = """\
All 39 PTMs that are trained here were trained once more, with another seed, and scored and fine-tuned anew on five
targets drawn at random. Mean weighted tau over those of the five that a method has a value on; the truth of both zoos
is one run a pair. The second zoo was made on a GPU, without F-labels and without features of the sources."""


def second_zoo_table(root: Path) -> str:
    """What methods reach on two zoos that differ in seed only, and how far both zoos order the methods alike."""
    folder, other = root / "docs/standard", root / "docs/standard/second_zoo"
    again = pd.read_csv(other / "truth.csv")
    runs = pd.read_csv(root / "data/published/standard/truth.csv")
    runs = runs[runs["dataset"].isin(again["dataset"]) & runs["seed"].isin(again["seed"])]
    first, second = (
        _mean_taus(_with_both(pd.read_csv(place / "scores.csv")), truth)
        for place, truth in ((folder, runs), (other, again))
    )
    table = pd.DataFrame({"first zoo": first, "second zoo": second}).dropna().sort_values("second zoo", ascending=False)
    alike = weighted_tau(table["first zoo"].to_numpy(), table["second zoo"].to_numpy())
    words = f"The two columns order all {len(table)} methods alike at a weighted tau of {alike:.2f}."
    return f"{_table(table.head(12).rename_axis('method'))}\n{words}"


FURTHER = """\
Methods that look inside PTMs, the two probes that rank by default, and Model Spider were designed while looking at the
targets of `standard`. Then came targets of eight more families, of no source's family: climates from space, slices of
a brain, drawn faces, views of 3-D models, spoken languages, notes of instruments, pages of programs, paths of chaotic
systems. All 42 PTMs were fine-tuned on them. Mean weighted tau over the classifications of `standard` and over these,
where the truth is one run of each PTM (mean of the seeds there are)."""


def further_tables(root: Path) -> str:
    """What methods reach on targets of families that they were not designed on, beside those of `standard`."""
    folder = root / "docs/standard"
    runs = pd.read_csv(root / "data/published/standard/truth.csv").query("chosen == 1")
    runs = runs[runs["task"] == "image_classification"]
    further = pd.read_csv(folder / "further/truth.csv").query("chosen == 1")
    before, after = f"{runs['dataset'].nunique()} of standard", f"{further['dataset'].nunique()} further"
    means = {}
    for name, place, truth in ((before, folder, runs), (after, folder / "further", further)):
        scores = _with_both(pd.read_csv(place / "scores.csv"))
        means[name] = _singly(scores[scores["method"].isin(_scored_all(scores, truth))], truth)
    table = pd.DataFrame(means).dropna().sort_values(after, ascending=False)
    alike = weighted_tau(table[before].to_numpy(), table[after].to_numpy())
    words = f"Both order the {len(table)} methods that score every PTM on every target alike at a weighted tau of "
    words += f"{alike:.2f}. The first fifteen:"
    return f"{words}\n\n{_table(table.head(15).rename_axis('method'))}"


LONGER = """\
On four targets every PTM was fine-tuned once more for 120 steps instead of 40, with one seed. The first table has the
weighted tau of one run with the mean of the four runs of 40 steps that have other seeds. If both protocols gave the
same truth, a longer run would agree with these four as well as another run of 40 steps does."""


def longer_tables(root: Path) -> str:
    """How far the truth of three times as many steps agrees with that of `standard`, by target; what methods reach."""
    folder = root / "docs/standard"
    every = pd.read_csv(folder / "longer/truth.csv")
    longer = every.query("seed == 0")
    runs = pd.read_csv(root / "data/published/standard/truth.csv").query("chosen == 1")
    runs = runs[runs["dataset"].isin(longer["dataset"])]
    short, long = "a run of 40 steps", "a run of 120 steps"
    one, others = _truth(runs.query("seed == 0")), _truth(runs.query("seed != 0"))
    agree = {short: weighted_taus(others, one), long: weighted_taus(others, _truth(longer))}
    scores = _with_both(pd.read_csv(folder / "scores.csv"))
    table = (
        pd.DataFrame({short: _singly(scores, runs), long: _mean_taus(scores, longer)})
        .dropna()
        .sort_values(long, ascending=False)
    )
    alike = weighted_tau(table[long].to_numpy(), table[short].to_numpy())
    words = "Mean weighted tau of methods where the truth is one run of each PTM (40 steps: mean of five seeds); all "
    words += f"{len(table)} are ordered alike at a weighted tau of {alike:.2f}. The first twelve:"
    targets = pd.DataFrame(agree, index=others.index.rename("target"))
    text = f"{_table(targets)}\n{words}\n\n{_table(table.head(12).rename_axis('method'))}"
    again = every.groupby(["dataset", "ptm"]).filter(lambda one: len(one) > 1)
    return text if again.empty else f"{text}\n{AGAIN}\n\n{_table(left_to_select(runs, again, scores))}"


AGAIN = """\
On two targets the plain EfficientNet-Lite0 and the 13 PTMs trained further from it have three longer runs each. The
spread of PTMs is the standard deviation of their true accuracies, in points, estimated by an analysis of variance;
the noise is that of one run, over seeds. The last two columns are the median weighted tau of the ten methods that
rank these PTMs best by the runs of 40 steps."""


def left_to_select(short: pd.DataFrame, longer: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """By target: spread of PTMs and noise of a run, in points, by both protocols; correlation of the PTMs' means; what
    the ten methods that lead by `short` reach by either.

    short, longer: dataset, ptm, seed, test; of `short` only the pairs that `longer` has count. scores: dataset, ptm,
    method, score.
    """
    rows = {}
    for target, many in longer.groupby("dataset"):
        long = many.pivot(index="ptm", columns="seed", values="test")
        here = short[short["ptm"].isin(long.index) & (short["dataset"] == target)]
        few = here.pivot(index="ptm", columns="seed", values="test")
        row = {}
        for name, runs in (("40 steps", few), ("120 steps", long)):
            noise = runs.var(axis=1).mean()
            spread = runs.mean(axis=1).var() - noise / runs.shape[1]
            row |= {f"spread, {name}": 100 * max(spread, 0) ** 0.5, f"noise, {name}": 100 * noise**0.5}
        row["correlation of means"] = few.mean(axis=1).corr(long.mean(axis=1))
        of_these = scores[scores["ptm"].isin(long.index)]
        taus = pd.DataFrame({name: _mean_taus(of_these, runs) for name, runs in (("40", here), ("120", many))})
        leading = taus.sort_values("40", ascending=False).head(10).median()
        rows[target] = row | {f"leading ten, {steps} steps": leading[steps] for steps in ("40", "120")}
    return pd.DataFrame(rows).T.rename_axis("target")


def _truth(runs: pd.DataFrame) -> pd.DataFrame:
    """The mean of the runs: a row per target, a column per PTM."""
    return runs.groupby(["dataset", "ptm"])["test"].mean().unstack()


def _mean_taus(scores: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """Mean weighted tau by method, over the targets of `runs` on which the method scores every PTM."""
    truth = runs.groupby(["dataset", "ptm"])["test"].mean()
    found = {}
    for (method, dataset), rows in scores[scores["dataset"].isin(runs["dataset"])].groupby(["method", "dataset"]):
        of = truth[dataset]
        values = rows.set_index("ptm")["score"].reindex(of.index)
        if values.notna().all() and values.nunique() > 1:
            found[method, dataset] = weighted_tau(of.to_numpy(), values.to_numpy())
    return pd.Series(found).groupby(level=0).mean()


def _scored_all(scores: pd.DataFrame, runs: pd.DataFrame) -> pd.Index:
    """The methods that score every pair of `runs`."""
    pairs = runs[["dataset", "ptm"]].drop_duplicates()
    counts = scores.dropna(subset="score").merge(pairs).groupby("method").size()
    return counts.index[counts == len(pairs)]


def _singly(scores: pd.DataFrame, runs: pd.DataFrame) -> pd.Series:
    """`_mean_taus` where the truth is one run of each PTM: its mean over the seeds."""
    return pd.concat([_mean_taus(scores, rows) for _, rows in runs.groupby("seed")], axis=1).mean(axis=1)


# --- what stands between marks ---------------------------------------------------------------------------------------


def renewed(root: Path) -> dict[Path, str]:
    """Every page with a place for committed results, as it should be.

    Raises FileError where a page has no such place, or a result is not committed.
    """
    found: dict[Path, str] = {}
    for page, table, make in PLACES:
        try:
            text = make(root / "docs")
        except FileNotFoundError as error:
            name = Path(error.filename).relative_to(root)
            raise FileError(f"{name}: not committed; `python -m orbweaver.pipeline.publish` makes it") from None
        path = root / page
        found[path] = between(found.get(path) or path.read_text(encoding="utf-8"), page, table, text)
    return found


def _file(name: str) -> Callable[[Path], str]:
    return lambda docs: (docs / name).read_text(encoding="utf-8")


def blind_table(docs: Path) -> str:
    """What rankings that never look at the target reach on published tables; mean weighted tau over their targets."""
    replays = pd.read_csv(docs / "replays/replays.csv").query("known == 0")
    order, names = list(dict.fromkeys(replays["zoo"])), ["parameters", "source_accuracy", "mean_truth_elsewhere"]
    means = replays.pivot(index="zoo", columns="method", values="mean").reindex(order, columns=names)
    return _table(means)


def laboratories_table(docs: Path) -> str:
    """How far laboratories agree that fine-tuned the same PTMs on the same datasets; a row has one truth."""
    agreement = pd.read_csv(docs / "replays/agreement.csv")
    names = list(dict.fromkeys(agreement["truth"]))
    means = agreement.groupby(["truth", "scores"])["weighted_tau"].mean().unstack()
    return _table(means.reindex(index=names, columns=names))


def inside_table(docs: Path) -> str:
    """Scores of the last layer and from inside on `standard`, by architecture; mean weighted tau over its targets."""
    names = ["logme", "logme_inner", "probe", "probe_inner", BOTH]
    scores = pd.read_csv(docs / "standard/scores.csv").query("method in @names")
    # The Borda count is over the PTMs that are compared, those of one architecture.
    of = scores["ptm"].str.partition("_")[0]
    scores = pd.concat([_with_both(rows) for _, rows in scores.groupby(of)], ignore_index=True)
    runs = pd.read_csv(docs.parent / "data/published/standard/truth.csv").query("chosen == 1")
    means = {
        f"{of.replace('lite', 'EfficientNet-Lite')}, {task.replace('_', ' ')}": _mean_taus(
            scores[scores["ptm"].str.startswith(f"{of}_")], rows
        )
        for (task, of), rows in runs.groupby(["task", runs["ptm"].str.partition("_")[0]])
    }
    return _table(pd.DataFrame(means).T[names].rename_axis("PTMs of, targets"))


BOTH = "probe, probe_inner"  # the two methods that rank by default


def _with_both(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores, and for each target the Borda count of the two probes as one more method."""
    parts = [scores]
    for dataset, rows in scores.groupby("dataset"):
        wide = rows.pivot(index="ptm", columns="method", values="score")
        both = borda({name: wide[name].to_numpy() for name in BOTH.split(", ")})
        parts.append(pd.DataFrame({"dataset": dataset, "ptm": wide.index, "method": BOTH, "score": both}))
    return pd.concat(parts, ignore_index=True)


MINIS_FAMILIES = ("handwriting", "fonts", "atari", "sprites")  # of its sources


def elsewhere_table(docs: Path) -> str:
    """Mean weighted tau on mini's zoo, on the targets of `standard` that share no family with mini's sources."""
    folder = docs / "mini/standards_targets"
    runs = pd.read_csv(folder / "truth.csv").query("chosen == 1 and family not in @MINIS_FAMILIES")
    scores = _with_both(pd.read_csv(folder / "scores.csv"))
    means = {kind: _mean_taus(scores, rows) for kind, rows in runs.groupby("task")} | {"all": _mean_taus(scores, runs)}
    table = pd.DataFrame(means).rename(columns=lambda kind: kind.replace("_", " "))
    return _table(table.sort_values("all", ascending=False).rename_axis("method"))


def _table(values: pd.DataFrame) -> str:
    cells = values.map(lambda value: "-" if pd.isna(value) else f"{value:.2f}")
    return markdown(cells.rename(escaped).reset_index())


def public_table(docs: Path) -> str:
    """By task: what fine-tuning public PTMs gave beside their probe, and how wide and how right the ranges are."""
    rows = []
    for task, runs in pd.read_csv(docs / "public/tuned.csv").groupby("task", sort=False):
        found, _ = of_public(task)
        probe, real = runs["probe"].to_numpy(), runs["real"].to_numpy()
        if found.error:
            gain = f"{100 * (np.exp(-found.gain) - 1):+.0f} % of the error"
            width = f"{np.exp(-found.width):.2f} to {np.exp(found.width):.2f} times"
        else:
            gain = f"{100 * (real - probe).mean():+.1f} points"
            ends = [expected.ranges(found, np.array([one]), np.zeros(1))[1:] for one in probe]
            width = f"{100 * np.mean([high - low for low, high in ends]):.0f} points"
        row = {"task": escaped(task), "PTM": escaped(runs["ptm"].iloc[0]), "targets": str(len(runs))}
        rows.append(row | {"fine-tuning adds": gain, "inside 80 %": f"{found.inside:.0%}", "a range": width})
    return markdown(pd.DataFrame(rows))


PLACES: list[tuple[str, str, Callable[[Path], str]]] = [
    ("README.md", "result table", _file("standard/result_table.md")),
    ("docs/results/mini.md", "result table", _file("mini/result_table.md")),
    ("docs/results/mini.md", "rankers table", _file("mini/rankers_table.md")),
    ("docs/results/tasks.md", "result table", _file("tasks/result_table.md")),
    ("docs/results/tasks_standard.md", "result table", _file("tasks_standard/result_table.md")),
    ("docs/results/texts.md", "result table", _file("texts/result_table.md")),
    ("docs/results/texts.md", "rankers table", _file("texts/rankers_table.md")),
    ("docs/explanation/blind.md", "blind table", blind_table),
    ("docs/explanation/inside.md", "inside table", inside_table),
    ("docs/explanation/inside.md", "elsewhere table", elsewhere_table),
    ("docs/explanation/truth.md", "laboratories table", laboratories_table),
    ("docs/rank.md", "public table", public_table),
]


def main() -> None:
    root = Path(__file__).parents[2]
    for path, text in renewed(root).items():
        if path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            print(path.relative_to(root))


if __name__ == "__main__":
    main()
