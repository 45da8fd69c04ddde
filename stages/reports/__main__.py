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
from stages.reports.published import replay
from stages.reports.tables import markdown_table, text_table
from stages.zoo.cards import read_card

BEGIN, END = "<!-- result table -->", "<!-- end of result table -->"


def read_truth(p: params.Params, task: params.Task) -> pd.DataFrame:
    """Mean and spread over seeds of the chosen runs: dataset, ptm, kind, value, noise (of one run), seeds."""
    columns = ["dataset", "learning_rate", "seed", "validation", "test", "chosen", "kind"]
    tables = [files.read_csv(files.finetune_path(ptm), columns).assign(ptm=ptm) for ptm in p.ptms_of(task)]
    runs = pd.concat(tables).query("chosen == 1")
    runs = runs[runs["dataset"].isin(p.targets_of(task))]
    grouped = runs.groupby(["dataset", "ptm", "kind"], sort=False)["test"]
    return grouped.agg(value="mean", noise="std", seeds="count").reset_index()


def read_scores(p: params.Params, task: params.Task) -> pd.DataFrame:
    columns = ["dataset", "ptm", "method", "score", "reason"]
    table = pd.concat([files.read_csv(files.scores_path(target), columns) for target in p.targets_of(task)])
    blindly = [f"{ranker}_k0" for ranker in p.spider.rankers if ranker in p.methods]
    methods = [*p.methods, *blindly, "borda_trio", "borda_all"]
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
    columns = ["dataset", "ptm", "encoder", "weight"]
    kept = [files.read_csv(path, columns) for target in p.targets if (path := files.weights_path(target)).exists()]
    table = pd.concat(kept, ignore_index=True).dropna(subset=["weight"]) if kept else pd.DataFrame()
    return table if len(table) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--show", action="store_true", help="print the table, and write the page")
    action.add_argument("--readme", action="store_true", help="renew the table and the picture of README.md")
    args = parser.parse_args()
    p = params.load()
    of_task = {task: (read_truth(p, task), read_scores(p, task), read_cards(p, task)) for task in p.tasks}
    if len(of_task) > 1:
        several(of_task, p, args)
        return
    ((truth, scores, cards),) = of_task.values()
    inside, weights, rankers, seconds = contents(p), read_weights(p), read_rankers(p), read_seconds(p)
    folder, resamples = Path("reports"), p.reports.bootstrap
    if args.readme:
        evaluation = evaluate(truth, scores, cards, p.seed, resamples)
        files.write_text(Path("docs/heat_map.svg"), figures.heat_map(evaluation))
        before, _, rest = Path("README.md").read_text(encoding="utf-8").partition(BEGIN)
        _, end, after = rest.partition(END)
        if not end:
            raise files.FileError(f"README.md: no place for the table; it stands between '{BEGIN}' and '{END}'")
        files.write_text(Path("README.md"), f"{before}{BEGIN}\n{markdown_table(evaluation)}{END}{after}")
        return
    published = replay(seed=p.seed, n_resamples=resamples)
    if args.show:
        evaluation = evaluate(truth, scores, cards, p.seed, resamples)
        drawn = draw(evaluation, truth, cards, weights, rankers)
        build_page(evaluation, truth, p.seed, folder, drawn, published, inside, seconds)
        print(text_table(evaluation, seconds))
        print(f"The same with figures: {folder / 'index.html'}")
    else:
        build(truth, scores, cards, p.seed, folder, resamples, published, inside, weights, rankers, seconds)


if __name__ == "__main__":
    tell(main)
