"""python -m stages.reports: writes reports/; --show prints the table, --readme puts it into README.md.

The page, reports/index.html, tells what scoring cost in seconds. These never repeat, so it is no output of DVC's: this
command writes it anew each time, with --show too, from what is here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from stages import files, params
from stages.errors import tell
from stages.reports import figures, results, tasks
from stages.reports.build import build, build_page, draw
from stages.reports.evaluate import evaluate
from stages.reports.inside import inside as contents
from stages.reports.published import replay
from stages.reports.tables import markdown_table, rankers_table, text_table
from stages.reports.tau import tau_by_k


def renew(page: Path, table: str, text: str) -> None:
    """Puts a table between its two marks in a page. Raises FileError when they are not there."""
    begin, end = f"<!-- {table} -->", f"<!-- end of {table} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not found or not last:
        raise files.FileError(f"{page}: no place for the {table}; it stands between '{begin}' and '{end}'")
    files.write_text(page, f"{before}{begin}\n{text}{end}{after}")


def several(of_task: dict[str, tuple], p: params.Params, args: argparse.Namespace) -> None:
    """The same for a benchmark of several tasks."""
    evaluations = tasks.build(of_task, p.seed, Path("reports"), p.reports.bootstrap, results.weights(p))
    if args.readme:
        renew(Path("README.md"), "tasks table", tasks.markdown(evaluations))
    elif args.show:
        print(tasks.text(evaluations, results.seconds(p)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--show", action="store_true", help="print the table, and write the page")
    action.add_argument("--readme", action="store_true", help="renew the table and the picture of README.md")
    args = parser.parse_args()
    p = params.load()
    if len(p.ptms) < 2:
        raise params.ParamsError("params.yaml: 'ptms' names fewer than two PTMs; there is nothing to rank")
    of_task = {task: (results.truth(p, task), results.scores(p, task), results.cards(p, task)) for task in p.tasks}
    if len(of_task) > 1:
        several(of_task, p, args)
        return
    ((truth, scores, cards),) = of_task.values()
    inside, weights, rankers, seconds = contents(p), results.weights(p), results.rankers(p), results.seconds(p)
    folder, resamples = Path("reports"), p.reports.bootstrap
    if args.readme:
        evaluation = evaluate(truth, scores, cards, p.seed, resamples, results.target_blind(p))
        files.write_text(Path("docs/heat_map.svg"), figures.heat_map(evaluation))
        renew(Path("README.md"), "result table", markdown_table(evaluation))
        if rankers is not None:
            of_headline = tau_by_k(rankers, evaluation.truth.loc[evaluation.headline])
            renew(Path("README.md"), "rankers table", rankers_table(of_headline, results.chosen_k(p)))
        return
    published = replay(seed=p.seed, n_resamples=resamples)
    if args.show:
        evaluation = evaluate(truth, scores, cards, p.seed, resamples, results.target_blind(p))
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
            results.target_blind(p),
        )


if __name__ == "__main__":
    tell(main)
