"""Checks names that a user gives against the known ones, and lists names in messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from orbweaver.core.errors import UnknownName

LISTED = 100  # names at most in a message; the project's own lists are shorter, a library's list of models is cut


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message about an unknown name: suggests the nearest known one, or lists the known ones."""
    known = sorted(known)
    near = get_close_matches(name, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {first_few(known, LISTED)}"


def check_known(name: str, known: Iterable[str], what: str) -> None:
    """Raises UnknownName when `name` is none of `known`. what: the kind of name, for the message."""
    known = list(known)
    if name not in known:
        raise UnknownName(f"unknown {what} '{name}': {did_you_mean(name, known)}")


def first_few(names: Sequence[str], most: int = 4, between: str = ", ") -> str:
    """The first names of a list, for a message, and how many more there are."""
    return between.join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
