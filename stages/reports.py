"""python -m stages.reports: writes reports/; --show prints the table, --readme puts it into README.md.

The page, reports/index.html, tells what scoring cost in seconds. These never repeat, so it is no output of DVC's: this
command writes it anew each time, with --show too, from what is here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from orbweaver.core.errors import FileError, tell
from orbweaver.core.files import write_text
from orbweaver.core.workspace import Workspace
from orbweaver.metrics.tau import tau_by_k
from orbweaver.pipeline.params import Params, ParamsError, load
from orbweaver.report import figures, results
from orbweaver.report.build import build
from orbweaver.report.evaluate import evaluate
from orbweaver.report.inside import inside
from orbweaver.report.published import replay
from orbweaver.report.tables import markdown_table, rankers_table, text_table


def renew(page: Path, table: str, text: str) -> None:
    """Puts a table between its two marks in a page. Raises FileError when they are not there."""
    begin, end = f"<!-- {table} -->", f"<!-- end of {table} -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, last, after = rest.partition(end)
    if not found or not last:
        raise FileError(f"{page}: no place for the {table}; it stands between '{begin}' and '{end}'")
    write_text(page, f"{before}{begin}\n{text}{end}{after}")


def renew_readme(workspace: Workspace, params: Params) -> None:
    """The table of the benchmark; of one zoo also its heat map and the table of its rankers."""
    zoos = results.zoos(workspace, params)
    evaluations = {name: evaluate(zoo, params.seed, params.reports.bootstrap) for name, zoo in zoos.items()}
    readme = workspace.root / "README.md"
    if len(evaluations) > 1:
        renew(readme, "tasks table", markdown_table(evaluations))
        return
    (evaluation,) = evaluations.values()
    write_text(workspace.root / "docs/heat_map.svg", figures.heat_map(evaluation))
    renew(readme, "result table", markdown_table(evaluations))
    if (rankers := results.rankers(workspace, params)) is not None:
        of_headline = tau_by_k(rankers, evaluation.truth.loc[evaluation.headline])
        renew(readme, "rankers table", rankers_table(of_headline, results.chosen_k(workspace, params)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--show", action="store_true", help="print the table, and write the page")
    action.add_argument("--readme", action="store_true", help="renew the table and the picture of README.md")
    args = parser.parse_args()
    workspace = Workspace(Path())
    params = load(workspace.params)
    if sum(ptm.candidate for ptm in params.ptms.values()) < 2:
        raise ParamsError("params.yaml: 'ptms' names fewer than two candidates; there is nothing to rank")
    if args.readme:
        renew_readme(workspace, params)
        return
    seed, resamples, seconds = params.seed, params.reports.bootstrap, results.seconds(workspace, params)
    with workspace.cache.noting("reports"):
        report = build(
            results.zoos(workspace, params),
            seed,
            resamples,
            replay=replay(workspace.published, seed, resamples),
            inside=inside(workspace, params),
            weights=results.weights(workspace, params),
            rankers=results.rankers(workspace, params),
            seconds=seconds,
        )
    if args.show:
        write_text(workspace.page(), report.page)
        print(text_table(report.evaluations, seconds))
        print(f"The same with figures: {workspace.page()}")
    else:
        report.write(workspace.reports())


if __name__ == "__main__":
    tell(main)
