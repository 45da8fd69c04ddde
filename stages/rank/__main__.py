"""python -m stages.rank PATH: ranks PTMs for your own images; nothing is written beside them.

PATH is a folder of images by class (class/xxx.jpg), a Parquet file or folder in the Hugging Face convention, or a CSV
of paths and labels. Exit status: 0 ranked, 1 the data or the PTMs are at fault, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import pandas as pd

from stages.errors import tell
from stages.rank.reading import KINDS, DataError


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="orbweaver-rank", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )

    def positive(text: str) -> int:
        if (value := int(text)) < 1:
            raise argparse.ArgumentTypeError("must be 1 or more")
        return value

    parser.add_argument("path", metavar="PATH")
    parser.add_argument("--ptm", action="append", metavar="NAME", help="timm/NAME, or one of the benchmark; repeatable")
    parser.add_argument("--zoo", metavar="FILE", help="PTMs to rank, one name a line")
    parser.add_argument("--method", action="append", metavar="NAME", help="how to rank; of several, their Borda count")
    parser.add_argument("--budget", type=positive, default=500, metavar="N", help="images of a class to look at (500)")
    parser.add_argument("--verify", type=positive, default=0, metavar="K", help="fine-tune the first K here")
    parser.add_argument("--kind", choices=KINDS, help="what the labels are, if they do not look like it")
    parser.add_argument("--image-column", metavar="NAME")
    parser.add_argument("--label-column", metavar="NAME")
    parser.add_argument("--output", metavar="FILE", help="write the table there, as .csv or .json")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    args = parser.parse_args(arguments)
    if args.output and Path(args.output).suffix not in (".csv", ".json"):
        parser.error("--output: a .csv or .json file")
    return args


def as_json(table: pd.DataFrame) -> str:
    """The ranking as one JSON object: what `attrs` hold, and `ranking`, a list of rows; null for what is unknown."""
    rows = json.loads(table.to_json(orient="records", double_precision=10))
    return json.dumps({**table.attrs, "ranking": rows}, indent=2, ensure_ascii=False)


def as_text(table: pd.DataFrame) -> str:
    """The ranking for a terminal."""
    about = table.attrs
    classes = f", {about['classes']} classes" if about["classes"] else ""
    held_out = f" ({about['held_out']} more kept apart)" if about["held_out"] else ""
    head = f"{about['target']}: {about['kind']}, {about['images']} images{held_out}{classes}"
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
    rows = pd.DataFrame(cells)
    widths = {column: max(len(column), *rows[column].str.len()) for column in rows}
    lines = ["  ".join(_align(column, column, width) for column, width in widths.items())]
    lines += ["-" * len(lines[0])]
    lines += [
        "  ".join(_align(c, row[c], width) for c, width in widths.items()).rstrip() for row in rows.to_dict("records")
    ]
    lines += ["-" * len(lines[0])]
    reasons = table[table["score"].isna()]
    notes = [f"{row.ptm} has no score: {row.reason}" for row in reasons.itertuples()] + about["notes"]
    return "\n".join([head, "", *lines, *about["advice"], "", *(f"- {note}" for note in notes)])


def _align(column: str, cell: str, width: int) -> str:
    return cell.ljust(width) if column == "PTM" else cell.rjust(width)


def write(table: pd.DataFrame, output: str) -> None:
    path = Path(output).expanduser()
    text = as_json(table) + "\n" if path.suffix == ".json" else table.to_csv(index=False, lineterminator="\n")
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{output}: cannot be written ({error.strerror})") from None


def run(args: argparse.Namespace) -> None:
    from stages.rank.ranking import rank  # torch takes seconds to load; --help and wrong usage need not wait
    from stages.rank.zoo import names_in

    named = (names_in(args.zoo) if args.zoo else []) + (args.ptm or [])
    table = rank(
        args.path,
        ptms=named if args.zoo or args.ptm else None,
        methods=args.method,
        budget=args.budget,
        verify=args.verify,
        kind=args.kind,
        image_column=args.image_column,
        label_column=args.label_column,
    )
    for warning in table.attrs["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if args.output:
        write(table, args.output)
    print(as_json(table) if args.json else as_text(table))


def main(arguments: list[str] | None = None) -> None:
    args = parsed(arguments)
    try:
        tell(lambda: run(args))
    except KeyboardInterrupt:
        print(
            "interrupted; what was forwarded or fine-tuned is kept, and the same command goes on there", file=sys.stderr
        )
        sys.exit(130)
    except BrokenPipeError:  # `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
