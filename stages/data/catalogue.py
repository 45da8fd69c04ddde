"""The catalogue of published datasets (catalogue.yaml): had, unpacked, read, checked, and given as `Images`."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from stages import files
from stages.data import archives, download, layouts
from stages.data.download import DownloadError, megabytes
from stages.data.layouts import Parts, Sample
from stages.files import FileError, Images
from stages.params import Name

Kind = Literal["classification", "multilabel", "regression", "caption", "vqa", "tqa", "grounding"]
Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Layout(_Strict):
    """A reader of layouts.py and its options."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    reader: str

    @model_validator(mode="after")
    def _known(self) -> Layout:
        if self.reader not in layouts.READERS:
            raise ValueError(f"unknown reader '{self.reader}'")
        return self


class Split(_Strict):
    """How samples without an official split are split; with seed 0, whatever the benchmark's seed."""

    share: float | None = Field(default=None, gt=0, lt=1)
    per_class: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _one(self) -> Split:
        if (self.share is None) == (self.per_class is None):
            raise ValueError("give either 'share' or 'per_class'")
        return self


class File(_Strict):
    """unpack: the folder, below the dataset's own, that an archive is unpacked into. inner: an archive in it.

    shared: the name of the folder in data/raw that several datasets share, instead of the dataset's own.
    """

    url: Annotated[str, StringConstraints(pattern=r"^https?://")]
    size: int | None = Field(default=None, gt=0)
    sha256: Annotated[Hex, StringConstraints(min_length=64, max_length=64)] | None = None
    md5: Annotated[Hex, StringConstraints(min_length=32, max_length=32)] | None = None
    unpack: str = "."
    inner: str | None = None
    shared: Name | None = None

    def path(self, dataset: str) -> Path:
        return files.raw_path(self.shared or dataset) / self.name

    @property
    def name(self) -> str:
        return PurePosixPath(urlsplit(self.url).path).name

    @property
    def verified(self) -> bool:
        return bool(self.sha256 or self.md5)


class Hub(_Strict):
    """A Hugging Face dataset at a commit; splits: which of its files belong to which, as a pattern."""

    id: Annotated[str, StringConstraints(pattern=r"^[\w.-]+/[\w.-]+$")]
    revision: Annotated[Hex, StringConstraints(min_length=40, max_length=40)] | None = None
    splits: dict[str, str] = Field(min_length=1)


class Entry(_Strict):
    kind: Kind
    layout: Layout
    samples: dict[Literal["train", "test"], int] = {}
    classes: int | None = Field(default=None, ge=2)
    split: Split | None = None
    licence: str
    files: list[File] = []
    hub: Hub | None = None
    place: str | None = None

    @model_validator(mode="after")
    def _obtainable(self) -> Entry:
        if bool(self.place) == bool(self.files or self.hub):
            raise ValueError("say either where it is downloaded from ('files', 'hub') or what to 'place'")
        return self

    @property
    def task(self) -> str:
        return files.TASK_OF[self.kind]

    @property
    def origin(self) -> str:
        if self.hub:
            return f"hf-hub:{self.hub.id}" + (f"@{self.hub.revision}" if self.hub.revision else "")
        return self.files[0].url if self.files else "placed by the user"

    @property
    def verified(self) -> bool:
        """Is everything that is downloaded known by a published checksum or revision?"""
        return all(file.verified for file in self.files) and (self.hub is None or self.hub.revision is not None)


@cache
def catalogue(path: Path | None = None) -> dict[str, Entry]:
    """Every dataset of catalogue.yaml. Raises pydantic's ValidationError naming the key that is wrong."""

    class Whole(_Strict):
        entries: dict[Name, Entry]

    path = path or Path(__file__).with_name("catalogue.yaml")
    return Whole.model_validate({"entries": yaml.safe_load(path.read_text(encoding="utf-8"))}).entries


# --- having it ------------------------------------------------------------------------------------------------------


def _unpacked(archive: Path) -> Path:
    return archive.with_name(f".{archive.name}.unpacked")


def _unpack(archive: Path, folder: Path, inner: str | None) -> None:
    """Unpacks a verified archive once: the mark beside it names the version that was unpacked."""
    mark, version = _unpacked(archive), f"{archive.stat().st_size} {archive.stat().st_mtime_ns}"
    if mark.exists() and mark.read_text() == version:
        return
    archives.extract(archive, folder)
    if inner:
        archives.extract(folder / inner, folder)
    files.write_text(mark, version)


def _listing(hub: Hub, folder: Path) -> dict:
    """The hub's own list of the files that belong to the dataset: path -> size and sha256; kept beside them."""
    kept = folder / ".hub.json"
    if kept.exists():
        known = json.loads(kept.read_text())
        if known["id"] == hub.id and hub.revision in (None, known["revision"]):
            return known
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    try:
        api = HfApi()
        revision = hub.revision or api.dataset_info(hub.id).sha
        tree = [f for f in api.list_repo_tree(hub.id, recursive=True, revision=revision, repo_type="dataset")
                if isinstance(f, RepoFile)]  # fmt: skip
    except Exception as error:  # the hub's client raises many kinds
        raise DownloadError(
            f"the list of files of hf-hub:{hub.id} cannot be had ({type(error).__name__}); without network, run this "
            f"elsewhere and copy {folder} here"
        ) from None
    found = {}
    for split, pattern in hub.splits.items():
        for file in tree:
            if fnmatch.fnmatchcase(file.path, pattern):
                digest = file.lfs.sha256 if file.lfs else None
                found[file.path] = {"split": split, "size": file.size, "sha256": digest}
    if missing := [p for s, p in hub.splits.items() if s not in {f["split"] for f in found.values()}]:
        raise DownloadError(f"hf-hub:{hub.id} at {revision} has no file '{missing[0]}'")
    known = {"id": hub.id, "revision": revision, "files": found}
    files.write_text(kept, json.dumps(known, indent=1, sort_keys=True) + "\n")
    return known


def prepare(name: str, entry: Entry) -> Path:
    """Downloads and unpacks what is not here yet of a dataset; the folder that its reader wants.

    Raises DownloadError, telling what to do, when something cannot be had, and FileError when it has to be placed.
    """
    folder = files.raw_path(name)
    if entry.place:
        if not folder.is_dir():
            raise FileError(f"{folder} is not there. The licence of '{name}' ({entry.licence}) asks you to fetch it "
                            f"yourself: {entry.place}")  # fmt: skip
        return folder
    wanted: list[tuple[str, Path, dict]] = [
        (file.url, file.path(name), {"size": file.size, "sha256": file.sha256, "md5": file.md5}) for file in entry.files
    ]
    headers = {}
    if entry.hub:
        from huggingface_hub import constants
        from huggingface_hub.utils import build_hf_headers

        listing = _listing(entry.hub, folder)
        headers = build_hf_headers()  # the token, for datasets behind a form
        for path, about in listing["files"].items():
            url = f"{constants.ENDPOINT}/datasets/{entry.hub.id}/resolve/{listing['revision']}/{quote(path)}"
            place = folder / about["split"] / PurePosixPath(path).name
            wanted.append((url, place, {"size": about["size"], "sha256": about["sha256"]}))
    missing = sum(expected["size"] or 0 for _, path, expected in wanted if not path.exists())
    packed = [file for file in entry.files if archives.is_archive(file.name)]
    unpacked = sum(file.size or 0 for file in packed if not _unpacked(file.path(name)).exists())
    if missing:
        download.room_for(missing + unpacked, folder, f"dataset '{name}' (download and unpacking)")
    for url, path, expected in wanted:
        download.fetch(
            url, path, headers=headers if entry.hub and url.startswith(constants.ENDPOINT) else {}, **expected
        )
    for file in packed:
        _unpack(file.path(name), file.path(name).parent / file.unpack, file.inner)
    return folder


def state(name: str, entry: Entry) -> tuple[str, str]:
    """(is it here, what is missing and how large it is), without the network and without reading what is here."""
    folder = files.raw_path(name)
    if entry.place:
        return ("placed", "") if folder.is_dir() else ("to be placed", entry.place)
    missing = [(file.name, file.size) for file in entry.files if not file.path(name).exists()]
    if entry.hub:
        if (folder / ".hub.json").exists():
            listed = json.loads((folder / ".hub.json").read_text())["files"]
            missing += [(path, about["size"]) for path, about in listed.items()
                        if not (folder / about["split"] / PurePosixPath(path).name).exists()]  # fmt: skip
        else:
            missing.append((f"hf-hub:{entry.hub.id}", None))
    packed = [f for f in entry.files if archives.is_archive(f.name) and not _unpacked(f.path(name)).exists()]
    trusted = "" if entry.verified else "; no published checksum: the first download is the measure"
    if not missing:
        return ("downloaded", f"to be unpacked: {', '.join(f.name for f in packed)}") if packed else ("ready", "")
    known = sum(size or 0 for _, size in missing)
    size = (megabytes(known) if known else "") + (" and " if known and any(s is None for _, s in missing) else "")
    size += "of unknown size" if any(s is None for _, s in missing) else ""
    some = len(missing) < len(entry.files) + bool(entry.hub)
    return "partly here" if some else "missing", f"{', '.join(n for n, _ in missing)} ({size}){trusted}"


# --- reading it -----------------------------------------------------------------------------------------------------


class _Encoded(Sequence):
    """The samples' images, read from where they were published when asked for."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        if isinstance(row, slice):
            return [layouts.encoded(sample) for sample in self.samples[row]]
        return layouts.encoded(self.samples[row])


def _split(entry: Entry, parts: Parts, name: str) -> dict[str, list[Sample]]:
    classes, samples = parts
    if "all" not in samples:
        return samples
    if entry.split is None:
        raise FileError(f"dataset '{name}' has no official split; its entry in catalogue.yaml needs 'split'")
    everything = samples["all"]
    random = np.random.default_rng(0)
    # By class where there are classes, so that each keeps its share.
    labels = np.array([sample.target for sample in everything]) if classes else np.zeros(len(everything), int)
    train = np.zeros(len(everything), bool)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        train[rows[: entry.split.per_class or 0]] = True
    if entry.split.share:  # the shares of all classes together are the share of the whole, to the image
        rows = np.concatenate([random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)])
        train[rows] = np.diff(np.floor(np.arange(len(rows) + 1) * entry.split.share + 0.5)) > 0
    return {split: [everything[i] for i in np.flatnonzero(train == (split == "train"))] for split in ("train", "test")}


def _sample(samples: list[Sample], kind: str, count: int | None, seed: int, what: str) -> list[Sample]:
    """All samples, or `count` of them, drawn with the classes' shares where each has one class."""
    if count is None or count == len(samples):
        return samples
    if count > len(samples):
        raise FileError(f"{what} has {len(samples)} samples; {count} were asked for")
    random = np.random.default_rng(seed)
    rows = random.permutation(len(samples))
    if kind == "classification":  # equal steps through the samples in class order take from each class its share
        rows = rows[np.argsort([samples[i].target for i in rows], kind="stable")]
        rows = rows[((np.arange(count) + random.random()) * len(rows) / count).astype(int)]
    return [samples[i] for i in np.sort(rows[:count])]


def _images(name: str, entry: Entry, classes: list[str], samples: list[Sample]) -> Images:
    """Samples as `Images`: targets and texts in the form that their kind has there."""
    images: Any = _Encoded(samples) if entry.kind != "tqa" else []
    targets = [sample.target for sample in samples]
    match entry.kind:
        case "classification" | "vqa":
            array = np.array(targets, np.int64)
        case "multilabel":
            array = np.zeros((len(samples), len(classes)), bool)
            for row, labels in enumerate(targets):
                array[row, labels] = True
        case "regression":
            array = np.array(targets, np.float64)
        case "grounding":
            sizes = np.array([layouts.size_of(image) for image in images], np.float64).reshape(-1, 2)
            boxes = np.array(targets, np.float64).reshape(-1, 4)
            corners = np.concatenate([boxes[:, :2] / sizes, (boxes[:, :2] + boxes[:, 2:]) / sizes], axis=1)
            array = corners.clip(0, 1)
        case _:
            array = np.zeros((len(samples), 0))
    texts = {key: [sample.texts[key] for sample in samples] for key in (samples[0].texts if samples else {})}
    return Images(name, entry.kind, classes, images, array, entry.licence, entry.origin, texts=texts)


def read(name: str, entry: Entry, train: int | None, test: int | None, seed: int) -> dict[str, Images]:
    """Both splits of a dataset that `prepare` made ready; whole, or `train` and `test` samples of them.

    Raises FileError when what was read is not as large as the entry says, or has other numbers of classes.
    """
    reader = layouts.READERS[entry.layout.reader]
    parts = reader(files.raw_path(name), **(entry.layout.model_extra or {}))
    samples = _split(entry, parts, name)
    classes = parts[0]
    if entry.classes is not None and len(classes) != entry.classes:
        raise FileError(f"dataset '{name}' has {len(classes)} classes in {files.raw_path(name)}, not {entry.classes}")
    if len({*classes}) != len(classes):
        raise FileError(f"dataset '{name}': two of its classes have one name")
    for split, count in entry.samples.items():
        if len(samples.get(split, [])) != count:
            raise FileError(f"dataset '{name}' has {len(samples.get(split, []))} {split} samples in "
                            f"{files.raw_path(name)}, not {count}; is it there completely?")  # fmt: skip
    chosen = {
        split: _sample(samples[split], entry.kind, count, seed, f"dataset '{name}', {split},")
        for split, count in (("train", train), ("test", test))
    }
    return {split: _images(name, entry, classes, some) for split, some in chosen.items()}
