"""python -m stages.reports: writes reports/; --show prints the table, --readme puts it into README.md.

The page, reports/index.html, shows how many seconds scoring took. These differ from run to run, so the page is no
output of DVC: this command writes it anew each time, with --show too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from orbweaver.core.errors import tell
from orbweaver.core.files import write_text
from orbweaver.core.settings import candidates
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.params import Params, ParamsError, load
from orbweaver.report import results
from orbweaver.report.build import build
from orbweaver.report.inside import inside
from orbweaver.report.marked import between
from orbweaver.report.published import replay
from orbweaver.report.replays import ceilings
from orbweaver.report.shown import shown
from orbweaver.report.tables import text_table


def renew_readme(workspace: Workspace, params: Params) -> None:
    """Puts the table of the benchmark that was built here into README.md and, of one zoo, the heat map into docs."""
    made, readme = shown(workspace, params), workspace.root / "README.md"
    text = readme.read_text(encoding="utf-8")
    write_text(readme, between(text, readme, "result table", made["result_table.md"]))
    if "heat_map.svg" in made:
        write_text(workspace.root / "docs/heat_map.svg", made["heat_map.svg"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--show", action="store_true", help="print the table, and write the page")
    action.add_argument("--readme", action="store_true", help="renew the table and the picture of README.md")
    args = parser.parse_args()
    workspace = Workspace(Path())
    params = load(workspace.params)
    if len(candidates(params.ptms)) < 2:
        raise ParamsError("params.yaml: 'ptms' names fewer than two candidates; a ranking needs two or more")
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
            ceilings=ceilings(workspace.published, seed, resamples),
        )
    if args.show:
        write_text(workspace.page(), report.page)
        print(text_table(report.evaluations, seconds))
        print(f"The same with figures: {workspace.page()}")
    else:
        report.write(workspace.reports())


if __name__ == "__main__":
    tell(main)
