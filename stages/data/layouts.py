"""Readers of the layouts in which datasets are published: one function a layout, `(folder, what the entry says)`.

Each gives the class names in label order (answers, for questions; none for texts and values) and its splits as lists of
`Sample`. Image files are named, not read: they keep their own bytes until the Parquet file is written.
"""

from __future__ import annotations

import io
import json
import pickletools
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from stages.data.images import png
from stages.files import FileError


class Sample(NamedTuple):
    """image: a file, or a function that gives encoded bytes, or None (text). target: by kind, as `Images` has it:
    class index; list of class indices; number or list of numbers; box in pixels x, y, width, height.
    texts: by kind, as `Images.texts`; for questions the answer is among them as `answer`."""

    image: Path | Callable[[], bytes] | None
    target: Any
    texts: dict[str, Any] = {}  # noqa: RUF012 (never changed)


Parts = tuple[list[str], dict[str, list[Sample]]]
PICTURES = {".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp"}


def pictures(folder: Path) -> list[Path]:
    """Image files below a folder, by name. Raises FileError when the folder is not there."""
    if not folder.is_dir():
        raise FileError(f"{folder}: not found; is the dataset unpacked there completely?")
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in PICTURES and not p.name.startswith("._"))


def readable(name: str) -> str:
    """A class name as people write it: `001.Black_footed_Albatross` is Black footed Albatross."""
    return re.sub(r"[_/]+", " ", re.sub(r"^(n\d{8}-|\d{3}\.)", "", name)).strip()


def lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except FileNotFoundError:
        raise FileError(f"{path}: not found; is the dataset unpacked there completely?") from None


# --- folders and lists ----------------------------------------------------------------------------------------------


def class_folders(root: Path, folder: str, without: list[str] | None = None) -> Parts:
    """folder/<class>/<image>."""
    if not (root / folder).is_dir():
        raise FileError(f"{root / folder}: not found; is the dataset unpacked there completely?")
    names = sorted(p.name for p in (root / folder).iterdir() if p.is_dir() and p.name not in (without or []))
    samples = [Sample(path, label) for label, name in enumerate(names) for path in pictures(root / folder / name)]
    return [readable(name) for name in names], {"all": samples}


def domain_folders(root: Path, folder: str) -> Parts:
    """folder/<domain>/<class>/<image>; domains together."""
    found = [(path, path.relative_to(root / folder).parts[1]) for path in pictures(root / folder)]
    names = sorted({name for _, name in found})
    return [readable(name) for name in names], {"all": [Sample(path, names.index(name)) for path, name in found]}


def _torchvision(make: Callable[[str], Any], splits: dict[str, list[str]]) -> Parts:
    """Splits of a torchvision dataset made with `loader=Path`, so that it names its images instead of reading them."""
    made = {split: [make(part) for part in parts] for split, parts in splits.items()}
    classes = next(iter(made.values()))[0].classes
    if any(part.classes != classes for parts in made.values() for part in parts):
        raise FileError("the parts of the dataset have different classes; is it unpacked completely?")
    samples = {split: [Sample(*part[i]) for part in parts for i in range(len(part))] for split, parts in made.items()}
    return [readable(name) for name in classes], samples


def aircraft(root: Path) -> Parts:
    from torchvision.datasets import FGVCAircraft

    return _torchvision(lambda part: FGVCAircraft(root, part, loader=Path), {"train": ["trainval"], "test": ["test"]})


def dtd(root: Path) -> Parts:
    from torchvision.datasets import DTD

    return _torchvision(lambda part: DTD(root, part, loader=Path), {"train": ["train", "val"], "test": ["test"]})


def food(root: Path) -> Parts:
    from torchvision.datasets import Food101

    return _torchvision(lambda part: Food101(root, part, loader=Path), {"train": ["train"], "test": ["test"]})


def pet(root: Path) -> Parts:
    """annotations/{trainval,test}.txt: image, class from 1, species, breed."""
    rows = {
        s: [r.split() for r in lines(root / f"annotations/{f}.txt")] for s, f in (("train", "trainval"), ("test",) * 2)
    }
    names = {int(label): image.rsplit("_", 1)[0] for image, label, *_ in rows["train"]}
    classes = [readable(names[label]) for label in sorted(names)]
    return classes, {
        split: [Sample(root / f"images/{image}.jpg", int(label) - 1) for image, label, *_ in listed]
        for split, listed in rows.items()
    }


def sun397(root: Path) -> Parts:
    """ClassName.txt and the first partition: /a/abbey/sun_aaa.jpg."""
    names = [name.strip() for name in lines(root / "ClassName.txt")]
    place = {name: label for label, name in enumerate(names)}
    classes = [readable(name.split("/", 2)[2]) for name in names]
    samples = {
        split: [Sample(root / f"SUN397{p.strip()}", place[p.strip().rsplit("/", 1)[0]]) for p in lines(root / file)]
        for split, file in (("train", "Training_01.txt"), ("test", "Testing_01.txt"))
    }
    return classes, samples


def flowers(root: Path) -> Parts:
    """setid.mat and imagelabels.mat number the images from 1; names are torchvision's."""
    from scipy.io import loadmat
    from torchvision.datasets import Flowers102

    sets = loadmat(root / "setid.mat", squeeze_me=True)
    labels = loadmat(root / "imagelabels.mat", squeeze_me=True)["labels"]

    def part(*keys: str) -> list[Sample]:
        numbers = np.concatenate([np.atleast_1d(sets[key]) for key in keys])
        return [Sample(root / f"jpg/image_{i:05d}.jpg", int(labels[i - 1]) - 1) for i in numbers]

    return [readable(name) for name in Flowers102.classes], {"train": part("trnid", "valid"), "test": part("tstid")}


def voc(root: Path) -> Parts:
    """ImageSets/Main/<class>_<split>.txt: 1 for present, 0 for difficult, -1 for absent."""
    base = root / "VOCdevkit/VOC2007"
    lists = base / "ImageSets/Main"
    names = sorted(path.name.removesuffix("_trainval.txt") for path in lists.glob("*_trainval.txt"))
    samples = {}
    for split, part in (("train", "trainval"), ("test", "test")):
        present: dict[str, list[int]] = {}
        for label, name in enumerate(names):
            for image, flag in (row.split() for row in lines(lists / f"{name}_{part}.txt")):
                present.setdefault(image, [])
                if flag == "1":
                    present[image].append(label)
        samples[split] = [Sample(base / f"JPEGImages/{image}.jpg", labels) for image, labels in present.items()]
    return [readable(name) for name in names], samples


def utkface(root: Path) -> Parts:
    """<age>_<gender>_<race>_<date>.jpg, and a few whose names lack a part; the age always comes first."""
    found = [(path, path.name.split("_")[0]) for path in pictures(root)]
    return [], {"all": [Sample(path, float(age)) for path, age in found if age.isdigit()]}


def birds(root: Path, folder: str) -> Parts:
    """CUB's lists, which NABirds shares: images.txt, image_class_labels.txt, train_test_split.txt, classes.txt.

    Only classes that have images count: NABirds lists the whole tree of species.
    """
    base = root / folder

    def listed(file: str) -> dict[str, str]:
        return dict(line.strip().split(" ", 1) for line in lines(base / file))

    names, label_of, train = listed("classes.txt"), listed("image_class_labels.txt"), listed("train_test_split.txt")
    used = sorted({*label_of.values()}, key=int)
    label = {one: i for i, one in enumerate(used)}
    samples: dict[str, list[Sample]] = {"train": [], "test": []}
    for image, path in listed("images.txt").items():
        samples["train" if train[image] == "1" else "test"].append(
            Sample(base / "images" / path, label[label_of[image]])
        )
    return [readable(names[one]) for one in used], samples


def dogs(root: Path) -> Parts:
    """{train,test}_list.mat: file_list below Images, labels from 1."""
    from scipy.io import loadmat

    names: dict[int, str] = {}
    samples = {}
    for split in ("train", "test"):
        mat = loadmat(root / f"{split}_list.mat", squeeze_me=True)
        samples[split] = [
            Sample(root / "Images" / str(file), int(label) - 1)
            for file, label in zip(np.atleast_1d(mat["file_list"]), np.atleast_1d(mat["labels"]), strict=True)
        ]
        names |= {sample.target: sample.image.parent.name for sample in samples[split]}
    return [readable(names[label]) for label in sorted(names)], samples


# --- arrays ---------------------------------------------------------------------------------------------------------


def _arrays(pixels: np.ndarray, targets: np.ndarray | list) -> list[Sample]:
    """Samples of an array of images (N, H, W) or (N, H, W, 3)."""
    return [Sample(partial(png, pixels[i]), target) for i, target in enumerate(targets)]


def dsprites(root: Path, images: int) -> Parts:
    """HDF5: imgs (737280, 64, 64) of 0 and 1, latents/values (737280, 6), of which scale, orientation, x and y."""
    import h5py

    path = root / "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"
    with h5py.File(path) as file:
        values = file["latents/values"][:, 2:]
        chosen = np.sort(np.random.default_rng(42).permutation(len(values))[:images])
        pixels = file["imgs"][:][chosen] * np.uint8(255)
    return [], {"all": _arrays(pixels, values[chosen].tolist())}


def stl10(root: Path) -> Parts:
    """Raw bytes, (N, 3, 96, 96) column by column, labels from 1."""
    base = root / "stl10_binary"
    samples = {}
    for split in ("train", "test"):
        pixels = np.fromfile(base / f"{split}_X.bin", np.uint8).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
        samples[split] = _arrays(pixels, (np.fromfile(base / f"{split}_y.bin", np.uint8).astype(int) - 1).tolist())
    return [readable(name) for name in lines(base / "class_names.txt")], samples


def _norb(path: Path) -> np.ndarray:
    """NORB's binary matrices: magic number, rank, at least three sizes, then the values."""
    raw = path.read_bytes()
    magic, rank = np.frombuffer(raw, "<i4", 2)
    kinds = {0x1E3D4C55: np.dtype("u1"), 0x1E3D4C54: np.dtype("<i4")}
    if int(magic) not in kinds:
        raise FileError(f"{path}: not one of NORB's matrices")
    sizes = np.frombuffer(raw, "<i4", max(rank, 3), 8)
    return np.frombuffer(raw, kinds[int(magic)], offset=8 + 4 * max(rank, 3)).reshape(sizes[:rank])


def smallnorb(root: Path) -> Parts:
    """Matrices (N, 2, 96, 96) of pairs of grey images, and categories (N,)."""
    samples = {}
    for split, part in (("train", "5x46789x9x18x6x2x96x96-training"), ("test", "5x01235x9x18x6x2x96x96-testing")):
        pixels, labels = (_norb(root / f"smallnorb-{part}-{what}.mat") for what in ("dat", "cat"))
        samples[split] = _arrays(pixels[:, 0], labels.tolist())
    return ["four-legged animal", "human figure", "airplane", "truck", "car"], samples


def svhn(root: Path) -> Parts:
    """X (32, 32, 3, N), y (N, 1) in which 10 stands for the digit 0."""
    from scipy.io import loadmat

    samples = {}
    for split in ("train", "test"):
        mat = loadmat(root / f"{split}_32x32.mat")
        samples[split] = _arrays(mat["X"].transpose(3, 0, 1, 2), (mat["y"][:, 0].astype(int) % 10).tolist())
    return [str(digit) for digit in range(10)], samples


# --- Parquet of the hub ---------------------------------------------------------------------------------------------


class _Column:
    """Encoded images of one row group, read when the first of them is asked for."""

    def __init__(self, path: Path, group: int, column: str) -> None:
        self.where, self.values = (path, group, column), None

    def __call__(self, row: int) -> bytes:
        if self.values is None:
            _Column.last.values = None  # one group in memory is enough: rows are asked for in order
            path, group, column = self.where
            self.values = pq.ParquetFile(path).read_row_group(group, [column])[column].combine_chunks().field("bytes")
            _Column.last = self
        return self.values[row].as_py()


_Column.last = _Column(Path(), 0, "")


def rows(root: Path, splits: list[str], columns: list[str], image: str | None = None) -> dict[str, list[tuple]]:
    """Rows of the Parquet files below `root/<split>/`, and how to read the image of each; train2 goes with train."""
    found: dict[str, list[tuple]] = {}
    for split in splits:
        for path in sorted((root / split).rglob("*.parquet")):
            file = pq.ParquetFile(path)
            known = file.schema_arrow.names
            if lacking := [name for name in (*columns, *filter(None, [image])) if name not in known]:
                raise FileError(f"{path}: has no column '{lacking[0]}'; its columns are {', '.join(known)}")
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, columns).to_pylist()
                pixels = _Column(path, group, image) if image else None
                found.setdefault(re.sub(r"\d+$", "", split), []).extend(
                    (partial(pixels, i) if pixels else None, *(row[name] for name in columns))
                    for i, row in enumerate(table)
                )
    return found


def parquet(root: Path, image: str = "image", label: str = "label", captions: str | None = None) -> Parts:
    """<split>/*.parquet of a Hugging Face dataset: image struct<bytes, path>, and a class label or a list of captions.

    Class names are those in the files' own metadata, else the sorted labels.
    """
    splits = sorted(p.name for p in root.iterdir() if p.is_dir())
    found = rows(root, splits, [captions or label], image)
    if captions:
        return [], {s: [Sample(i, None, {"captions": list(c)}) for i, c in listed] for s, listed in found.items()}
    first = next(path for split in splits for path in sorted((root / split).rglob("*.parquet")))
    about = json.loads((pq.read_schema(first).metadata or {}).get(b"huggingface", b"{}"))
    names = about.get("info", {}).get("features", {}).get(label, {}).get("names")
    if names is None:
        names = sorted({one for listed in found.values() for _, one in listed}, key=str)
        found = {split: [(i, names.index(one)) for i, one in listed] for split, listed in found.items()}
    classes = [readable(str(name)) for name in names]
    return classes, {split: [Sample(i, int(one)) for i, one in listed] for split, listed in found.items()}


# --- captions -------------------------------------------------------------------------------------------------------


def flickr8k(root: Path) -> Parts:
    """Flickr8k.token.txt (`image.jpg#0<tab>caption`), split lists, images in Flicker8k_Dataset (as it is spelt)."""
    captions: dict[str, list[str]] = {}
    for line in lines(root / "Flickr8k.token.txt"):
        name, caption = line.split("\t", 1)
        captions.setdefault(name.split("#")[0], []).append(caption.strip())
    return [], {
        split: [
            Sample(root / "Flicker8k_Dataset" / name.strip(), None, {"captions": captions[name.strip()]})
            for name in lines(root / f"Flickr_8k.{split}Images.txt")
        ]
        for split in ("train", "test")
    }


def karpathy(root: Path, annotations: str, images: str) -> Parts:
    """Karpathy's JSON: images[] with filename, split and sentences[].raw."""
    try:
        listed = json.loads((root / annotations).read_text(encoding="utf-8"))["images"]
    except FileNotFoundError:
        raise FileError(f"{root / annotations}: not found") from None
    return [], {
        split: [
            Sample(root / images / i["filename"], None, {"captions": [s["raw"].strip() for s in i["sentences"]]})
            for i in listed
            if i["split"] == split
        ]
        for split in ("train", "test")
    }


def coco_captions(root: Path) -> Parts:
    """annotations/captions_<part>.json: images[] with id and file_name, annotations[] with image_id and caption."""
    samples = {}
    for split, part in (("train", "train2014"), ("test", "val2014")):
        base = root.parent / "coco"
        with open(base / f"annotations/captions_{part}.json", encoding="utf-8") as file:
            found = json.load(file)
        captions: dict[int, list[str]] = {}
        for one in found["annotations"]:
            captions.setdefault(one["image_id"], []).append(one["caption"].strip())
        samples[split] = [
            Sample(base / part / image["file_name"], None, {"captions": captions[image["id"]]})
            for image in found["images"]
        ]
    return [], samples


def _strings_in_pickle(path: Path) -> list[str]:
    """The strings of a pickled list, read off its opcodes: nothing in it is run."""
    texts = {"BINUNICODE", "SHORT_BINUNICODE", "UNICODE", "STRING", "SHORT_BINSTRING", "BINSTRING"}
    return [str(argument) for code, argument, _ in pickletools.genops(path.read_bytes()) if code.name in texts]


def flickrstyle(root: Path, names: str, captions: str) -> Parts:
    """FlickrStyle10k: one caption a line, and the images' names in the same order in a pickled list."""
    if not (root / names).is_file():
        raise FileError(f"{root / names}: not found")
    images, written = _strings_in_pickle(root / names), lines(root / captions)
    if len(images) != len(written):
        raise FileError(f"{root / names}: {len(images)} names for {len(written)} captions of {captions}")
    both = zip(images, written, strict=True)
    return [], {
        "all": [
            Sample(root / "flickr30k-images" / f"{Path(image).name.split('_')[0].removesuffix('.jpg')}.jpg", None,
                   {"captions": [caption.strip()]})
            for image, caption in both
        ]
    }  # fmt: skip


# --- boxes and questions --------------------------------------------------------------------------------------------


def refcoco(root: Path) -> Parts:
    """Parquet with file_name, raw_anns (JSON with bbox: x, y, width, height in pixels) and sentences; COCO's images."""
    splits = sorted(p.name for p in root.iterdir() if p.is_dir())
    found = rows(root, splits, ["file_name", "raw_anns", "sentences"])

    def sample(name: str, annotation: str, sentences: list[dict]) -> Sample:
        image = (
            root.parent / "coco" / "train2014" / re.sub(r"(_\d{12})_\d+", r"\1", Path(name).name)
        )  # without the expression's number
        return Sample(image, json.loads(annotation)["bbox"], {"phrase": sentences[0]["raw"].strip()})

    return [], {split: [sample(*row[1:]) for row in listed] for split, listed in found.items()}


def _asked(asked: dict[str, list[tuple[Path, str, str]]]) -> Parts:
    """(image, question, answer) of each split; the classes are all the answers."""
    answers = sorted({answer for listed in asked.values() for *_, answer in listed})
    place = {answer: i for i, answer in enumerate(answers)}
    return answers, {
        split: [Sample(image, place[answer], {"question": question}) for image, question, answer in listed]
        for split, listed in asked.items()
    }


def daquar(root: Path) -> Parts:
    """Questions and answers on alternate lines; a question names its image: `... in the image3 ?`"""
    asked: dict[str, list[tuple[Path, str, str]]] = {}
    for split, file in (("train", "qa.37.raw.train.txt"), ("test", "qa.37.raw.reduced.test.txt")):
        text = lines(root / file)
        for question, answer in zip(text[::2], text[1::2], strict=True):
            number = re.search(r"\bimage(\d+)\b", question)
            if number is None:
                raise FileError(f"{root / file}: the question '{question}' names no image")
            plain = re.sub(r"\s*(in|on|of)? (the )?image\d+\s*\?", "?", question).strip()
            asked.setdefault(split, []).append((root / f"nyu_depth_images/image{number[1]}.png", plain, answer.strip()))
    return _asked(asked)


def cocoqa(root: Path) -> Parts:
    """Line by line: questions.txt, answers.txt, img_ids.txt. Test questions are about COCO's validation images."""
    asked = {}
    for split, part in (("train", "train2014"), ("test", "val2014")):
        texts = [lines(root / f"cocoqa/{split}/{what}.txt") for what in ("img_ids", "questions", "answers")]
        asked[split] = [
            (root.parent / "coco" / part / f"COCO_{part}_{int(image):012d}.jpg", question.strip(), answer.strip())
            for image, question, answer in zip(*texts, strict=True)
        ]
    return _asked(asked)


def clevr(root: Path) -> Parts:
    """questions/CLEVR_<split>_questions.json: image_filename, question, answer; one question an image."""
    base = root / "CLEVR_v1.0"
    asked: dict[str, list[tuple[Path, str, str]]] = {}
    for split, part in (("train", "train"), ("test", "val")):
        seen: set[str] = set()
        with open(base / f"questions/CLEVR_{part}_questions.json", encoding="utf-8") as file:
            for row in json.load(file)["questions"]:
                if row["image_filename"] not in seen:
                    seen.add(row["image_filename"])
                    image = base / "images" / part / row["image_filename"]
                    asked.setdefault(split, []).append((image, row["question"], row["answer"]))
    return _asked(asked)


def squad(root: Path, train: str, test: str) -> Parts:
    """data[].paragraphs[].qas[]; each different answer once; an unanswerable question has the empty one, at -1."""

    def part(name: str) -> list[Sample]:
        samples = []
        for article in json.loads((root / name).read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                for qa in paragraph["qas"]:
                    found = {(a["text"], a["answer_start"]): None for a in qa["answers"]} or {("", -1): None}
                    texts = {"context": paragraph["context"], "question": qa["question"].strip()}
                    texts |= {"answers": [text for text, _ in found], "starts": [start for _, start in found]}
                    samples.append(Sample(None, None, texts))
        return samples

    return [], {"train": part(train), "test": part(test)}


READERS: dict[str, Callable[..., Parts]] = {
    reader.__name__: reader
    for reader in (
        class_folders, domain_folders, aircraft, dtd, food, pet, sun397, flowers, voc, utkface, birds, dogs,
        dsprites, stl10, smallnorb, svhn, parquet, flickr8k, karpathy, coco_captions, flickrstyle, refcoco, daquar,
        cocoqa, clevr, squad,
    )
}  # fmt: skip


def encoded(sample: Sample) -> bytes:
    """The sample's image as it was published. Raises FileError when its file is missing."""
    if callable(sample.image):
        return sample.image()
    try:
        return sample.image.read_bytes()
    except FileNotFoundError:
        raise FileError(f"{sample.image}: not found, but the dataset's lists name it; unpack it again") from None


def size_of(image: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(image)) as opened:
        return opened.size
