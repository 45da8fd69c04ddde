"""Where each file lies below a root folder: a clone of the benchmark, or any other folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orbweaver.core.cache import Cache

# Folders of the pipeline's outputs, by role or stage.
OUTPUTS = ("data/sources", "data/targets", "data/zoo", "features", "labels", "scores", "reports")


@dataclass(frozen=True)
class Workspace:
    """The places below `root`. Asking for a place creates nothing."""

    root: Path

    @property
    def store(self) -> Path:
        """What is kept between runs but is no output of DVC: finished work, logs, measured seconds."""
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
        """Tables of papers, a folder each; its truth.csv holds the published results of fine-tuning."""
        return self.root / "data" / "published"

    def split(self, role: str, dataset: str, split: str) -> Path:
        """role: sources or targets; split: train or test."""
        return self.root / "data" / role / dataset / f"{split}.parquet"

    def raw(self, dataset: str) -> Path:
        """What was downloaded, or what the user placed, for a dataset of the catalogue; outside DVC."""
        return self.root / "data" / "raw" / dataset

    def ptm(self, ptm: str) -> Path:
        """Folder of a PTM: model.safetensors, card.json, and tokenizer.json where it reads text.

        A public PTM that `orbweaver rank` fetched (`timm/NAME`) lies in the store and is no part of the benchmark.
        """
        family, _, name = ptm.rpartition("/")
        return self.store / "ptms" / family / name if family else self.root / "data" / "zoo" / ptm

    def features(self, ptm: str, dataset: str) -> Path:
        """A PTM's features of a dataset's training split; those from inside the PTM are in a folder `inner`."""
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
        """Each ranker's score of each PTM, by seed and by how many PTMs are forwarded (run on the target)."""
        return self.root / "scores" / "rankers" / f"{dataset}.csv"

    def weights(self, dataset: str) -> Path:
        """For each PTM and text encoder: EMMS' weight of the encoder's F-labels, and scores on these F-labels alone."""
        return self.root / "scores" / "weights" / f"{dataset}.csv"

    def reports(self) -> Path:
        """Folder of tables and figures."""
        return self.root / "reports"

    def page(self) -> Path:
        """The report's page. It shows measured seconds, which differ from run to run, so it is no output of DVC."""
        return self.reports() / "index.html"

    def seconds(self, dataset: str) -> Path:
        """What scoring cost here: outside DVC's outputs, whose bytes must not differ from run to run."""
        return self.store / "seconds" / f"{dataset}.csv"

    def log(self, stage: str) -> Path:
        """What a stage printed that `orbweaver.pipeline.run` started."""
        return self.store / "logs" / f"{stage}.log"

    def run_lock(self) -> Path:
        """A lock file: only one run may work here at a time."""
        return self.store / "run.lock"
