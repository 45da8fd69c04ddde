"""Checks what `rank` is called with, so that a wrong argument is named before anything long runs."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from pathlib import Path

from orbweaver.core.cache import Cache
from orbweaver.core.errors import UserError
from orbweaver.core.workspace import Workspace


def names(argument: str, given: str | Iterable[str] | None) -> list[str] | None:
    """One name or several, as a list; None stays None. Raises UserError for anything that is no name."""
    if given is None:
        return None
    found = [*given] if isinstance(given, Iterable) and not isinstance(given, str) else [given]
    for one in found:
        if not isinstance(one, str):
            raise UserError(f"{argument}: {one!r} is no name; give a name or a list of names")
    return found


def check(
    path: object, budget: object, minutes: object, counts: Mapping[str, object], words: Mapping[str, object],
    workspace: object, cache: object,
) -> None:  # fmt: skip
    """Raises UserError naming the first argument of the wrong kind.

    counts: of PTMs, by argument. words: arguments that are text or None.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise UserError(f"path: {path!r} is no path; give a folder, a file or the id of a dataset on the hub")
    if not _whole(budget, 1):
        raise UserError(f"budget: {budget!r} is no number of samples, 1 or more")
    if minutes is not None and not (_is_number(minutes, Real) and 0 < minutes < math.inf):
        raise UserError(f"minutes: {minutes!r} is no number of minutes above 0")
    for argument, count in counts.items():
        if not _whole(count, 0):
            raise UserError(f"{argument}: {count!r} is no number of PTMs, 0 or more")
    for argument, word in words.items():
        if word is not None and not isinstance(word, str):
            raise UserError(f"{argument}: {word!r} is no text; give one name")
    for argument, given, kind in (("workspace", workspace, Workspace), ("cache", cache, Cache)):
        if given is not None and not isinstance(given, kind):
            made = f"{kind.__module__}.{kind.__name__}(Path(...))"
            raise UserError(f"{argument}: {given!r} is no {kind.__name__}; make one with {made}")


def _whole(value: object, least: int) -> bool:
    return _is_number(value, Integral) and value >= least


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def checkpoint_folder(name: str, tune_to: str | os.PathLike | None) -> Path:
    """The folder that the best fine-tuned PTM is left in, `tuned-NAME` unless `tune_to` says otherwise.

    Raises UserError when it cannot be written, or holds files that are no earlier checkpoint: none are overwritten.
    """
    if tune_to is not None and not isinstance(tune_to, str | os.PathLike):
        raise UserError(f"tune_to: {tune_to!r} is no path of a folder")
    folder = Path(tune_to or f"tuned-{name}").expanduser()
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "card.json").exists():
            raise UserError(f"{folder}: holds files that are no checkpoint; name a new folder with --tune-to")
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        reason = "" if os.access(there, os.W_OK | os.X_OK) else "no permission"
        reason = reason if there.is_dir() else "not a folder"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise UserError(f"{folder}: the checkpoint cannot be written there ({reason}); name a folder with --tune-to")
    return folder
