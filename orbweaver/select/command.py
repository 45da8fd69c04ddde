"""orbweaver: which pre-trained model should be fine-tuned for this dataset?

Exit status: 0 done, 1 the data or the PTMs are at fault, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from orbweaver.core.errors import UserError, tell
from orbweaver.core.workspace import Workspace
from orbweaver.select import zoo_command
from orbweaver.tasks import ZOO

if TYPE_CHECKING:
    import pandas as pd

RANK = """Ranks PTMs for your own images or texts; nothing is written beside them.

PATH is a folder of images by class (class/xxx.jpg), a Parquet file or folder in the Hugging Face convention, or a CSV
of paths or texts, and labels. What was forwarded or fine-tuned is kept in your cache folder.
"""
DATA = "the datasets that a benchmark can be made of"


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="orbweaver", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    rank = commands.add_parser("rank", help="rank PTMs for your own data", description=RANK, formatter_class=raw)
    rank.set_defaults(run=run_rank)
    rank.add_argument("path", metavar="PATH")
    rank.add_argument("--ptm", action="append", metavar="NAME", help="timm/NAME, or one of the benchmark; repeatable")
    rank.add_argument("--zoo", metavar="FILE", help="PTMs to rank, one name a line")
    rank.add_argument("--method", action="append", metavar="NAME", help="how to rank; of several, their Borda count")
    rank.add_argument("--budget", type=_positive, default=500, metavar="N", help="samples of a class to look at (500)")
    rank.add_argument("--verify", type=_positive, default=0, metavar="K", help="fine-tune the first K here")
    rank.add_argument("--task", choices=[*ZOO], metavar="TASK", help="what it is, if not what it looks like")
    rank.add_argument("--image-column", metavar="NAME")
    rank.add_argument("--text-column", metavar="NAME")
    rank.add_argument("--label-column", metavar="NAME")
    rank.add_argument(
        "--benchmark", metavar="DIR", help="the benchmark to learn from; the current folder, if it is one"
    )
    rank.add_argument("--output", type=_table, metavar="FILE", help="write the table there, as .csv or .json")
    rank.add_argument("--json", action="store_true", help="print JSON instead of the table")

    data = commands.add_parser("data", help=DATA, description=f"Lists {DATA}.")
    data.set_defaults(run=run_data)
    data.add_argument(
        "--check", action="store_true", help="of the published ones: which are here, and how large the rest is"
    )
    zoo_command.add(commands)
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _table(text: str) -> Path:
    if (path := Path(text).expanduser()).suffix not in (".csv", ".json"):
        raise argparse.ArgumentTypeError("a .csv or .json file")
    return path


def as_json(table: pd.DataFrame) -> str:
    """The ranking as one JSON object: what `attrs` hold, and `ranking`, a list of rows; null for what is unknown."""
    rows = json.loads(table.to_json(orient="records", double_precision=10))
    return json.dumps({**table.attrs, "ranking": rows}, indent=2, ensure_ascii=False)


def as_text(table: pd.DataFrame) -> str:
    """The ranking for a terminal."""
    about = table.attrs
    classes = f", {about['classes']} classes" if about["classes"] else ""
    held_out = f" ({about['held_out']} more kept apart)" if about["held_out"] else ""
    head = f"{about['target']}: {about['task']}, {about['samples']} {about['what']}{held_out}{classes}"
    head += f"; by {', '.join(about['methods'])}"
    known = table["expected"].notna()
    cells = {
        "rank": [f"{rank:.0f}" if rank == rank else "-" for rank in table["rank"]],
        "PTM": table["ptm"],
        "score": [f"{score:.4g}" if score == score else "-" for score in table["score"]],
    }
    if known.any():
        cells["expected"] = [f"{value:.2f}" if ok else "-" for value, ok in zip(table["expected"], known, strict=True)]
        ends = zip(table["low"], table["high"], known, strict=True)
        cells["80 % range"] = [f"{low:.2f} .. {high:.2f}" if ok else "-" for low, high, ok in ends]
    if "real" in table:
        cells["real"] = [f"{value:.3f}" if value == value else "" for value in table["real"]]
    cells["first"] = [f"{share:.0%}" if share >= 0.005 else "" for share in table["first"]]
    cells["parameters"] = [f"{count / 1e6:.1f} M" for count in table["parameters"]]
    cells["cost"] = [
        f"{seconds:.1f} s" + ("" if forwards else ", kept")
        for forwards, seconds in zip(table["forwards"], table["seconds"], strict=True)
    ]
    widths = {column: max(len(column), *map(len, each)) for column, each in cells.items()}
    lines = ["  ".join(_align(column, column, width) for column, width in widths.items())]
    lines += ["-" * len(lines[0])]
    for row in zip(*cells.values(), strict=True):
        aligned = (_align(column, cell, width) for (column, width), cell in zip(widths.items(), row, strict=True))
        lines.append("  ".join(aligned).rstrip())
    lines += ["-" * len(lines[0])]
    reasons = table[table["score"].isna()]
    notes = [f"{row.ptm} has no score: {row.reason}" for row in reasons.itertuples()] + about["notes"]
    return "\n".join([head, "", *lines, *about["advice"], "", *(f"- {note}" for note in notes)])


def _align(column: str, cell: str, width: int) -> str:
    return cell.ljust(width) if column == "PTM" else cell.rjust(width)


def write(table: pd.DataFrame, output: Path) -> None:
    text = as_json(table) + "\n" if output.suffix == ".json" else table.to_csv(index=False, lineterminator="\n")
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output}: cannot be written ({error.strerror})") from None


def run_rank(args: argparse.Namespace) -> None:
    from orbweaver.select.ranking import rank  # torch takes seconds to load; --help and wrong usage need not wait
    from orbweaver.select.zoo import names_in

    named = (names_in(args.zoo) if args.zoo else []) + (args.ptm or [])
    table = rank(
        args.path,
        workspace=Workspace(Path(args.benchmark).expanduser()) if args.benchmark else None,
        ptms=named if args.zoo or args.ptm else None,
        methods=args.method,
        budget=args.budget,
        verify=args.verify,
        task=args.task,
        image_column=args.image_column,
        text_column=args.text_column,
        label_column=args.label_column,
    )
    for warning in table.attrs["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if args.output:
        write(table, args.output)
    print(as_json(table) if args.json else as_text(table))


def run_data(args: argparse.Namespace) -> None:
    from orbweaver.data import datasets
    from orbweaver.select.settings import benchmark_here, settings_of

    if args.check:
        settings = settings_of(benchmark_here())
        print(datasets.check(Workspace(Path()), [*settings.sources, *settings.targets]))
    else:
        width = max(map(len, datasets.TASKS_OF))
        print("\n".join(f"{name:{width}}  {task}" for name, task in datasets.TASKS_OF.items()))


def main(arguments: list[str] | None = None) -> None:
    args = parsed(arguments)
    # Before OpenMP loads: threads that wait sleep, or another process makes them up to thirty times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        tell(lambda: args.run(args))
    except KeyboardInterrupt:
        print(
            "interrupted; what was forwarded or fine-tuned is kept, and the same command goes on there", file=sys.stderr
        )
        sys.exit(130)
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
