"""python -m stages.reports: writes reports/; --show prints the table instead, --readme puts it into README.md."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from stages import files, params
from stages.errors import tell
from stages.reports import figures
from stages.reports.build import build
from stages.reports.evaluate import evaluate
from stages.reports.published import replay
from stages.reports.tables import markdown_table, text_table
from stages.zoo.cards import read_card

BEGIN, END = "<!-- result table -->", "<!-- end of result table -->"


def read_truth(p: params.Params) -> pd.DataFrame:
    """Mean and spread over seeds of the chosen runs: dataset, ptm, kind, value, noise (of one run), seeds."""
    columns = ["dataset", "learning_rate", "seed", "validation", "test", "chosen", "kind"]
    tables = [files.read_csv(files.finetune_path(ptm), columns).assign(ptm=ptm) for ptm in p.ptms]
    runs = pd.concat(tables).query("chosen == 1")
    runs = runs[runs["dataset"].isin(p.targets)]
    grouped = runs.groupby(["dataset", "ptm", "kind"], sort=False)["test"]
    return grouped.agg(value="mean", noise="std", seeds="count").reset_index()


def read_scores(p: params.Params) -> pd.DataFrame:
    columns = ["dataset", "ptm", "method", "score", "reason"]
    table = pd.concat([files.read_csv(files.scores_path(target), columns) for target in p.targets])
    return table[table["ptm"].isin(p.ptms) & table["method"].isin([*p.methods, "borda_trio", "borda_all"])]


def read_cards(p: params.Params) -> pd.DataFrame:
    fields = ["architecture", "source", "n_parameters", "source_accuracy"]
    return pd.DataFrame([{"ptm": ptm, **read_card(ptm).model_dump(include=set(fields))} for ptm in p.ptms])


def read_seconds(p: params.Params) -> pd.DataFrame | None:
    """What scoring cost on this machine, where it was done here."""
    kept = [files.seconds_path(target) for target in p.targets]
    return pd.concat(map(pd.read_csv, kept)) if all(path.exists() for path in kept) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--show", action="store_true", help="print the table, and what the scores cost here")
    action.add_argument("--readme", action="store_true", help="renew the table and the picture of README.md")
    args = parser.parse_args()
    p = params.load()
    if len(p.ptms) < 2:
        raise params.ParamsError("params.yaml: 'ptms' names fewer than two PTMs; there is nothing to rank")
    tables = read_truth(p), read_scores(p), read_cards(p)
    if args.readme:
        evaluation = evaluate(*tables, p.seed, p.reports.bootstrap)
        files.write_text(Path("docs/heat_map.svg"), figures.heat_map(evaluation))
        before, _, rest = Path("README.md").read_text(encoding="utf-8").partition(BEGIN)
        _, end, after = rest.partition(END)
        if not end:
            raise files.FileError(f"README.md: no place for the table; it stands between '{BEGIN}' and '{END}'")
        files.write_text(Path("README.md"), f"{before}{BEGIN}\n{markdown_table(evaluation)}{END}{after}")
    elif args.show:
        print(text_table(evaluate(*tables, p.seed, p.reports.bootstrap), read_seconds(p)))
    else:
        published = replay(seed=p.seed, n_resamples=p.reports.bootstrap)
        build(*tables, p.seed, Path("reports"), p.reports.bootstrap, published)


if __name__ == "__main__":
    tell(main)
