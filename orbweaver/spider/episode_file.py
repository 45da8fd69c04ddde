"""Episodes with every PTM's answers, and the HDF5 file that holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from orbweaver.core.formats import hdf5

NAMES = ("ptms", "methods", "sources", "families")
ARRAYS = ("offsets", "scores", "validation", "mixture", "has_source")


@dataclass(frozen=True)
class Episodes:
    """T episodes, M PTMs, Q methods; episode t's classes are the rows offsets[t] to offsets[t + 1] of tokens.

    tokens: PTM -> (R, D_m) float32, class means, also of general encoders that are not among the M; offsets (T + 1,);
    scores (T, M, Q), NaN where a method has no value; validation (T,) bool: not for training; mixture (T,);
    has_source (T, S) bool: which sources episode t has classes of; families: of the sources. means: general encoder ->
    source -> its class means (C, D), of all images that there are.
    """

    ptms: list[str]
    methods: list[str]
    sources: list[str]
    families: list[str]
    offsets: np.ndarray
    tokens: dict[str, np.ndarray]
    scores: np.ndarray
    validation: np.ndarray
    mixture: np.ndarray
    has_source: np.ndarray
    means: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)

    @property
    def widths(self) -> dict[str, int]:
        return {ptm: self.tokens[ptm].shape[1] for ptm in self.ptms}

    def tokens_of(self, ptm: str, episode: int) -> np.ndarray:
        """(C, D_m): the class means of one episode under one PTM."""
        return self.tokens[ptm][self.offsets[episode] : self.offsets[episode + 1]]


def write_episodes(path: Path, episodes: Episodes) -> None:
    with hdf5.writing(path) as file:
        for name in NAMES:
            file.attrs[name] = json.dumps(getattr(episodes, name))
        for name in ARRAYS:
            hdf5.put(file, name, getattr(episodes, name))
        for ptm, means in episodes.tokens.items():
            hdf5.put(file, f"tokens/{ptm}", means)
        for encoder, sources in episodes.means.items():
            for source, means in sources.items():
                hdf5.put(file, f"means/{encoder}/{source}", means)


def read_episodes(path: Path) -> Episodes:
    """Raises FileError when the file is missing, truncated, foreign or incomplete."""
    with hdf5.reading(path, "file of episodes", "draw") as file:
        names = {name: json.loads(file.attrs[name]) for name in NAMES}
        arrays = {name: file[name][:] for name in ARRAYS}
        forwarded = dict.fromkeys([*names["ptms"], *file.get("tokens", ())])
        tokens = {ptm: file[f"tokens/{ptm}"][:] for ptm in forwarded}
        means = {of: {source: each[:] for source, each in group.items()} for of, group in file.get("means", {}).items()}
    return Episodes(**names, **arrays, tokens=tokens, means=means)
