"""Everything that methods may ask for about one PTM and one target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from orbweaver.core.errors import UserError

from ._checked import Classes, Probabilities, checked_labels, multi_hot
from ._f_labels import FLabels, f_labels
from ._matrix import FeatureMatrix

if TYPE_CHECKING:
    from torch import Tensor

BY_SAMPLE = ("features", "inner", "labels", "targets", "probabilities")
MISSING = {
    "features": "no features of the PTM here",
    "inner": "no features from inside the PTM here",
    "targets": "the target has no values, but classes",
    "probabilities": "the PTM has no source head",
    "source_features": "no images of the PTM's source here",
    "source_labels": "no images of the PTM's source here",
    "source_accuracy": "the PTM's accuracy on its source is not known",
    "n_parameters": "the PTM's number of parameters is not known",
    "gmacs": "what one input costs the PTM is not known",
    "feature_width": "the PTM's number of features is not known",
    "weight_spectra": "the spectra of the PTM's weights are not known",
}


class MethodError(UserError):
    """A method cannot work with what it got, or failed; the message names the method, the PTM and the dataset."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoreInputs:
    """What methods may ask for; None where it is not available. N samples, F-labels of K text encoders.

    Of one target either `labels` (one class a sample) or `targets` are given: (N, T) numbers, or (N, C) zeros and ones
    where a sample has several classes. What methods share is computed on first use and kept with this object: use one
    object for all scores of a PTM on a target, then drop it. Do not write into the arrays meanwhile.

    Raises MethodError where arrays that belong together differ in length, and for targets that do not fit.
    """

    features: np.ndarray | Tensor | None = None  # (N, D) of the target's training split
    inner: np.ndarray | None = None  # (N, D') of the same samples, from inside the PTM: see `orbweaver.models.inner`
    labels: np.ndarray | None = None  # (N,) integers, 0..C-1
    targets: np.ndarray | None = None  # (N, T) numbers, or (N, C) 0 and 1
    probabilities: np.ndarray | None = None  # (N, S) softmax of the PTM's source head
    source_features: np.ndarray | None = None  # (M, D) of a sample of the PTM's source dataset
    source_labels: np.ndarray | None = None  # (M,)
    class_embeddings: Sequence[np.ndarray] | None = None  # K arrays (C, E_k): F-labels, one row a class
    label_embeddings: Sequence[np.ndarray] | None = None  # K arrays (N, E_k): F-labels, one row a sample
    n_parameters: int | None = None
    source_accuracy: float | None = None  # 0 to 1
    gmacs: float | None = None  # thousand millions of multiply-adds for one input
    feature_width: int | None = None
    weight_spectra: Mapping[str, float] | None = None  # of the PTM's layers: see `orbweaver.models.spectra`
    seed: int = 0  # of the methods that draw samples
    ptm: str = ""  # for messages
    dataset: str = ""  # for messages

    def __post_init__(self) -> None:
        rows = {name: len(getattr(self, name)) for name in BY_SAMPLE if getattr(self, name) is not None}
        rows |= {f"label_embeddings {k}": len(array) for k, array in enumerate(self.label_embeddings or ())}
        if len(set(rows.values())) > 1:
            raise self.error(f"differ in samples: {', '.join(f'{name} {count}' for name, count in rows.items())}")
        source = {len(part) for part in (self.source_features, self.source_labels) if part is not None}
        if len(source) > 1:
            raise self.error(f"source_features and source_labels differ in samples: {sorted(source)}")
        if self.targets is None:
            return
        if self.labels is not None:
            raise self.error("give either labels or targets, not both")
        if self.targets.ndim != 2:
            raise self.error(f"targets must be a matrix, one row a sample, not of shape {self.targets.shape}")
        columns = self.targets.shape[1]
        if any(len(array) != columns for array in self.class_embeddings or ()):
            raise self.error(f"class_embeddings must have a row for each of the {columns} columns of targets")

    def error(self, problem: str, what: str = "inputs of scores") -> MethodError:
        """An error that names the PTM and the dataset of these inputs."""
        of = " on ".join(f"'{name}'" for name in (self.ptm, self.dataset) if name)
        return MethodError(f"{what} of {of}: {problem}" if of else f"{what}: {problem}")

    def take(self, rows: np.ndarray) -> ScoreInputs:
        """New inputs with some of the samples only, by index or mask; nothing computed so far is carried over."""
        some = {name: getattr(self, name)[rows] for name in BY_SAMPLE if getattr(self, name) is not None}
        if self.label_embeddings is not None:
            some["label_embeddings"] = [array[rows] for array in self.label_embeddings]
        return replace(self, **some)

    def missing(self, name: str) -> str:
        """The reason why there is no such input, in a sentence."""
        if name == "labels":
            several = self.targets is not None and self.targets.shape[1] > 1 and multi_hot(self.targets)
            return "the target has no single class per sample" if several else "the target has no classes"
        return MISSING.get(name, f"no {name}")

    def prepared(self, name: str) -> object:
        """What a method gets for its parameter `name`: checked, and shared by all methods.

        Raises ValueError and ScoreError as the methods do.
        """
        match name:
            case "features":
                return self._matrix
            case "inner":
                return self._inner
            case "source_features":
                return self._source
            case "labels":
                return self._classes
            case "probabilities":
                return self._probabilities
            case "label_embeddings":
                return self._f_labels
            case "class_embeddings":
                return None  # the F-labels above are made of them
        return getattr(self, name)

    @cached_property
    def _matrix(self) -> FeatureMatrix:
        return FeatureMatrix(self.features)

    @cached_property
    def _inner(self) -> FeatureMatrix:
        return FeatureMatrix(self.inner, "inner")

    @cached_property
    def _source(self) -> FeatureMatrix:
        return FeatureMatrix(self.source_features, "source_features")

    @cached_property
    def _classes(self) -> Classes | None:
        return None if self.labels is None else checked_labels(self.labels, len(self.labels))

    @cached_property
    def _probabilities(self) -> Probabilities:
        return Probabilities(self.probabilities)

    @cached_property
    def _f_labels(self) -> FLabels:
        samples = len(self.features)
        return f_labels(samples, self._classes, self.class_embeddings, self.label_embeddings, self.targets)
