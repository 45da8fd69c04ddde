"""python -m orbweaver.pipeline.publish NAME: puts a benchmark's results where git keeps them, as small tables.

docs/NAME/ gets scores, the report's tables and figures, dvc.lock, and the tables that README.md and docs/ show (`make
docs-results` puts them there). data/published/NAME/truth.csv gets every fine-tuning run: with `truth: NAME` in
params.yaml, only what this table lacks is fine-tuned, such as other PTMs, targets or further seeds.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from orbweaver.core.errors import UserError, tell
from orbweaver.core.files import write_text
from orbweaver.core.formats.tables import read_csv, write_csv
from orbweaver.core.names import check_known
from orbweaver.core.settings import candidates
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.choose import MINI, known
from orbweaver.pipeline.known import load_checked
from orbweaver.pipeline.params import Params
from orbweaver.pipeline.plan import LOCK, out_of_date

DIGITS = 6  # significant digits of scores, decimals of the truth: people read these tables


class PublishError(UserError):
    """There is nothing to publish yet."""


def publish(workspace: Workspace, params: Params, name: str) -> list[Path]:
    """Writes the tables and returns their paths. Raises FileError when a result is missing.

    truth.csv is written only where the truth is this benchmark's own, not a paper's table or another benchmark's.
    """
    folder, written = workspace.root / "docs" / name, []

    def put(table: pd.DataFrame, path: Path) -> None:
        write_csv(table, path)
        written.append(path)

    if params.truth in ("finetune", name):
        ptms = candidates(params.ptms)
        runs = [read_csv(workspace.truth(ptm), ["dataset", "seed", "test"]).assign(ptm=ptm) for ptm in ptms]
        table = pd.concat(runs, ignore_index=True).round(DIGITS)
        put(table[["ptm", *table.columns.drop("ptm")]], workspace.published / name / "truth.csv")
    scores = [read_csv(workspace.scores(target), ["dataset", "ptm", "method", "score"]) for target in params.targets]
    table = pd.concat(scores, ignore_index=True)
    table["score"] = table["score"].map(lambda score: float(f"{score:.{DIGITS}g}"))
    put(table, folder / "scores.csv")
    reports = workspace.reports()
    # A method's own scatter plot stays in the report: together these are ten megabytes.
    figures = [path for path in sorted((reports / "figures").glob("*.svg")) if "scatter_" not in path.name]
    for path in [*sorted(reports.glob("*.csv")), *figures, workspace.root / LOCK]:
        write_text(folder / path.name, path.read_text(encoding="utf-8"))
        written.append(folder / path.name)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="of the benchmark: mini, or a file of orbweaver/pipeline/benchmarks")
    name = parser.parse_args().name
    check_known(name, [MINI, *known()], "benchmark")  # a misspelt name would become a new folder
    workspace = Workspace(Path())
    params = load_checked(workspace)
    if stale := out_of_date(workspace):
        raise PublishError(f"{len(stale)} stages are out of date, such as {min(stale)}; run `make benchmark` first")
    from orbweaver.report.shown import shown  # takes seconds to load; --help and wrong usage need not wait

    written = publish(workspace, params, name)
    for file, text in shown(workspace, params).items():
        path = workspace.root / "docs" / name / file
        write_text(path, text)
        written.append(path)
    print(*dict.fromkeys(written), sep="\n")


if __name__ == "__main__":
    tell(main)
