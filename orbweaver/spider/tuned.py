"""The truth of an episode: a PTM fine-tuned on the images drawn, and measured on others of the same classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orbweaver.core.cache import Cache
from orbweaver.core.settings import TunedSettings
from orbweaver.data.split import Split
from orbweaver.spider.draws import Draw
from orbweaver.tasks.base import Task
from orbweaver.tasks.finetune import finetune
from orbweaver.tasks.stored import Stored

FINETUNED = "finetuned"  # its name among the methods that may supervise


@dataclass(frozen=True)
class Tuning:
    """What fine-tuning on episodes needs. sources: the training splits of all sources, by name."""

    sources: dict[str, Split]
    how: TunedSettings

    @property
    def fingerprint(self) -> dict:
        splits = {name: split.fingerprint for name, split in self.sources.items()}
        return {"sources": splits, "how": self.how.model_dump()}


def episode(draw: Draw, sources: dict[str, Split], of: str) -> tuple[Split, Split]:
    """The rows drawn to train on, the further rows to test on; the classes in the order of the draw. of: a task."""
    names = [f"{source}, class {number}" for number, (source, *_) in enumerate(draw.classes)]
    parts = []
    for which in (1, 2):
        rows = [(sources[each[0]], int(row)) for each in draw.classes for row in each[which]]
        counts = [len(each[which]) for each in draw.classes]
        images = [split.images[row] for split, row in rows if len(split.images)]
        texts = {name: [split.texts[name][row] for split, row in rows] for name in rows[0][0].texts}
        codes = np.repeat(np.arange(len(counts)), counts)
        parts.append(Split("an episode", of, names, images, codes, "", "", texts=texts))
    return parts[0], parts[1]


def chosen(draws: Sequence[Draw], count: int, seed: int) -> np.ndarray:
    """The numbers of the episodes to fine-tune on, in order: of those with further images of every class, at random."""
    able = [t for t, draw in enumerate(draws) if all(len(rest) for _, _, rest in draw.classes)]
    return np.sort(np.random.default_rng((seed, 2)).permutation(able)[:count])


def tuned(draws: Sequence[Draw], ptm: Stored, tuning: Tuning, seed: int, cache: Cache, of: Task) -> np.ndarray:
    """(T,): what a PTM reaches on each episode by `tuning.how`; NaN where it was not fine-tuned.

    of: its task. Each run is kept. Raises TargetError where nothing can be learned.
    """
    found = np.full(len(draws), np.nan)
    for t in chosen(draws, tuning.how.draws, seed):
        train, test = episode(draws[t], tuning.sources, of.name)
        runs = finetune(of, ptm, train, test, tuning.how, seed, 1, cache)
        found[t] = np.mean([run.test for run in runs if run.chosen])
    return found
