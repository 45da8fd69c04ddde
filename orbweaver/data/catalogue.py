"""The catalogue of published datasets (catalogue.yaml): what they are, and how they are read once they are here."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

import numpy as np
import yaml
from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from orbweaver.core.errors import FileError
from orbweaver.core.names import check_known
from orbweaver.core.settings import DatasetSettings, Name, Section
from orbweaver.core.workspace import Workspace
from orbweaver.data.readers import NAMED, READERS
from orbweaver.data.readers.sample import Parts, Sample, readable, split_of, targets_of
from orbweaver.data.sampling import systematic, train_part
from orbweaver.data.split import Split

Url = Annotated[str, StringConstraints(pattern=r"^https?://")]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]+$")]


class Layout(Section):
    """One of the readers and its options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    reader: str

    @model_validator(mode="after")
    def _known(self) -> Layout:
        if self.reader not in READERS:
            raise ValueError(f"unknown reader '{self.reader}'")
        return self


class Parted(Section):
    """How a dataset without an official split is split; always with seed 0, whatever the benchmark's seed.

    share: of the samples, for training. per_class: how many of each class are for training.
    """

    share: float | None = Field(default=None, gt=0, lt=1)
    per_class: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one(self) -> Parted:
        if (self.share is None) == (self.per_class is None):
            raise ValueError("give either 'share' or 'per_class'")
        return self


class File(Section):
    """A file to download. unpack: the folder, below the dataset's own, that an archive is unpacked into. inner: path of
    an archive inside the archive, which is unpacked too.

    shared: the name of the folder in data/raw that several datasets share, instead of the dataset's own. mirror:
    another address of the same bytes, asked when the first one fails.
    """

    url: Url
    mirror: Url | None = None
    size: int | None = Field(default=None, gt=0)
    sha256: Annotated[Hex, StringConstraints(min_length=64, max_length=64)] | None = None
    md5: Annotated[Hex, StringConstraints(min_length=32, max_length=32)] | None = None
    unpack: str = "."
    inner: str | None = None
    shared: Name | None = None

    def path(self, workspace: Workspace, dataset: str) -> Path:
        """Where it lies once it was downloaded."""
        return workspace.raw(self.shared or dataset) / self.name

    @property
    def name(self) -> str:
        """The last part of its address."""
        return PurePosixPath(urlsplit(self.url).path).name

    @property
    def verified(self) -> bool:
        """Is a checksum published?"""
        return bool(self.sha256 or self.md5)


class Hub(Section):
    """A Hugging Face dataset at a commit. splits: for each split, a pattern of the names of its files."""

    id: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[Hex, StringConstraints(min_length=40, max_length=40)] | None = None
    splits: dict[str, str] = Field(min_length=1)


class Variant(Section):
    """Another form in which a dataset is used: what differs from the entry."""

    layout: Layout
    samples: dict[Literal["train", "test"], int]
    classes: int = Field(ge=2)


class Entry(Section):
    """A dataset. task: of `orbweaver.tasks`. family: the origin that it shares with other datasets, if it does.

    unconfirmed: what the entry says without having been checked against the data; if the data differ, that is a warning
    instead of an error. "names": that no two classes have the same name.
    """

    task: Name
    family: str | None = None
    layout: Layout
    samples: dict[Literal["train", "test"], int] = Field(default_factory=dict)
    classes: int | None = Field(default=None, ge=2)
    unconfirmed: list[Literal["samples", "classes", "names"]] = Field(default_factory=list)
    variants: dict[Name, Variant] = Field(default_factory=dict)
    split: Parted | None = None
    licence: str
    files: list[File] = Field(default_factory=list)
    hub: Hub | None = None
    place: str | None = None

    @model_validator(mode="after")
    def _obtainable(self) -> Entry:
        if bool(self.place) == bool(self.files or self.hub):
            raise ValueError("say either where it is downloaded from ('files', 'hub') or what to 'place'")
        return self

    def of(self, variant: str | None, name: str) -> Entry:
        """The entry with a variant's values. name: the dataset's. Raises UnknownName for an unknown variant."""
        if variant is None:
            return self
        check_known(variant, self.variants, f"variant of dataset '{name}'")
        return self.model_copy(update=dict(self.variants[variant]))

    @property
    def origin(self) -> str:
        if self.hub:
            return f"hf-hub:{self.hub.id}" + (f"@{self.hub.revision}" if self.hub.revision else "")
        return self.files[0].url if self.files else "placed by the user"

    @property
    def verified(self) -> bool:
        """Does everything that is downloaded have a published checksum or revision?"""
        return all(file.verified for file in self.files) and (self.hub is None or self.hub.revision is not None)


@cache
def catalogue(path: Path | None = None) -> dict[str, Entry]:
    """Every dataset of catalogue.yaml. Raises pydantic's ValidationError naming the key that is wrong."""

    path = path or Path(__file__).with_name("catalogue.yaml")
    return TypeAdapter(dict[Name, Entry]).validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))


def _parted(entry: Entry, parts: Parts, name: str) -> dict[str, list[Sample]]:
    classes, samples = parts
    if "all" not in samples:
        return samples
    if entry.split is None:
        raise FileError(f"dataset '{name}' has no official split; its entry in catalogue.yaml needs 'split'")
    everything = samples["all"]
    # By class where there are classes, so that each keeps its share.
    labels = targets_of(everything, classes) if classes else np.zeros(len(everything), int)
    train = train_part(labels, np.random.default_rng(0), share=entry.split.share, per_class=entry.split.per_class)
    return {split: [everything[i] for i in np.flatnonzero(train == (split == "train"))] for split in ("train", "test")}


def _sampled(samples: list[Sample], classes: list[str], count: int | None, seed: int, what: str) -> list[Sample]:
    """All samples, or `count` of them, drawn so that targets keep their shares."""
    if count is None or count == len(samples):
        return samples
    if count > len(samples):
        raise FileError(f"{what} has {len(samples)} samples; {count} were asked for")
    rows = systematic(targets_of(samples, classes), count, np.random.default_rng(seed))
    return [samples[i] for i in rows]


def read(workspace: Workspace, name: str, entry: Entry, settings: DatasetSettings, seed: int) -> dict[str, Split]:
    """Both splits of a dataset that is here and unpacked, as the settings want them: how many samples, which variant.

    Class names are made readable, unless the settings ask for those of the published files. Raises FileError when what
    was read has another number of samples or classes than the entry says; it only warns where the entry was never
    checked against the data (`unconfirmed`).
    """
    folder, entry = workspace.raw(name), entry.of(settings.variant, name)
    reader = entry.layout.reader
    parts = READERS[reader](folder, **(entry.layout.model_extra or {}))
    classes, samples = parts[0], _parted(entry, parts, name)
    if reader in NAMED and settings.class_names == "readable":
        classes = [readable(one) for one in classes]

    def differs(what: str, message: str) -> None:
        if what not in entry.unconfirmed:
            raise FileError(f"dataset '{name}' {message}")
        unsure = "What the catalogue expects was not confirmed, so the data are used as they are"
        warnings.warn(f"dataset '{name}' {message} ({unsure})", stacklevel=3)

    if entry.classes is not None and len(classes) != entry.classes:
        differs("classes", f"has {len(classes)} classes in {folder}, not {entry.classes}")
    if len({*classes}) != len(classes):
        twice = next(one for one in classes if classes.count(one) > 1)
        differs("names", f"has two classes of one name, '{twice}'")
    for split, count in entry.samples.items():
        found = len(samples.get(split, []))
        if found != count:
            differs("samples", f"has {found} {split} samples in {folder}, not {count}; is it there completely?")
    about = {"name": name, "task": entry.task, "licence": entry.licence, "origin": entry.origin}
    about["family"] = entry.family or name
    return {
        split: split_of(_sampled(samples[split], classes, count, seed, f"dataset '{name}', {split},"), classes, **about)
        for split, count in (("train", settings.train), ("test", settings.test))
    }
