"""`Task`, the interface of every task. Features, fine-tuning and scores are computed through it alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np
from torch import Tensor, nn

from orbweaver.core.cache import Cache
from orbweaver.core.code import code_version
from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models.card import Card, Preprocessing
from orbweaver.models.training import Fit

if TYPE_CHECKING:
    from orbweaver.models.vocabulary import Vocabulary


class Measured(NamedTuple):
    """What a PTM reaches on a split. `truth`, higher is better, ranks the PTMs; `second` is shown beside it."""

    truth: float
    second: float | None = None


@dataclass
class PTM:
    """A network and what it needs to read its input.

    vocabulary: where it reads or writes text. config: JSON that tells how a network of the hub is built, where the
    architecture's name does not. centre, scale: of the values that a regression's outputs stand for.
    """

    network: nn.Module
    preprocessing: Preprocessing
    vocabulary: Vocabulary | None = None
    config: dict | None = None
    centre: float | np.ndarray = 0.0
    scale: float | np.ndarray = 1.0


class Public(NamedTuple):
    """A PTM with its public weights, and what is known of them. licence, origin: for the card."""

    ptm: PTM
    accuracy: float | None
    licence: str
    origin: str


class Common:
    """Defaults that tasks share: a fingerprint, and one row of features for each sample."""

    @property
    def fingerprint(self) -> str:
        return code_version(type(self).__module__)

    def rows(self, split: Split) -> np.ndarray:
        return np.arange(len(split))


class Task(Protocol):
    """One task.

    name: as in `orbweaver.tasks.ZOO`. metric: of the truth, for tables; `second_metric`: of what is shown beside it.
    label_rows: what a row of F-labels stands for.
    """

    name: str
    metric: str
    second_metric: str
    label_rows: Literal["class", "sample", "nothing"]

    @property
    def fingerprint(self) -> str:
        """Version of all code that this task runs."""
        ...

    # --- what a dataset of this task says

    def label_texts(self, split: Split, template: str) -> list[str]:
        """The texts that stand for the targets (F-labels of EMMS, arXiv 2308.06262): one a class, or one a row.

        template: of class names, which stand in the place of {}. No texts where targets are numbers. The published
        code has classes and captions only; the rest is our choice after the paper's figure, which writes every label
        as text, boxes as "<3,20,408,307>".
        """
        ...

    def rows(self, split: Split) -> np.ndarray:
        """(R,): the sample that each row of features belongs to; for captions there are several a sample."""
        ...

    def example(self, split: Split, sample: int) -> str:
        """A sample's question and target in words, to be shown beside its image."""
        ...

    def score_targets(self, targets: np.ndarray) -> dict[str, np.ndarray]:
        """The targets as score methods take them, from those in a feature file: `labels` (R,), `targets` (R, T), or
        neither, where targets are texts."""
        ...

    def check(self, train: Split) -> None:
        """Raises TargetError, naming the dataset, where there is nothing to learn."""
        ...

    def hold_out(self, train: Split, fraction: float) -> tuple[np.ndarray, np.ndarray]:
        """Samples to fit on and samples to choose the learning rate on, the same for all PTMs and seeds.

        Raises TargetError where the split is too small for both.
        """
        ...

    # --- what a PTM of this task is

    def is_public(self, spec: PtmSettings) -> bool:
        """Is the PTM the public weights themselves, not trained further here?"""
        ...

    def public(self, spec: PtmSettings, raw: Path) -> Public:
        """A PTM with its public weights. raw: the folder that keeps downloads and their digests.

        Raises UserError when they cannot be loaded, or are not what the name says.
        """
        ...

    def build(self, spec: PtmSettings, source: Split, raw: Path) -> PTM:
        """A PTM to train on a source: random weights, or public ones with a fresh head where `init` asks for them.

        Raises UserError when the architecture is unknown or lacks a setting, or its public weights cannot be loaded.
        """
        ...

    def load(self, card: Card, folder: Path) -> PTM:
        """A PTM with its checkpoint, on the CPU, in evaluation mode.

        Raises FileError when a file is missing, damaged, or not the one that the card names.
        """
        ...

    def width(self, ptm: PTM) -> int:
        """D of `features`."""
        ...

    def features(self, ptm: PTM, split: Split, cache: Cache, batch_size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Features (B, D) and probabilities of the source head (B, S), batch by batch, in the order of `rows`.

        Raises FileError when an image cannot be read.
        """
        ...

    def adapt(self, ptm: PTM, train: Split, samples: np.ndarray) -> None:
        """Prepares a PTM, in place, to be fine-tuned on these samples: a new head where the task has one."""
        ...

    def fit(
        self, ptm: PTM, split: Split, samples: np.ndarray, how: Fit, cache: Cache, progress: str | None = None
    ) -> None:
        """Trains a PTM in place on these samples of a split. Raises as `features`."""
        ...

    def measure(self, ptm: PTM, split: Split, samples: np.ndarray, cache: Cache, precision: str) -> Measured:
        """What a PTM reaches on these samples of a split. Raises as `features`."""
        ...
