"""python -m stages.reports: writes reports/; --show prints the table, --readme puts it into README.md.

The page, reports/index.html, tells what scoring cost in seconds. These never repeat, so it is no output of DVC's: this
command writes it anew each time, with --show too, from what is here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from stages import files, params
from stages.errors import tell
from stages.reports import figures, tasks
from stages.reports.build import build, build_page, draw
from stages.reports.evaluate import evaluate
from stages.reports.inside import inside as contents
from stages.reports.priors import BLIND
from stages.reports.published import replay
from stages.reports.tables import markdown_table, rankers_table, text_table
from stages.reports.tau import tau_by_k
from stages.spider.checkpoint import load as load_spider
from stages.zoo.cards import read_card


def renew(page: Path, table: str, text: str) -> None:
    """Puts a table between its two marks in a page. Raises FileError when they are not there."""
    begin, end = f"<!-- {table} -->", f"<!-- end of {table} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not found or not last:
        raise files.FileError(f"{page}: no place for the {table}; it stands between '{begin}' and '{end}'")
    files.write_text(page, f"{before}{begin}\n{text}{end}{after}")


def chosen_k(p: params.Params) -> dict[str, int]:
    """How many PTMs each ranker forwards."""
    return {ranker: load_spider(files.ranker_path(ranker)).card.k for ranker in p.spider.rankers}


def read_truth(p: params.Params, task: params.Task) -> pd.DataFrame:
    """Mean and spread over seeds of the chosen runs: dataset, ptm, kind, value, noise (of one run), seeds."""
    columns = ["dataset", "learning_rate", "seed", "validation", "test", "chosen", "kind"]
    tables = [files.read_csv(files.finetune_path(ptm), columns).assign(ptm=ptm) for ptm in p.ptms_of(task)]
    runs = pd.concat(tables).query("chosen == 1")
    runs = runs[runs["dataset"].isin(p.targets_of(task))]
    grouped = runs.groupby(["dataset", "ptm", "kind"], sort=False)["test"]
    return grouped.agg(value="mean", noise="std", seeds="count").reset_index()


def listed_rankers(p: params.Params) -> list[str]:
    """The rankers that are methods of the benchmark; the others are there to be compared with them."""
    return [ranker for ranker in p.spider.rankers if ranker in p.methods]


def target_blind(p: params.Params) -> tuple[str, ...]:
    """The rankings that never look at the target, in the order of the tables."""
    return (*BLIND, *(f"{ranker}_constant" for ranker in listed_rankers(p)))


def read_scores(p: params.Params, task: params.Task) -> pd.DataFrame:
    columns = ["dataset", "ptm", "method", "score", "reason"]
    table = pd.concat([files.read_csv(files.scores_path(target), columns) for target in p.targets_of(task)])
    spiders = [f"{ranker}{form}" for ranker in listed_rankers(p) for form in ("_k0", "_constant")]
    methods = [*p.methods, *spiders, "borda_trio", "borda_all"]
    return table[table["ptm"].isin(p.ptms_of(task)) & table["method"].isin(methods)]


def read_cards(p: params.Params, task: params.Task) -> pd.DataFrame:
    fields = ["architecture", "source", "n_parameters", "source_accuracy"]
    return pd.DataFrame([{"ptm": ptm, **read_card(ptm).model_dump(include=set(fields))} for ptm in p.ptms_of(task)])


def read_seconds(p: params.Params) -> pd.DataFrame | None:
    """What scoring cost on this machine, where it was done here."""
    kept = [files.seconds_path(target) for target in p.targets]
    return pd.concat(map(pd.read_csv, kept)) if all(path.exists() for path in kept) else None


def several(of_task: dict[str, tuple], p: params.Params, args: argparse.Namespace) -> None:
    """The same for a benchmark of several tasks; --readme prints the table, since the README's is of the mini one."""
    evaluations = tasks.build(of_task, p.seed, Path("reports"), p.reports.bootstrap)
    if args.show or args.readme:
        print(tasks.markdown(evaluations) if args.readme else tasks.text(evaluations, read_seconds(p)))


def read_rankers(p: params.Params) -> pd.DataFrame | None:
    """What each Model Spider says of each PTM, by seed and by k."""
    columns = ["dataset", "ranker", "seed", "k", "ptm", "score"]
    kept = [files.read_csv(path, columns) for target in p.targets if (path := files.rankers_path(target)).exists()]
    table = pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()
    return table if len(table) else None


def read_weights(p: params.Params) -> pd.DataFrame | None:
    """EMMS' weights of the text encoders, where it was run."""
    columns = ["dataset", "ptm", "encoder"]
    kept = [files.read_csv(path, columns) for target in p.targets if (path := files.weights_path(target)).exists()]
    # A target that is its own label has no weights, nor has a benchmark without EMMS.
    if not kept:
        return None
    table = pd.concat(kept, ignore_index=True).reindex(columns=[*columns, "weight"]).dropna(subset=["weight"])
    return table if len(table) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--show", action="store_true", help="print the table, and write the page")
    action.add_argument("--readme", action="store_true", help="renew the table and the picture of README.md")
    args = parser.parse_args()
    p = params.load()
    if len(p.ptms) < 2:
        raise params.ParamsError("params.yaml: 'ptms' names fewer than two PTMs; there is nothing to rank")
    of_task = {task: (read_truth(p, task), read_scores(p, task), read_cards(p, task)) for task in p.tasks}
    if len(of_task) > 1:
        several(of_task, p, args)
        return
    ((truth, scores, cards),) = of_task.values()
    inside, weights, rankers, seconds = contents(p), read_weights(p), read_rankers(p), read_seconds(p)
    folder, resamples = Path("reports"), p.reports.bootstrap
    if args.readme:
        evaluation = evaluate(truth, scores, cards, p.seed, resamples, target_blind(p))
        files.write_text(Path("docs/heat_map.svg"), figures.heat_map(evaluation))
        renew(Path("README.md"), "result table", markdown_table(evaluation))
        if rankers is not None:
            of_headline = tau_by_k(rankers, evaluation.truth.loc[evaluation.headline])
            renew(Path("README.md"), "rankers table", rankers_table(of_headline, chosen_k(p)))
        return
    published = replay(seed=p.seed, n_resamples=resamples)
    if args.show:
        evaluation = evaluate(truth, scores, cards, p.seed, resamples, target_blind(p))
        drawn = draw(evaluation, truth, cards, weights, rankers)
        build_page(evaluation, truth, p.seed, folder, drawn, published, inside, seconds)
        print(text_table(evaluation, seconds))
        print(f"The same with figures: {folder / 'index.html'}")
    else:
        build(
            truth,
            scores,
            cards,
            p.seed,
            folder,
            resamples,
            published,
            inside,
            weights,
            rankers,
            seconds,
            target_blind(p),
        )


if __name__ == "__main__":
    tell(main)
