"""Hands each method the arrays that its signature names; what cannot be computed is NaN with the reason."""

from __future__ import annotations

import inspect
import math
import time
import warnings
from collections.abc import Iterable

import numpy as np

from stages.scores import METHODS, Adjusted, ScoreError, shared_work

MISSING = {
    "probabilities": "the PTM has no source head",
    "source_features": "no images of the PTM's source here",
    "source_labels": "no images of the PTM's source here",
    "source_accuracy": "the PTM's accuracy on its source is not known",
    "labels": "the target has no classes",
}


def score(methods: Iterable[str], arrays: dict[str, np.ndarray | float | None]) -> list[dict]:
    """One row a method: `method`, `score` (NaN where there is none), `reason` (why there is none, or how it
    was adjusted), `seconds`.

    `arrays` maps what methods may ask for (see `stages.scores`) to arrays; None or absent means not available.
    """
    have = {name: value for name, value in arrays.items() if value is not None}
    rows = []
    with shared_work():
        for method in methods:
            wanted = inspect.signature(METHODS[method]).parameters.values()
            lacking = [w.name for w in wanted if w.default is w.empty and w.name not in have]
            value, reason, start = math.nan, "", time.perf_counter()
            if lacking:
                reason = MISSING.get(lacking[0], f"no {lacking[0]}")
            else:
                try:
                    with warnings.catch_warnings(record=True) as heard:
                        warnings.simplefilter("always")
                        value = METHODS[method](**{w.name: have[w.name] for w in wanted if w.name in have})
                    reason = "; ".join(str(w.message) for w in heard if w.category is Adjusted)
                    for other in (w for w in heard if w.category is not Adjusted):
                        warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
                except ScoreError as error:
                    reason = str(error)
            rows.append({"method": method, "score": value, "reason": reason, "seconds": time.perf_counter() - start})
    return rows
