"""A task whose PTMs learn by an objective, and what objectives share."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor, nn

from orbweaver.core.cache import Cache
from orbweaver.core.code import code_version
from orbweaver.core.device import device
from orbweaver.core.errors import UserError
from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models.pixels import images
from orbweaver.models.text import masked_mean, padded
from orbweaver.models.training import Fit
from orbweaver.models.vocabulary import Vocabulary
from orbweaver.tasks._text import Batch, TextTask, learn
from orbweaver.tasks.base import PTM, Measured
from orbweaver.tasks.objectives import sources_of


class Lesson(NamedTuple):
    """What an objective makes of a PTM and a source.

    learner: a module that holds the PTM's network itself and has `loss(pixels, batch)`. batch: what it learns from.
    rows: for each row of the batch, the sample of the source that it belongs to.
    """

    learner: nn.Module
    batch: Batch
    rows: np.ndarray


class Pretraining:
    """Stands for `task` while a PTM is trained on its source by an objective, by `lesson(ptm, source)` of its file.

    What the PTM reaches by the objective is not the task's measure: `measure` gives NaN.
    """

    def __init__(self, task: TextTask, objective: str) -> None:
        self.task, self.name, self.objective = task, task.name, objective
        self.reads = sources_of(objective, task.name)

    @property
    def fingerprint(self) -> list[str]:
        return [self.task.fingerprint, self.objective, code_version(f"{__package__}.{self.objective}")]

    def build(self, spec: PtmSettings, source: Split, raw: Path) -> PTM:
        """As the task does, without a source head. Raises UserError where the PTM cannot learn by the objective."""
        if source.task not in self.reads:
            able = f"learns from {', '.join(self.reads)}" if self.reads else "cannot learn by this objective"
            raise UserError(f"objective '{self.objective}': '{source.name}' is {source.task}; {self.name} {able}")
        if spec.init == "public" or "/" in spec.architecture:
            raise UserError(
                f"objective '{self.objective}': '{spec.architecture}' cannot be built of parts known here; an "
                "objective needs an architecture '<timm>+<text>' or '<text>', without 'init: public'"
            )
        words = source.texts or {"classes": source.classes}
        return self.task.build(spec, replace(source, classes=[], texts=words), raw)

    def fit(
        self, ptm: PTM, split: Split, samples: np.ndarray, how: Fit, cache: Cache, progress: str | None = None
    ) -> None:
        if not self.task.pictures:
            split = replace(split, images=[])
        lesson = import_module(f"{__package__}.{self.objective}").lesson(ptm, split.take(samples))
        pictures = images(split, ptm.preprocessing, cache)[samples[lesson.rows]]
        learn(lesson.learner.to(device()), ptm.preprocessing, pictures, lesson.batch, how, progress)
        ptm.network.eval()

    def measure(self, ptm: PTM, split: Split, samples: np.ndarray, cache: Cache, precision: str) -> Measured:
        return Measured(float("nan"))

    def width(self, ptm: PTM) -> int:
        return self.task.width(ptm)


class Towers(nn.Module):
    """The parts of a network that reads pictures, words or both, each used on its own.

    seen: pixels (B, 3, H, W) to tokens (B, S, width); None where it reads words alone. words: ids and mask (B, L) to
    the hidden states of its transformer (B, L, width), without a picture.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        reader = getattr(network, "reader", network)
        self.seen = nn.Sequential(reader.image, reader.bridge) if hasattr(reader, "bridge") else None
        part = next(name for name in ("text", "decoder", "network", "encoder") if hasattr(reader, name))
        self.transformer = getattr(reader, part).base_model
        self.width = self.transformer.config.hidden_size

    def picture(self, pixels: Tensor) -> Tensor:
        """(B, width): the mean of the picture's tokens."""
        return self.seen(pixels).mean(1)

    def words(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self.transformer(input_ids=ids, attention_mask=mask).last_hidden_state

    def text(self, batch: Batch) -> Tensor:
        """(B, width): the mean over real tokens."""
        return masked_mean(self.words(batch["ids"], batch["mask"]), batch["mask"])


def texts_of(split: Split) -> list[str]:
    """One text for each sample, from whatever texts the dataset has; else the names of its classes."""
    texts = split.texts
    if "captions" in texts:
        return [captions[0] for captions in texts["captions"]]
    if "context" in texts:
        return [f"{question} {context}" for question, context in zip(texts["question"], texts["context"], strict=True)]
    for name in ("question", "phrase", "text"):
        if name in texts:
            return texts[name]
    return [split.classes[target] for target in split.targets]


def encoded(texts: list[str], vocabulary: Vocabulary) -> Batch:
    """ids and mask (R, L) of texts between first and last token."""
    ids, mask = padded([vocabulary.enclosed(text) for text in texts], vocabulary.pad)
    return {"ids": ids, "mask": mask}
