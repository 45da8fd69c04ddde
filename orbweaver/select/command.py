"""orbweaver: which pre-trained model should be fine-tuned for this dataset?

Exit status: 0 done, 1 the data or the PTMs are at fault, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from pathlib import Path

from orbweaver.core.errors import UserError, tell
from orbweaver.core.workspace import Workspace
from orbweaver.select.command_line import BUDGET
from orbweaver.select.zoo import command as zoo_command
from orbweaver.select.zoo.command import positive
from orbweaver.select.zoo.limits import COUNT
from orbweaver.select.zoo.public import NAME as PUBLIC
from orbweaver.select.zoo.public import Public
from orbweaver.tasks import ZOO

RANK = """Ranks PTMs for your own images or texts; nothing is written beside them.

PATH is a folder of images by class (class/xxx.jpg), a Parquet file or folder in the Hugging Face convention, a CSV or
JSON lines of paths or texts, and labels, or the id of a dataset on the hub. What was forwarded or fine-tuned is kept in
your cache folder.
"""
# Tasks that a user's own data can be of: those that public PTMs of images or texts can be fine-tuned to do.
OWN = [name for name, zoo in ZOO.items() if zoo in ("image_classification", "text_classification")]
EXPLAIN = "what a method, a task or a part of the ranking is"
DATA = "the datasets that a benchmark can be made of"


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="orbweaver", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    rank = commands.add_parser("rank", help="rank PTMs for your own data", description=RANK, formatter_class=raw)
    rank.set_defaults(run=run_rank)
    rank.add_argument("path", metavar="PATH", help="the data, in a form named above")
    rank.add_argument(
        "--ptm",
        action="append",
        metavar="NAME",
        help="a PTM to rank: timm/NAME, hub/OWNER/NAME, pypi/PACKAGE or one of the benchmark; repeatable",
    )
    rank.add_argument(
        "--zoo",
        metavar="FILE",
        help=f"PTMs to rank, one name a line; or '{PUBLIC}': chosen by the limits below. "
        f"Without --zoo, --ptm and a benchmark: '{PUBLIC}' where the hub answers, else what of it is on this disk",
    )
    rank.add_argument(
        "--method",
        action="append",
        metavar="NAME",
        help="a method to rank by, see `orbweaver explain`; repeatable: of several the mean rank counts (Borda)",
    )
    rank.add_argument(
        "--budget", type=_budget, default=(BUDGET, None), metavar="N",
        help=f"samples to look at, at most, of each class ({BUDGET}); or minutes of forwarding, as 10min",
    )  # fmt: skip
    rank.add_argument(
        "--verify", type=positive, default=0, metavar="K", help="fine-tune the first K here and measure them"
    )
    rank.add_argument(
        "--tune", type=positive, default=0, metavar="K", help="as --verify, and leave the best as a checkpoint"
    )
    rank.add_argument("--tune-to", metavar="DIR", help="the folder for that checkpoint (tuned-NAME)")
    rank.add_argument(
        "--task", choices=OWN, metavar="TASK", help=f"{', '.join(OWN)}; by default what the labels look like"
    )
    rank.add_argument("--image-column", metavar="NAME", help="of a table: the column of images or their paths")
    rank.add_argument("--text-column", metavar="NAME", help="of a table: the column of texts")
    rank.add_argument("--label-column", metavar="NAME", help="of a table: the column of labels")
    rank.add_argument(
        "--benchmark", metavar="DIR", help="the benchmark to learn from; the current folder, if it is one"
    )
    rank.add_argument("--output", type=_table, metavar="FILE", help="write the table there, as .csv or .json")
    rank.add_argument("--report", type=_html, metavar="FILE", help="write a page that opens offline, as .html")
    rank.add_argument("--json", action="store_true", help="print JSON instead of the table")
    zoo_command.add_limits(rank)

    explained = commands.add_parser("explain", help=EXPLAIN, description=f"Tells {EXPLAIN}.")
    explained.set_defaults(run=run_explain)
    explained.add_argument("name", nargs="?", metavar="NAME", help="without one, all that can be explained")

    data = commands.add_parser("data", help=DATA, description=f"Lists {DATA}.")
    data.set_defaults(run=run_data)
    data.add_argument(
        "--check", action="store_true", help="of the published ones: which are here, and how large the rest is"
    )
    zoo_command.add(commands)
    return parser.parse_args(arguments)


def _budget(text: str) -> tuple[int, float | None]:
    """Samples of a class, or minutes."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(m|min|minutes?|h|hours?)", text.strip())
    if found is None:
        if not re.fullmatch(r"-?\d+", text.strip()):
            raise argparse.ArgumentTypeError(f"'{text}' is neither a number of samples, as 200, nor minutes, as 10min")
        return positive(text), None
    minutes = float(found[1]) * (60 if found[2].startswith("h") else 1)
    if not minutes > 0:
        raise argparse.ArgumentTypeError("must be over 0 minutes")
    return BUDGET, minutes


def _html(text: str) -> Path:
    if (path := Path(text).expanduser()).suffix != ".html":
        raise argparse.ArgumentTypeError(f"'{text}' must be a .html file")
    return path


def _table(text: str) -> Path:
    if (path := Path(text).expanduser()).suffix not in (".csv", ".json"):
        raise argparse.ArgumentTypeError(f"'{text}' must be a .csv or .json file")
    return path


def run_rank(args: argparse.Namespace) -> None:
    from orbweaver.select.progress import say
    from orbweaver.select.ranking import rank  # takes seconds to load; --help and wrong usage need not wait
    from orbweaver.select.zoo.named import names_in

    limited = zoo_command.is_limited(args)
    if args.zoo == PUBLIC or (args.zoo is None and args.ptm is None and limited):
        ptms = Public(args.candidates or COUNT, zoo_command.limits_of(args), tuple(args.ptm or ()))
    elif limited:
        raise UserError(f"limits such as --max-parameters choose public PTMs: give them with --zoo {PUBLIC}")
    elif args.zoo or args.ptm:
        ptms = (names_in(args.zoo) if args.zoo else []) + (args.ptm or [])
    else:
        ptms = None
    samples, minutes = args.budget
    ranking = rank(
        args.path,
        workspace=Workspace(Path(args.benchmark).expanduser()) if args.benchmark else None,
        ptms=ptms,
        methods=args.method,
        budget=samples,
        minutes=minutes,
        verify=args.verify,
        tune=args.tune,
        tune_to=args.tune_to,
        task=args.task,
        image_column=args.image_column,
        text_column=args.text_column,
        label_column=args.label_column,
    )
    for warning in ranking.warnings:
        say(f"warning: {warning}")
    try:
        if args.output:
            ranking.write(args.output)
        if args.report:
            ranking.report(args.report)
    finally:  # what took hours is told even where it cannot be written
        print(ranking.to_json() if args.json else ranking)


def run_explain(args: argparse.Namespace) -> None:
    from orbweaver.select.explain import explain, topics

    if args.name:
        print(explain(args.name))
    else:
        known = topics()
        width = max(map(len, known))
        print("\n".join(f"{name:{width}}  {said}" for name, said in known.items()))


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
