"""`rank`: from a path to a ranking of PTMs, with what it is worth and what to do next."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from orbweaver.core.cache import Cache
from orbweaver.core.errors import UserError
from orbweaver.core.workspace import Workspace
from orbweaver.data.readers import own
from orbweaver.data.readers.own_listing import Listing
from orbweaver.select import arguments, cost
from orbweaver.select.command_line import command_line
from orbweaver.select.data import Data
from orbweaver.select.doctor import checks, doctor
from orbweaver.select.doctor.examples import Shown, examples
from orbweaver.select.hub import resolved
from orbweaver.select.job import Job
from orbweaver.select.order import order, race
from orbweaver.select.settings import benchmark_here, settings_of
from orbweaver.select.told.result import Ranking
from orbweaver.select.zoo.named import expectations, is_built, zoo
from orbweaver.select.zoo.public import Public, by_default

Asked = Public | str | Sequence[str] | Callable[[str], Sequence[str]] | None


def rank(
    path: str | Path,
    *,
    workspace: Workspace | None = None,
    cache: Cache | None = None,
    ptms: Asked = None,
    methods: str | Sequence[str] | None = None,
    budget: int = 500,
    minutes: float | None = None,
    verify: int = 0,
    tune: int = 0,
    tune_to: str | Path | None = None,
    task: str | None = None,
    image_column: str | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Ranking:
    """Ranks PTMs for the images or texts at a path, best first. Nothing is written but into the cache.

    Args:
        path: image folder (`class/xxx.jpg`), Parquet file or folder in the Hugging Face convention, CSV or JSON lines,
            or the id of a dataset on the hub.
        workspace: of the benchmark to learn from. By default that in the current folder, if it holds a params.yaml and
            a dvc.yaml, and its zoo was built or PTMs are named; else there is none.
        cache: what was forwarded and fine-tuned is kept there; by default in the user's cache folder.
        ptms: names of the benchmark's zoo, or public ones (`orbweaver.select.zoo.named.FORMS`), or `Public`, by what
            can be afforded. By default all of the benchmark's; without one twenty public ones where the hub answers,
            else those of them that are on this disk. A function gets "images" or "texts" and names them, where the
            choice depends on what the data are.
        methods: of `orbweaver.methods.METHODS`; several are aggregated by Borda. Or `spider`, a benchmark's learned
            ranker, which forwards its encoder and the PTMs that look best. By default a linear probe on the last layer
            and one on features from inside (`probe`, `probe_inner`); where a PTM's inside is not known, the first
            alone.
        budget: how many samples are looked at, at most: of each class, or in all for a regression. minutes: how long
            PTMs are forwarded; they are then ranked by what they had seen.
        verify: so many of the first PTMs are fine-tuned here; a quarter of the data is then kept for measuring.
        tune: the same, and the best is left as a checkpoint in the folder `tune_to` (`tuned-<name of the data>`).
        task, image_column, text_column, label_column: where they cannot be told from the data.

    Raises:
        UserError: of any kind, with a sentence about what to do.
    """
    start = time.monotonic()
    columns = {"image_column": image_column, "text_column": text_column, "label_column": label_column}
    counts, words = {"verify": verify, "tune": tune}, {"task": task, **columns}
    arguments.check(path, budget, minutes, counts, words, workspace, cache)
    ptms = ptms if isinstance(ptms, Public) or callable(ptms) else arguments.names("ptms", ptms)
    methods = arguments.names("methods", methods)
    benchmark = workspace or benchmark_here()
    cache = cache or Cache(user_cache_path("orbweaver"))
    try:
        cache.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{cache.root}: the cache folder cannot be made ({error.strerror}); XDG_CACHE_HOME names another place"
        ) from None
    settings = settings_of(benchmark)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # its opinion of odd but readable files
        known = None if methods is None else order.known_methods(methods)
        place = Path(resolved(path)).expanduser()
        listing = own.read(place, task, image_column, label_column, text_column)
        aside, odd = checks.left_aside(place, listing)
        chosen = own.sample(listing, budget, settings.seed)
        split, seen, warned = checks.checked(listing, chosen, cache)
        warned = odd + warned
        what, notes = doctor.things(split.images), aside + _notes(listing, chosen, budget)
        if ptms is None and workspace is None and benchmark and not is_built(benchmark, settings, listing.task):
            notes.append(
                f"of the benchmark in this folder no PTM for {listing.task} was built (`make benchmark` builds them, "
                "`dvc pull` fetches them)"
            )
            benchmark = None
        asked, names = _asked(ptms, benchmark, what, cache, notes)
        candidates, left_out = zoo(names, listing.task, benchmark, settings, cache)
        warned += doctor.about_ptms(split, seen, [ptm.card for ptm in candidates], benchmark, cache, str(path))
        top = max(verify, tune)
        if top:
            from orbweaver.select.tune import hold_out

            folder = arguments.checkpoint_folder(split.name, tune_to) if tune else None
            train, test = hold_out(split)
        else:
            train, test = np.arange(len(split)), np.arange(0)
        data = Data(split, train, settings, cache, benchmark)
        prior = expectations([ptm.card.name for ptm in candidates], cache)
        candidates.sort(key=lambda ptm: -prior.fillna(-np.inf)[ptm.card.name])
        job = Job(data, test, candidates, prior, left_out, warned, notes, what)
        options = {f"--{name.replace('_', '-')}": column for name, column in columns.items()}
        job.name_them = names is not asked
        job.command = command_line(path, ptms=None if job.name_them else names, methods=methods, budget=budget,
                                   minutes=minutes, task=task, workspace=workspace, columns=options)  # fmt: skip
        after = {"--verify": verify, "--tune": tune, "--tune-to": tune_to}
        whole = job.command + _words(asked, names) + [w for o, value in after.items() if value for w in (o, str(value))]
        table, halves, level_halves = job.ranked(known, race.clock(None if minutes is None else 60 * minutes))
        checkpoint = None
        if top:
            checkpoint = job.tuned(table, top, folder)
        else:
            job.advise(table, halves, level_halves)
    about = {
        "target": split.name,
        "task": split.task,
        "metric": job.unit.real,
        "what": what,
        "samples": len(data.rows),
        "held_out": len(test),
        "classes": len(split.classes),
        "methods": job.methods,
        "command": whole,
        "device": cost.device_in_words(),
        "seconds": time.monotonic() - start,
    }
    shown = Shown(halves, level_halves, examples(split, listing.classes), split.classes)
    table = table.drop(columns=["level"])
    return Ranking(table, job.advice, job.warnings, job.notes, about, job.unit, checkpoint, shown)


def _asked(
    ptms: Asked, benchmark: Workspace | None, what: str, cache: Cache, notes: list[str]
) -> tuple[Asked, Sequence[str] | None]:
    """Which PTMs are asked for, and their names; None for all of the benchmark's."""
    if ptms is None and benchmark is None:
        public, names, note = by_default(what, cache)
        notes.append(note)
        return public, names
    if isinstance(ptms, Public):
        return ptms, ptms.names(what, cache)
    return ptms, ptms(what) if callable(ptms) else ptms


def _words(asked: Asked, names: Sequence[str] | None) -> list[str]:
    """The command line's words for PTMs that were not named one by one."""
    if isinstance(asked, Public):
        return asked.command
    return [] if asked is names else [word for name in names for word in ("--ptm", name)]


def _notes(listing: Listing, chosen: np.ndarray, budget: int) -> list[str]:
    notes = list(listing.notes)
    if len(chosen) < len(listing.targets):
        of = " of a class" if listing.classes else ""
        what = "texts" if listing.texts else "images"
        notes.append(f"{len(chosen)} of {len(listing.targets)} {what}, at most {budget}{of}, were looked at (--budget)")
    return notes
