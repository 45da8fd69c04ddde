"""Progress that is seen in a terminal, in a notebook's log, and in a pipe or file as a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
EVERY = 10.0  # seconds between two lines where output is no terminal


def say(text: str) -> None:
    """One line for the user, who waits: on stderr, so that tables and JSON can be piped."""
    tqdm.write(text, file=sys.stderr)


def steps(items: Iterable[T], what: str, unit: str) -> Iterator[T]:
    """The items, with a bar in a terminal, else with a line every `EVERY` seconds that says how far it is."""
    items = list(items)
    total = len(items)
    if sys.stderr.isatty():
        yield from tqdm(items, desc=what, unit=unit, total=total, leave=False)
        return
    start = told = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if done and now - told >= EVERY:
            told = now
            say(f"{what}: {done} of {total} {unit}, {minutes((now - start) * (total - done) / done)} left")
        yield item


def counted(many: int, what: str) -> str:
    """So many of them: 1 PTM, 2 PTMs."""
    return f"{many} {what}" if many == 1 else f"{many} {what}s"


def minutes(seconds: float) -> str:
    """A duration as a person would say it."""
    if seconds < 1:
        return "under a second"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
