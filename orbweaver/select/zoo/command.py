"""`orbweaver zoo`: the public PTMs that can be ranked, what is known of them, and which would be."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from orbweaver.select.zoo.limits import AFFORDABLE, COUNT, Limits

if TYPE_CHECKING:
    import pandas as pd

    from orbweaver.select.zoo.candidates import Candidate

ZOO = """Lists the public PTMs that `orbweaver rank` would choose, or tells what is known of one.

Nothing is downloaded. `here` marks PTMs whose weights are on this disk.
"""
COSTS = ("max_parameters", "max_gmacs", "max_memory", "latency")
OTHERS = ("licence", "family", "on_disk")
PLACES = {"top1": "ImageNet", "real": "ReaL", "v2": "V2", "r": "R", "a": "A", "sketch": "Sketch"}


def add(commands: argparse._SubParsersAction) -> None:
    raw = argparse.RawDescriptionHelpFormatter
    zoo = commands.add_parser("zoo", help="the public PTMs, and what is known of them", description=ZOO,
                              formatter_class=raw)  # fmt: skip
    zoo.set_defaults(run=run_zoo)
    zoo.add_argument("name", metavar="NAME", nargs="?", help="explain this one, such as timm/resnet50.a1_in1k")
    zoo.add_argument("--texts", action="store_true", help="encoders of texts instead of pictures")
    zoo.add_argument("--all", action="store_true", help="all that keep the limits, not only those that would be ranked")
    add_limits(zoo)


def add_limits(parser: argparse.ArgumentParser) -> None:
    """The options that say which public PTMs can be afforded."""
    parser.add_argument("--candidates", type=positive, metavar="N", help=f"how many public PTMs to choose ({COUNT})")
    parser.add_argument("--max-parameters", type=_amount, metavar="M", help="millions (100, where no limit is given)")
    parser.add_argument(
        "--max-gmacs", type=_amount, metavar="G", help="10^9 multiply-adds a sample (20, where no limit is given)"
    )
    parser.add_argument(
        "--max-memory", type=_amount, metavar="GB", help="of memory to fine-tune in batches of 16, estimated"
    )
    parser.add_argument("--latency", type=_amount, metavar="MS", help="to forward a sample, measured on this device")
    parser.add_argument("--licence", action="append", default=[], metavar="NAME", help="such as mit; repeatable")
    parser.add_argument("--family", action="append", default=[], metavar="NAME", help="such as convnext; repeatable")
    parser.add_argument("--on-disk", action="store_true", help="only PTMs whose weights are on this disk")


def limits_of(args: argparse.Namespace) -> Limits:
    """The limits that were asked for; without one that says what can be afforded, those of AFFORDABLE too."""
    costs = {name: getattr(args, name) for name in COSTS}
    start = AFFORDABLE if all(each is None for each in costs.values()) else Limits(**costs)
    return replace(start, licences=args.licence, families=args.family, on_disk=args.on_disk)


def is_limited(args: argparse.Namespace) -> bool:
    """Was any limit asked for?"""
    return any(getattr(args, name) not in (None, [], False) for name in ("candidates", *COSTS, *OTHERS))


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no number") from None
    if not value > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return value


def positive(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def run_zoo(args: argparse.Namespace) -> None:
    from orbweaver.select.zoo import candidates as choosing  # torch and timm take seconds to load

    if args.name:
        print(explained(args.name))
        return
    limits, everything = limits_of(args), choosing.known(args.texts)
    passing = choosing.fitting(everything, limits)
    unmeasured = limits.latency is None and limits.max_memory is None
    count = len(passing) if args.all else args.candidates or COUNT
    chosen = choosing.all_of(passing) if args.all and unmeasured else choosing.candidates(args.texts, count, limits)
    places = {name: i + 1 for i, name in enumerate(everything.index)}
    print(as_text(chosen, places))
    asked = {"M parameters": limits.max_parameters, "GMACs": limits.max_gmacs, "GB": limits.max_memory}
    said = ", ".join(f"{most:g} {unit}" for unit, most in asked.items() if most is not None)
    said = f" ({said})" if said else ""
    print(f"\n{len(chosen)} of {len(passing):,} that keep the limits{said}, of {len(everything):,}"
          + ("" if args.all else "; --all lists all of them"))  # fmt: skip


def as_text(chosen: list[Candidate], places: dict[str, int]) -> str:
    """The candidates for a terminal; `places` by expectation among all."""
    expects = any(one.prior == one.prior for one in chosen)
    cells = {
        "PTM": [one.name for one in chosen],
        "place": [f"{places[one.name]:,}" for one in chosen] if expects else None,
        "top-1": [f"{one.top1:.1f}" if one.top1 == one.top1 else "-" for one in chosen] if expects else None,
        "parameters": [f"{one.parameters / 1e6:.1f} M" for one in chosen],
        "GMACs": [f"{one.gmacs:.1f}" for one in chosen],
        "memory": [f"{o.memory:.1f} GB" for o in chosen] if any(o.memory == o.memory for o in chosen) else None,
        "ms": [f"{one.latency:.1f}" for one in chosen] if any(o.latency == o.latency for o in chosen) else None,
        "here": ["yes" if one.on_disk else "" for one in chosen],
        "pre-training": [one.pretraining for one in chosen],
        "licence": [one.licence for one in chosen],
    }
    shown = {column: each for column, each in cells.items() if each is not None}
    widths = {column: max(len(column), *map(len, each)) for column, each in shown.items()}
    rows = [list(shown), *(list(row) for row in zip(*shown.values(), strict=True))]
    left = ("PTM", "pre-training", "licence")
    lines = [
        "  ".join(cell.ljust(width) if column in left else cell.rjust(width)
                  for cell, (column, width) in zip(row, widths.items(), strict=True)).rstrip()
        for row in rows
    ]  # fmt: skip
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def explained(name: str) -> str:
    """What is known of one PTM, where that is from, and what is expected of it. Raises UnknownName."""
    from orbweaver.select.zoo import candidates as choosing
    from orbweaver.select.zoo.named import check_public

    tables = [choosing.known(texts=False), choosing.known(texts=True)]
    names = [each for table in tables for each in table.index]
    name = name if name in names or f"timm/{name}" not in names else f"timm/{name}"
    check_public(name, names)
    table = next(table for table in tables if name in table.index)
    row = table.loc[name]
    return "\n".join([name, *(f"  {what:14}{words}" for what, words in _facts(name, row, table))])


def _facts(name: str, row: pd.Series, table: pd.DataFrame) -> list[tuple[str, str]]:
    import timm

    from orbweaver.select.facts.counting import TOKENS
    from orbweaver.select.prior.prior import parts
    from orbweaver.select.zoo.candidates import BATCH, memory_of

    picture = name.startswith("timm/")
    said_by = f"timm {timm.__version__}" if picture else "its model card"
    a_sample = f"{row['img_size']} px" if picture else f"{TOKENS} tokens"
    told = [
        ("family", f"{row['family']} ({row['kind']})"),
        ("pre-training", f"{row['pretraining']}{', by its name' if picture else ''}"),
        ("licence", f"{row['licence']}, says {said_by}"),
        ("parameters", f"{row['parameters'] / 1e6:.1f} M"),
        ("GMACs", f"{row['gmacs']:.2f} at {a_sample}"),
        ("memory", f"{memory_of(name):.1f} GB to fine-tune batches of {BATCH} in float32, an estimate"),
    ]
    if not picture and isinstance(row["language"], str):
        told.append(("language", f"{row['language']}, says {said_by}"))
    if row["top1"] == row["top1"]:
        each = ", ".join(f"{words} {row[column]:.1f}" for column, words in PLACES.items() if row[column] == row[column])
        told.append(("accuracy", f"{each} (%; timm's results, 2026-08)"))
    if row["prior"] == row["prior"]:
        place = table.index.get_loc(name) + 1
        why = ", ".join(f"{fact} {value:+.2f}" for fact, value in parts(table.loc[[name]]).iloc[0].items() if value)
        told.append(
            (
                "expected",
                f"place {place:,} of {len(table):,}; prior {row['prior']:+.2f} = {why} (`orbweaver explain prior`)",
            )
        )
    else:
        told.append(("expected", "nothing: no published table says how well text encoders do"))
    told.append(("weights", "on this disk" if row["on_disk"] else "not on this disk; ranking fetches them"))
    return told
