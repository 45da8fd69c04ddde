"""Where each artefact lies, what it looks like, how it is written and how it is read.

The only module that knows a path or a file format. Writes are atomic: a temporary file beside the target, fsync,
rename. Readers refuse what is incomplete, foreign or made from something else, and name the file.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import ModuleType

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from stages.errors import UserError

SCHEMA = 1  # of the Parquet and HDF5 files; raised when a reader of the old one would misread the new one
STORE = Path(".store")
PUBLISHED = Path("data") / "published"  # tables of papers; each folder's truth is in truth.csv
ROOMS = [Path(room) for room in ("data/sources", "data/targets", "data/zoo", "features", "labels", "scores", "reports")]
USERS = "user-"  # begins the digest of a split that `stages.rank` read: a user's own, no part of the benchmark
GROUP = 1000  # rows of a Parquet file that are written, and read, at a time
WHOLE = 2**30  # bytes; the images of a larger file are read when asked for
AGAIN = "delete it and run `dvc repro` again"


class FileError(UserError):
    """A file is missing, incomplete, of another kind, or made from something else than asked for."""


# --- places ---------------------------------------------------------------------------------------------------------


def dataset_path(role: str, dataset: str, split: str) -> Path:
    return Path("data") / role / dataset / f"{split}.parquet"


def raw_path(dataset: str) -> Path:
    """What was downloaded, or what the user placed, for a dataset of the catalogue; outside DVC."""
    return Path("data") / "raw" / dataset


def zoo_path(ptm: str) -> Path:
    """A PTM of the benchmark; or, for `timm/NAME`, one that was fetched to rank for a user and is no part of it."""
    family, _, name = ptm.rpartition("/")
    return STORE / "ptms" / name if family == "timm" else Path("data") / "zoo" / ptm


def features_path(ptm: str, dataset: str) -> Path:
    return Path("features") / ptm / f"{dataset}.h5"


def labels_path(encoder: str, dataset: str) -> Path:
    return Path("labels") / encoder / f"{dataset}.h5"


def finetune_path(ptm: str) -> Path:
    return Path("scores") / "finetune" / f"{ptm}.csv"


def scores_path(dataset: str) -> Path:
    return Path("scores") / f"{dataset}.csv"


def tasks_path() -> Path:
    return Path("scores") / "spider" / "tasks.h5"


def ranker_path(ranker: str) -> Path:
    """Folder of a trained ranker: ranker.safetensors, card.json, training.csv."""
    return Path("scores") / "spider" / ranker


def rankers_path(dataset: str) -> Path:
    """What each ranker says of each PTM: by seed, and by how many PTMs are forwarded."""
    return Path("scores") / "rankers" / f"{dataset}.csv"


def weights_path(dataset: str) -> Path:
    """What each text encoder's F-labels say of each PTM: EMMS' weight of it, and scores on it alone."""
    return Path("scores") / "weights" / f"{dataset}.csv"


def page_path() -> Path:
    """The report, which tells seconds and is therefore no output of DVC's either."""
    return Path("reports") / "index.html"


def seconds_path(dataset: str) -> Path:
    """What scoring cost here: outside DVC's outputs, whose bytes must not differ from run to run."""
    return STORE / "seconds" / f"{dataset}.csv"


def log_path(stage: str) -> Path:
    """What a stage that `stages.run` started said."""
    return STORE / "logs" / f"{stage}.log"


def run_lock_path() -> Path:
    return STORE / "run.lock"


# --- atomic writes --------------------------------------------------------------------------------------------------


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it is flushed to disk and renamed, else removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f".{path.name}.*.tmp"):  # of writers that were killed
        process = stale.suffixes[-2][1:]
        if process.isdecimal() and not _alive(int(process)):
            stale.unlink(missing_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


# --- digests and the store of finished work -------------------------------------------------------------------------


def digest(path: str | Path) -> str:
    """sha256 of a file's bytes, as hex. Raises FileError when it is not there."""
    try:
        status = Path(path).stat()
        return _digest(Path(path), status.st_ino, status.st_size, status.st_mtime_ns)
    except FileNotFoundError:
        raise FileError(f"{path}: not found; `dvc repro` makes it, `dvc pull` fetches it") from None


@lru_cache  # scoring asks for a target's digest once a PTM
def _digest(path: Path, *version: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def key_of(*parts: object) -> str:
    """A name for the result of a computation: hash of everything that it depends on (JSON-able parts)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def code_version(*modules: ModuleType) -> str:
    """Hash of what modules do: of their syntax trees, so that a comment or a blank line changes nothing."""
    trees = [ast.dump(ast.parse(inspect.getsource(module))) for module in modules]
    return key_of(*trees)


def stored(room: str, key: str, suffix: str) -> Path:
    """Place of a finished result in the store, which outlives DVC's clearing of outputs before each run."""
    return STORE / room / key[:2] / f"{key}{suffix}"


def room_of(room: str, dataset_digest: str) -> str:
    """The room for results on a dataset: those on a user's own images are apart, as params.yaml never names them."""
    return f"rank/{room}" if dataset_digest.startswith(USERS) else room


def link(source: Path, target: Path) -> None:
    """Puts a stored file into place: a hard link where the file system can, else a copy."""
    with atomic(target) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


# --- datasets: Parquet in the Hugging Face convention ---------------------------------------------------------------


KINDS = ("classification", "multilabel", "regression", "caption", "vqa", "tqa", "grounding")
# The task of a PTM that can be fine-tuned on a kind: an image PTM takes a new head for any of the first three.
TASK_OF = {kind: "image" if kind in ("classification", "multilabel", "regression") else kind for kind in KINDS}


@dataclass(frozen=True)
class Images:
    """One split of a dataset of one of `KINDS`: encoded images (PNG or JPEG bytes), texts and targets.

    classes: class names in label order (classification, multilabel); the possible answers (vqa); else empty.
    images: N of them; none for tqa. A list, or where they are many a sequence that reads them when asked.
    targets, one row a sample:
        classification, vqa  (N,) int64, indices into `classes`
        multilabel           (N, C) bool, C = len(classes)
        regression           (N,) or (N, T) float64
        grounding            (N, 4) float64, boxes x0, y0, x1, y1 in shares of the image's width and height, from its
                             left upper corner: 0 <= x0 < x1 <= 1, 0 <= y0 < y1 <= 1
        caption, tqa         (N, 0): what they aim at are texts
    texts, lists of N entries by name:
        caption    captions: list[str], at least one
        vqa        question: str
        tqa        context, question: str; answers: list[str], at least one; starts: list[int], the place of each
                   answer's first character in the context, -1 for an answer that is not a part of it
        grounding  phrase: str
    """

    name: str
    kind: str
    classes: list[str]
    images: Sequence[bytes]
    targets: np.ndarray
    licence: str
    origin: str
    digest: str = ""
    texts: dict[str, list] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def rows(self) -> np.ndarray:
        """The sample that each row of features and of F-labels by sample belongs to, (R,).

        One row a sample; for caption one row an (image, caption) pair, in the order of samples and captions.
        """
        each = [len(captions) for captions in self.texts["captions"]] if self.kind == "caption" else 1
        return np.repeat(np.arange(len(self)), each)

    def take(self, samples: np.ndarray) -> Images:
        """The split with these samples only, under a digest of its own."""
        if np.array_equal(samples, np.arange(len(self))):
            return self
        return replace(
            self,
            images=[self.images[i] for i in samples] if self.images else [],
            targets=self.targets[samples],
            texts={name: [values[i] for i in samples] for name, values in self.texts.items()},
            digest=(USERS if self.digest.startswith(USERS) else "") + key_of(self.digest, np.asarray(samples).tolist()),
        )


_TEXT = pa.string(), {"_type": "Value", "dtype": "string"}
_INDEX = pa.int64(), {"_type": "Value", "dtype": "int64"}
_FLOAT = pa.float64(), {"_type": "Value", "dtype": "float64"}


def _list_of(item: tuple[pa.DataType, dict]) -> tuple[pa.DataType, dict]:
    return pa.list_(item[0]), {"feature": item[1], "_type": "Sequence"}


def _columns(split: Images) -> dict[str, tuple[tuple[pa.DataType, dict], list | np.ndarray]]:
    """Name -> ((Arrow type, Hugging Face feature), values) of every column beside the image."""
    targets, texts = split.targets, split.texts
    label = pa.int64(), {"_type": "ClassLabel", "names": split.classes}
    match split.kind:
        case "classification":
            return {"label": (label, targets)}
        case "multilabel":
            return {"labels": (_list_of(label), [np.flatnonzero(row) for row in targets])}
        case "regression":
            return {"target": (_FLOAT, targets) if targets.ndim == 1 else (_list_of(_FLOAT), list(targets))}
        case "caption":
            return {"captions": (_list_of(_TEXT), texts["captions"])}
        case "vqa":
            return {"question": (_TEXT, texts["question"]), "answer": (_TEXT, [split.classes[t] for t in targets])}
        case "tqa":  # as SQuAD's
            answers = (
                pa.struct([("text", pa.list_(pa.string())), ("answer_start", pa.list_(pa.int64()))]),
                {"feature": {"text": _TEXT[1], "answer_start": _INDEX[1]}, "_type": "Sequence"},
            )
            rows = zip(texts["answers"], texts["starts"], strict=True)
            return {
                "context": (_TEXT, texts["context"]),
                "question": (_TEXT, texts["question"]),
                "answers": (answers, [{"text": text, "answer_start": start} for text, start in rows]),
            }
        case "grounding":
            return {"phrase": (_TEXT, texts["phrase"]), "box": (_list_of(_FLOAT), list(targets))}
    raise FileError(f"dataset '{split.name}': unknown kind '{split.kind}'; known: {', '.join(KINDS)}")


def write_images(path: Path, split: Images) -> None:
    """Writes one split, the rest of what is known as schema metadata. Columns, as other datasets of the kind have them:

        image: struct<bytes, path> in all but tqa, then
        classification  label                  multilabel  labels: the indices of the classes that apply
        regression      target, a list of T    caption     captions
        vqa             question, answer       tqa         context, question, answers: struct<text, answer_start>
        grounding       phrase, box

    Raises FileError when the kind is unknown or the columns are not equally long.
    """
    image = (pa.struct([("bytes", pa.binary()), ("path", pa.string())]), {"_type": "Image"})
    columns = _columns(split)
    if split.kind != "tqa":
        columns = {"image": (image, split.images), **columns}
    lengths = {name: len(values) for name, (_, values) in columns.items()}
    if len({*lengths.values(), len(split)}) > 1:
        raise FileError(f"dataset '{split.name}': {len(split)} targets, but columns of {lengths} rows")
    features = {name: feature for name, ((_, feature), _) in columns.items()}
    about = {"schema": SCHEMA, "name": split.name, "kind": split.kind, "classes": split.classes}
    about |= {"licence": split.licence, "origin": split.origin}
    metadata = {"huggingface": json.dumps({"info": {"features": features}}), "orbweaver": json.dumps(about)}
    metadata["orbweaver.checksum"] = key_of(about)  # pages have their own
    schema = pa.schema([pa.field(name, arrow) for name, ((arrow, _), _) in columns.items()], metadata=metadata)
    # Group by group, so that images which are read when asked are never all in memory. PNG does not compress again.
    with (
        atomic(path) as temporary,
        pq.ParquetWriter(temporary, schema, compression="none", write_page_checksum=True) as writer,
    ):
        for start in range(0, max(len(split), 1), GROUP):
            rows = slice(start, start + GROUP)
            arrays = {name: values[rows] for name, (_, values) in columns.items()}
            if "image" in arrays:
                arrays["image"] = [{"bytes": b, "path": f"{i:06d}.png"} for i, b in enumerate(arrays["image"], start)]
            writer.write_table(pa.table([pa.array(arrays[field.name], field.type) for field in schema], schema=schema))


def kept_rows(source_digest: str) -> Path:
    """Where the store keeps the images of a large Parquet file, of this digest, as an Arrow file."""
    return stored("images", key_of(source_digest), ".arrow")


class Rows(Sequence):
    """The images of a large Parquet file, any of them at once: copied on first use into the store as an Arrow file,
    which is mapped into memory instead of being read. Worker processes open their own."""

    def __init__(self, path: Path, source_digest: str) -> None:
        self.arrow = kept_rows(source_digest).absolute()
        self.batches: list[pa.RecordBatch] = []
        if not self.arrow.exists():
            column = pq.ParquetFile(path, page_checksum_verification=True)
            schema = pa.schema([pa.field("bytes", pa.binary())])
            with (
                atomic(self.arrow) as temporary,
                pa.OSFile(str(temporary), "wb") as out,
                pa.ipc.new_file(out, schema) as to,
            ):
                for batch in column.iter_batches(GROUP, columns=["image"]):
                    to.write_batch(pa.record_batch([batch.column(0).field("bytes")], schema=schema))
        self._open()

    def _open(self) -> None:
        file = pa.ipc.open_file(pa.memory_map(str(self.arrow)))
        self.batches = [file.get_batch(i) for i in range(file.num_record_batches)]
        self.ends = np.cumsum([len(batch) for batch in self.batches])

    def __getstate__(self) -> dict:
        return {"arrow": self.arrow}

    def __setstate__(self, state: dict) -> None:
        self.arrow = state["arrow"]
        self._open()

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, row: int | slice) -> bytes | list[bytes]:
        if isinstance(row, slice):
            return [self[i] for i in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        batch = int(np.searchsorted(self.ends, row, side="right"))
        return self.batches[batch].column(0)[row - int(self.ends[batch]) + len(self.batches[batch])].as_py()


def read_images(path: Path) -> Images:
    """Reads one split back. Raises FileError when the file is missing, truncated or not one of ours."""
    source_digest = digest(path)
    try:
        large = path.stat().st_size > WHOLE
        schema = pq.read_schema(path)
        metadata = schema.metadata or {}
        if b"orbweaver" not in metadata:
            raise FileError(f"{path}: a Parquet file without Orbweaver's metadata; write it with stages.files")
        about = json.loads(metadata[b"orbweaver"])
        if metadata.get(b"orbweaver.checksum", b"").decode() != key_of(about):
            raise ValueError("its metadata does not match its checksum")
        if about["schema"] != SCHEMA:
            raise FileError(f"{path}: schema {about['schema']}, this version reads {SCHEMA}; run `dvc repro` again")
        wanted = [name for name in schema.names if name != "image" or not large]
        table = pq.read_table(path, columns=wanted, partitioning=None, page_checksum_verification=True)
        targets, texts = _targets_and_texts(table, about["kind"], about["classes"])
        if about["kind"] == "tqa":
            images = []
        else:
            images = Rows(path, source_digest) if large else table["image"].combine_chunks().field("bytes").to_pylist()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise FileError(f"{path}: truncated or not Parquet ({error}); {AGAIN}") from None
    return Images(
        name=about["name"],
        kind=about["kind"],
        classes=about["classes"],
        images=images,
        targets=targets,
        licence=about["licence"],
        origin=about["origin"],
        digest=source_digest,
        texts=texts,
    )


def _targets_and_texts(table: pa.Table, kind: str, classes: list[str]) -> tuple[np.ndarray, dict[str, list]]:
    """What `_columns` wrote, as `Images` holds it."""

    def numbers(column: str) -> np.ndarray:
        if not pa.types.is_list(table.schema.field(column).type):
            return table[column].to_numpy().copy()  # Arrow memory is read-only, which torch does not like
        return np.array(table[column].to_pylist(), np.float64)

    def listed(*columns: str) -> dict[str, list]:
        return {column: table[column].to_pylist() for column in columns}

    none = np.zeros((len(table), 0))
    match kind:
        case "classification":
            return numbers("label"), {}
        case "multilabel":
            present = np.zeros((len(table), len(classes)), bool)
            for row, labels in enumerate(table["labels"].to_pylist()):
                present[row, labels] = True
            return present, {}
        case "regression":
            return numbers("target"), {}
        case "caption":
            return none, listed("captions")
        case "vqa":
            place = {answer: i for i, answer in enumerate(classes)}
            return np.array([place[a] for a in table["answer"].to_pylist()], np.int64), listed("question")
        case "tqa":
            answers = table["answers"].to_pylist()
            texts = {"answers": [a["text"] for a in answers], "starts": [a["answer_start"] for a in answers]}
            return none, listed("context", "question") | texts
        case "grounding":
            return numbers("box").reshape(-1, 4), listed("phrase")
    raise FileError(f"a dataset of unknown kind '{kind}'; known: {', '.join(KINDS)}; another version wrote it")


# --- features: HDF5 -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Features:
    """One forward pass of a PTM over a dataset's training split.

    features (N, D) float32; probabilities (N, S) float32 or None; targets (N,); made_from: digests of what made it.
    """

    features: np.ndarray
    probabilities: np.ndarray | None
    targets: np.ndarray
    kind: str
    made_from: dict


@contextmanager
def _hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file, written atomically. Its format, 1.10's, has checksums of everything but the arrays; see `put`.

    It is built in memory: arrays that HDF5 cannot flush when they are closed it would lose without an error.
    """
    with atomic(path) as temporary, h5py.File(temporary, "w", driver="core", libver=("v110", "v110")) as file:
        yield file


@contextmanager
def _reading(path: Path, what: str, target: str) -> Iterator[h5py.File]:
    """A complete HDF5 file of ours; `what` it is and DVC's `target` that holds it are for messages.

    Raises FileError when it is missing, truncated or foreign.
    """
    if not path.exists():
        raise FileError(f"{path}: not found; `dvc repro` makes it, `dvc pull {target}` fetches it")
    try:
        with h5py.File(path, "r") as file:
            if not file.attrs.get("complete", False):
                raise FileError(f"{path}: not a complete {what} of Orbweaver; {AGAIN}")
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError) as error:
        raise FileError(f"{path}: truncated or not a {what} ({error}); {AGAIN}") from None


def _check_origin(path: Path, found: dict, wanted: dict | None) -> None:
    for what in wanted or {}:
        if found.get(what) != wanted[what]:
            raise FileError(f"{path}: made from another {what} than asked for; {AGAIN}")


def put(file: h5py.File, name: str, array: np.ndarray) -> None:
    """An array with checksums, which HDF5 does not give to empty ones."""
    file.create_dataset(name, data=array, fletcher32=array.size > 0)


def put_empty(file: h5py.File, name: str, shape: tuple[int, int], rows: int) -> None:
    """A float32 array with checksums, to fill so many rows at a time."""
    file.create_dataset(name, shape, np.float32, chunks=(min(rows, shape[0]), shape[1]), fletcher32=True)


@contextmanager
def features_writer(path: Path, rows: int, made_from: dict) -> Iterator[h5py.File]:
    """An HDF5 file to fill batch by batch; it is marked complete and renamed only when the block ends well."""
    with _hdf5(path) as file:
        file.attrs["schema"] = SCHEMA
        file.attrs["rows"] = rows
        file.attrs["made_from"] = json.dumps(made_from, sort_keys=True)
        yield file
        file.attrs["complete"] = True


def read_features(path: Path, made_from: dict | None = None) -> Features:
    """Reads a feature file; with `made_from`, refuses one that another checkpoint, dataset or preprocessing made.

    Raises FileError when the file is missing, truncated, foreign, incomplete, mismatched or holds NaN or infinity.
    """
    with _reading(path, "feature file", "features") as file:
        found = json.loads(file.attrs["made_from"])
        rows = int(file.attrs["rows"])
        features = file["features"][:]
        probabilities = file["probabilities"][:] if "probabilities" in file else None
        targets = file["targets"][:]
        kind = str(file.attrs["kind"])
    _check_origin(path, found, made_from)
    if not len(features) == len(targets) == rows or (probabilities is not None and len(probabilities) != rows):
        raise FileError(f"{path}: says {rows} rows but holds {len(features)} features, {len(targets)} targets; {AGAIN}")
    for what, array in (("features", features), ("probabilities", probabilities)):
        if array is not None and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise FileError(
                f"{path}: {bad} values of '{what}' are NaN or infinite; check the PTM and its preprocessing"
            )
    return Features(features, probabilities, targets, kind, found)


# --- named arrays: safetensors --------------------------------------------------------------------------------------


def write_arrays(path: Path, **arrays: np.ndarray) -> None:
    with atomic(path) as temporary:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, temporary)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Raises FileError when the file is missing or damaged."""
    try:
        return load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise FileError(f"{path}: missing or damaged ({error}); {AGAIN}") from None


# --- Model Spider's training tasks: HDF5 ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tasks:
    """Drawn tasks: T tasks, M PTMs, Q methods; task t's classes are the rows offsets[t] to offsets[t + 1] of tokens.

    tokens: PTM -> (R, D_m) float32; scores (T, M, Q), NaN where a method has no value; validation, mixture (T,);
    has_source (T, S): which sources task t has classes of.
    """

    ptms: list[str]
    methods: list[str]
    sources: list[str]
    offsets: np.ndarray
    tokens: dict[str, np.ndarray]
    scores: np.ndarray
    validation: np.ndarray
    mixture: np.ndarray
    has_source: np.ndarray

    @property
    def widths(self) -> dict[str, int]:
        return {ptm: self.tokens[ptm].shape[1] for ptm in self.ptms}

    def tokens_of(self, ptm: str, task: int) -> np.ndarray:
        """(C, D_m): the class means of one task under one PTM."""
        return self.tokens[ptm][self.offsets[task] : self.offsets[task + 1]]


def write_tasks(path: Path, tasks: Tasks) -> None:
    with _hdf5(path) as file:
        file.attrs["schema"] = SCHEMA
        for name in ("ptms", "methods", "sources"):
            file.attrs[name] = json.dumps(getattr(tasks, name))
        for name in ("offsets", "scores", "validation", "mixture", "has_source"):
            put(file, name, getattr(tasks, name))
        for ptm in tasks.ptms:
            put(file, f"tokens/{ptm}", tasks.tokens[ptm])
        file.attrs["complete"] = True


def read_tasks(path: Path) -> Tasks:
    """Raises FileError when the file is missing, truncated, foreign or incomplete."""
    with _reading(path, "task file", "draw") as file:
        names = {name: json.loads(file.attrs[name]) for name in ("ptms", "methods", "sources")}
        arrays = {name: file[name][:] for name in ("offsets", "scores", "validation", "mixture", "has_source")}
        tokens = {ptm: file[f"tokens/{ptm}"][:] for ptm in names["ptms"]}
    return Tasks(**names, **arrays, tokens=tokens)


# --- F-labels: HDF5 -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Labels:
    """Targets as a text encoder sees them: embeddings (R, E) float32 of R texts, per "class" or per "sample".

    A regression has none (R = 0, per "nothing").
    """

    embeddings: np.ndarray
    texts: list[str]
    per: str
    made_from: dict


def write_labels(path: Path, labels: Labels) -> None:
    """Raises FileError when an embedding is NaN or infinite: a text encoder that overflows is of no use."""
    if not np.isfinite(labels.embeddings).all():
        raise FileError(f"{labels.made_from['encoder']}: embeddings are NaN or infinite; take another text encoder")
    with _hdf5(path) as file:
        put(file, "embeddings", labels.embeddings.astype(np.float32))
        file.create_dataset("texts", data=labels.texts, dtype=h5py.string_dtype())
        file.attrs.update(schema=SCHEMA, per=labels.per, made_from=json.dumps(labels.made_from, sort_keys=True))
        file.attrs["complete"] = True


def read_labels(path: Path, made_from: dict | None = None) -> Labels:
    """Reads F-labels; with `made_from`, refuses those that another encoder, dataset or pooling made.

    Raises FileError when the file is missing, truncated, foreign, incomplete or mismatched.
    """
    with _reading(path, "file of F-labels", "labels") as file:
        found = json.loads(file.attrs["made_from"])
        embeddings, texts = file["embeddings"][:], file["texts"].asstr()[:].tolist()
        per = str(file.attrs["per"])
    _check_origin(path, found, made_from)
    if len(embeddings) != len(texts):
        raise FileError(f"{path}: holds {len(embeddings)} embeddings of {len(texts)} texts; {AGAIN}")
    return Labels(embeddings, texts, per, found)


# --- tables: CSV ----------------------------------------------------------------------------------------------------


def write_csv(table: pd.DataFrame, path: Path) -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def read_csv(path: Path, columns: list[str]) -> pd.DataFrame:
    """Reads one of our tables. Raises FileError when it is missing, unreadable or lacks a column."""
    missing, damaged = "`dvc repro` makes it, `dvc pull` fetches it", AGAIN
    if PUBLISHED in path.parents:
        missing = damaged = f"`git checkout {path}` restores it"
    try:
        table = pd.read_csv(path, keep_default_na=True)
    except FileNotFoundError:
        raise FileError(f"{path}: not found; {missing}") from None
    except (ValueError, UnicodeDecodeError) as error:  # pandas' parser errors are ValueErrors
        raise FileError(f"{path}: not a table ({error}); {damaged}") from None
    if lacking := [column for column in columns if column not in table.columns]:
        raise FileError(f"{path}: has no column '{lacking[0]}'; {damaged}")
    return table
