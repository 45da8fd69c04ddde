"""Where each artefact lies below a root that is passed: a benchmark's clone, or any other folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orbweaver.core.cache import Cache

# Folders of the pipeline's outputs, by role or stage.
OUTPUTS = ("data/sources", "data/targets", "data/zoo", "features", "labels", "scores", "reports")


@dataclass(frozen=True)
class Workspace:
    """The places below `root`. Nothing is made by asking for a place."""

    root: Path

    @property
    def store(self) -> Path:
        """What lasts between runs outside DVC's outputs: finished work, logs, seconds."""
        return self.root / ".store"

    @cached_property
    def cache(self) -> Cache:
        return Cache(self.store)

    @property
    def outputs(self) -> list[Path]:
        return [self.root / folder for folder in OUTPUTS]

    @property
    def params(self) -> Path:
        return self.root / "params.yaml"

    @property
    def published(self) -> Path:
        """Tables of papers; each folder's truth is in truth.csv."""
        return self.root / "data" / "published"

    def split(self, role: str, dataset: str, split: str) -> Path:
        """role: sources or targets; split: train or test."""
        return self.root / "data" / role / dataset / f"{split}.parquet"

    def raw(self, dataset: str) -> Path:
        """What was downloaded, or what the user placed, for a dataset of the catalogue; outside DVC."""
        return self.root / "data" / "raw" / dataset

    def ptm(self, ptm: str) -> Path:
        """Folder of a PTM: model.safetensors, card.json, and tokenizer.json where it reads text.

        A public one that was fetched to rank for a user (`timm/NAME`) lies in the store, no part of the benchmark.
        """
        family, _, name = ptm.rpartition("/")
        return self.store / "ptms" / family / name if family else self.root / "data" / "zoo" / ptm

    def features(self, ptm: str, dataset: str) -> Path:
        """What a PTM makes of a dataset's training split; those from inside it lie in a folder beside."""
        return self.root / "features" / ptm / f"{dataset}.h5"

    def labels(self, encoder: str, dataset: str) -> Path:
        """F-labels of a target by a text encoder."""
        return self.root / "labels" / encoder / f"{dataset}.h5"

    def truth(self, ptm: str) -> Path:
        """Every fine-tuning run of a PTM."""
        return self.root / "scores" / "finetune" / f"{ptm}.csv"

    def scores(self, dataset: str) -> Path:
        """Every method's score of every PTM on a target."""
        return self.root / "scores" / f"{dataset}.csv"

    def episodes(self) -> Path:
        """Model Spider's episodes."""
        return self.root / "scores" / "spider" / "episodes.h5"

    def ranker(self, ranker: str) -> Path:
        """Folder of a trained ranker: ranker.safetensors, card.json, training.csv."""
        return self.root / "scores" / "spider" / ranker

    def rankers(self, dataset: str) -> Path:
        """What each ranker says of each PTM: by seed, and by how many PTMs are forwarded."""
        return self.root / "scores" / "rankers" / f"{dataset}.csv"

    def weights(self, dataset: str) -> Path:
        """What each text encoder's F-labels say of each PTM: EMMS' weight of it, and scores on it alone."""
        return self.root / "scores" / "weights" / f"{dataset}.csv"

    def reports(self) -> Path:
        """Folder of tables and figures."""
        return self.root / "reports"

    def page(self) -> Path:
        """The report, which tells seconds and is therefore no output of DVC's."""
        return self.reports() / "index.html"

    def seconds(self, dataset: str) -> Path:
        """What scoring cost here: outside DVC's outputs, whose bytes must not differ from run to run."""
        return self.store / "seconds" / f"{dataset}.csv"

    def log(self, stage: str) -> Path:
        """What a stage that `orbweaver.pipeline.run` started said."""
        return self.store / "logs" / f"{stage}.log"

    def run_lock(self) -> Path:
        """Held by the one run that may work here."""
        return self.store / "run.lock"
