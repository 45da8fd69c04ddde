"""`orbweaver explain`: what a method, a task or a part of the ranking is, from the docstrings of their code."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from orbweaver.core.errors import UnknownName
from orbweaver.core.names import did_you_mean


def topics() -> dict[str, str]:
    """Everything that can be explained, with its first line."""
    return {name: _said(of).splitlines()[0] for name, of in _known().items()}


def explain(name: str) -> str:
    """What the code says of a method, a task or a part of the ranking. Raises UnknownName for anything else."""
    known = _known()
    if name in known:
        return f"{name}: {_said(known[name])}"
    near = did_you_mean(name, known)
    if not near.startswith("did"):  # the known names are too many for a message
        near = f"`orbweaver zoo {name}` tells of a PTM" if "/" in name else "`orbweaver explain` lists what there is"
    raise UnknownName(f"nothing is called '{name}': {near}")


def _said(of: object) -> str:
    """A docstring; of a function that is one line or none also that of the file it stands in."""
    own = inspect.getdoc(of) or ""
    if inspect.isroutine(of) and len(own.splitlines()) < 3:
        beside = inspect.getdoc(inspect.getmodule(inspect.unwrap(of))) or ""
        return "\n\n".join(part for part in (own, beside) if part)
    return own


def _known() -> dict[str, Callable[..., object] | object]:
    from importlib import import_module

    from orbweaver.methods import METHODS, borda
    from orbweaver.select.order import expected, order, race
    from orbweaver.select.order.order import SPIDER, TRIO_NAME
    from orbweaver.select.prior import prior
    from orbweaver.spider import ranker
    from orbweaver.tasks import ZOO

    more = {SPIDER: ranker, TRIO_NAME: borda, "race": race, "prior": prior, "expected": expected}
    more["half-samples"] = order.halves
    return {**METHODS, **more, **{name: import_module(f"orbweaver.tasks.{name}") for name in ZOO}}
