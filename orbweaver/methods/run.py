"""Hands each method what its signature names; what cannot be computed is NaN with the reason."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from orbweaver.core.names import check_known

from ._checked import ScoreError
from .catalogue import METHODS
from .inputs import ScoreInputs

Value = TypeVar("Value")


def score(methods: Iterable[str], inputs: ScoreInputs) -> list[dict]:
    """One row a method: `method`, `score` (NaN where there is none), `reason` (why there is none), `seconds`.

    Raises UnknownName for a method that does not exist; MethodError, which names method, PTM and dataset, for whatever
    a method raises beside ScoreError.
    """
    rows = []
    for name in methods:
        check_known(name, METHODS, "method")
        value, reason, start = math.nan, "", time.perf_counter()
        try:
            value = called(name, METHODS[name], inputs)
        except ScoreError as error:
            reason = str(error)
        rows.append({"method": name, "score": value, "reason": reason, "seconds": time.perf_counter() - start})
    return rows


def called(name: str, method: Callable[..., Value], inputs: ScoreInputs) -> Value:
    """A method's value for the inputs.

    Raises ScoreError with the reason where it has none, MethodError for whatever else goes wrong.
    """
    wanted = inspect.signature(method).parameters.values()
    for each in wanted:
        if each.default is each.empty and getattr(inputs, each.name) is None:
            raise ScoreError(inputs.missing(each.name))
    try:
        return method(**{each.name: inputs.prepared(each.name) for each in wanted})
    except ScoreError:
        raise
    except Exception as error:
        raise inputs.error(f"{type(error).__name__}: {error}", name) from error
