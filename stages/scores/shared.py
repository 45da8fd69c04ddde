"""Work that several methods need from the same arrays, done once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_memory: dict | None = None


@contextmanager
def shared_work() -> Iterator[None]:
    """Inside this context a `remembered` function computes once per set of arrays; outside nothing is kept.

    Arrays are told apart by identity, not content: hand the same objects to each method, and do not write into
    them before the context ends. A context within a context adds to the outer one. Not for several threads.
    """
    global _memory
    outer = _memory
    _memory = {} if outer is None else outer
    try:
        yield
    finally:
        _memory = outer


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Let `shared_work` keep what a pure function makes of arrays (and of plain values).

    For positional arguments only. All callers get the same result object and must not write into it.
    """

    @wraps(function)
    def shared(*arguments):
        if _memory is None:
            return function(*arguments)
        key = (function, *(a if isinstance(a, int | float | str) else id(a) for a in arguments))
        if key not in _memory:
            # The arguments stay beside the result: a freed array could lend its id to another one.
            _memory[key] = (arguments, function(*arguments))
        return _memory[key][1]

    return shared
