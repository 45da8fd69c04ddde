"""Every dataset of the catalogue in miniature, in the layout in which it is published.

A stand-in writes the published files below the folder `raw` and returns what reading them has to give: the class names
in label order, and for each split the targets (and texts) in order. No two images are alike.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from itertools import count
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from scipy.io import savemat

Expected = tuple[list[str], dict[str, list]]
_seeds = count()


def noise(*shape: int) -> np.ndarray:
    """Never the same twice."""
    return np.random.default_rng(next(_seeds)).integers(0, 256, shape, np.uint8)


def picture(kind: str = "JPEG", size: tuple[int, int] = (8, 6)) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(noise(size[1], size[0], 3)).save(buffer, kind)
    return buffer.getvalue()


def put(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def pictures(*paths: Path) -> None:
    for path in paths:
        put(path, picture("PNG" if path.suffix == ".png" else "JPEG"))


def text(path: Path, *lines: str) -> None:
    put(path, "\n".join(lines) + "\n")


def hub(folder: Path, columns: dict[str, tuple[pa.DataType, list]], names: dict[str, list[str]] | None = None) -> None:
    """A Parquet file as the hub has it, of two row groups."""
    features = {c: {"_type": "ClassLabel", "names": n} for c, n in (names or {}).items()}
    about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    schema = pa.schema([(name, kind) for name, (kind, _) in columns.items()], metadata=about)
    folder.mkdir(parents=True, exist_ok=True)
    table = pa.table([pa.array(values, kind) for kind, values in columns.values()], schema=schema)
    pq.write_table(table, folder / "train-00000-of-00001.parquet", row_group_size=2)


IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def images(n: int) -> tuple[pa.DataType, list]:
    return IMAGE, [{"bytes": picture("PNG"), "path": None} for _ in range(n)]


def labelled(raw: Path, name: str, image: str, label: str, names: list[str], **splits: list[int]) -> None:
    for split, labels in splits.items():
        columns = {image: images(len(labels)), "extra": (pa.string(), ["x"] * len(labels)), label: (pa.int64(), labels)}
        hub(raw / name / split, columns, {label: names})


def aircraft(raw: Path) -> Expected:
    base = raw / "aircraft/fgvc-aircraft-2013b/data"
    text(base / "variants.txt", "707-320", "A300B4")
    text(base / "images_variant_trainval.txt", "0000003 707-320", "0000001 A300B4", "0000002 A300B4")
    text(base / "images_variant_test.txt", "0000004 707-320")
    pictures(*(base / f"images/000000{i}.jpg" for i in range(1, 5)))
    return ["707-320", "A300B4"], {"train": [0, 1, 1], "test": [0]}


def caltech101(raw: Path) -> Expected:
    base = raw / "caltech101/101_ObjectCategories"
    for name, n in (("water_lilly", 32), ("accordion", 31), ("BACKGROUND_Google", 2)):
        pictures(*(base / name / f"image_{i:04d}.jpg" for i in range(1, n + 1)))
    return ["accordion", "water lilly"], {"train": [0] * 30 + [1] * 30, "test": [0, 1, 1]}


def cars(raw: Path) -> Expected:
    labelled(raw, "cars", "image", "label", ["AM General Hummer SUV 2000", "Acura TL"], train=[1, 0, 1], test=[0])
    return ["AM General Hummer SUV 2000", "Acura TL"], {"train": [1, 0, 1], "test": [0]}


def cifar10(raw: Path) -> Expected:
    labelled(raw, "cifar10", "img", "label", ["airplane", "automobile"], train=[1, 0, 1], test=[0, 1])
    return ["airplane", "automobile"], {"train": [1, 0, 1], "test": [0, 1]}


def cifar100(raw: Path) -> Expected:
    labelled(raw, "cifar100", "img", "fine_label", ["apple", "aquarium_fish"], train=[1, 0, 1], test=[0, 1])
    return ["apple", "aquarium fish"], {"train": [1, 0, 1], "test": [0, 1]}


def dtd(raw: Path) -> Expected:
    base = raw / "dtd/dtd/dtd"
    for part, names in (
        ("train", ["banded/1", "woven/1"]),
        ("val", ["woven/2", "banded/2"]),
        ("test", ["woven/3", "banded/3"]),
    ):
        text(base / f"labels/{part}1.txt", *(f"{name}.jpg" for name in names))
        pictures(*(base / f"images/{name}.jpg" for name in names))
    return ["banded", "woven"], {"train": [0, 1, 1, 0], "test": [1, 0]}


def pet(raw: Path) -> Expected:
    base = raw / "pet"
    text(base / "annotations/trainval.txt", "Abyssinian_100 1 1 1", "american_bulldog_7 2 2 1")
    text(base / "annotations/test.txt", "american_bulldog_9 2 2 1")
    pictures(*(base / f"images/{n}.jpg" for n in ("Abyssinian_100", "american_bulldog_7", "american_bulldog_9")))
    return ["Abyssinian", "american bulldog"], {"train": [0, 1], "test": [1]}


def sun397(raw: Path) -> Expected:
    base = raw / "sun397"
    text(base / "ClassName.txt", "/a/abbey", "/a/apartment_building/outdoor")
    text(base / "Training_01.txt", "/a/apartment_building/outdoor/sun_b.jpg", "/a/abbey/sun_a.jpg")
    text(base / "Testing_01.txt", "/a/abbey/sun_c.jpg")
    paths = ("a/apartment_building/outdoor/sun_b", "a/abbey/sun_a", "a/abbey/sun_c")
    pictures(*(base / f"SUN397/{p}.jpg" for p in paths))
    return ["abbey", "apartment building outdoor"], {"train": [1, 0], "test": [0]}


def flowers(raw: Path) -> Expected:
    base = raw / "flowers"
    pictures(*(base / f"jpg/image_{i:05d}.jpg" for i in range(1, 6)))
    savemat(base / "imagelabels.mat", {"labels": np.array([[77, 1, 1, 102, 2]])})
    savemat(base / "setid.mat", {"trnid": np.array([[2, 4]]), "valid": np.array([[1]]), "tstid": np.array([[5, 3]])})
    from torchvision.datasets import Flowers102

    return list(Flowers102.classes), {"train": [0, 101, 76], "test": [1, 0]}


def food(raw: Path) -> Expected:
    base = raw / "food/food-101"
    for split, listed in (
        ("train", {"sushi": ["sushi/1"], "apple_pie": ["apple_pie/2"]}),
        ("test", {"sushi": ["sushi/3"]}),
    ):
        put(base / f"meta/{split}.json", json.dumps(listed | ({"apple_pie": []} if split == "test" else {})))
        pictures(*(base / f"images/{p}.jpg" for paths in listed.values() for p in paths))
    return ["apple pie", "sushi"], {"train": [1, 0], "test": [1]}


def voc2007(raw: Path) -> Expected:
    base = raw / "voc2007/VOCdevkit/VOC2007"
    flags = {"cat": {"trainval": ["000005 1", "000007 -1"], "test": ["000001  0"]},
             "aeroplane": {"trainval": ["000005  1", "000007  1"], "test": ["000001  1"]}}  # fmt: skip
    for name, parts in flags.items():
        for part, rows in parts.items():
            text(base / f"ImageSets/Main/{name}_{part}.txt", *rows)
    pictures(*(base / f"JPEGImages/{i}.jpg" for i in ("000005", "000007", "000001")))
    return ["aeroplane", "cat"], {"train": [[True, True], [True, False]], "test": [[True, False]]}


def utkface(raw: Path) -> Expected:
    names = [f"{age}_0_1_20170109.jpg.chip.jpg" for age in (1, 26, 90, 35)] + ["61_1_20170109142408075.jpg.chip.jpg"]
    pictures(*(raw / "utkface/UTKFace" / name for name in names))
    return [], {"": [1.0, 26.0, 35.0, 61.0, 90.0]}


def dsprites(raw: Path) -> Expected:
    path = raw / "dsprites/dsprites_ndarray_co1sh3sc6or40x32y32_64x64.hdf5"
    path.parent.mkdir(parents=True)
    values = np.arange(60, dtype=np.float64).reshape(10, 6)
    with h5py.File(path, "w") as file:
        file["imgs"] = noise(10, 64, 64) // 128
        file["latents/values"] = values
    return [], {"": values[:, 2:].tolist()}


def _birds(base: Path, classes: list[str], rows: list[tuple[str, str, str, int]]) -> None:
    text(base / "classes.txt", *classes)
    text(base / "images.txt", *(f"{i} {path}" for i, path, _, _ in rows))
    text(base / "image_class_labels.txt", *(f"{i} {label}" for i, _, label, _ in rows))
    text(base / "train_test_split.txt", *(f"{i} {train}" for i, _, _, train in rows))
    pictures(*(base / "images" / path for _, path, _, _ in rows))


def cub2011(raw: Path) -> Expected:
    rows = [("1", "001.Black_footed_Albatross/a.jpg", "1", 0), ("2", "002.Laysan_Albatross/b.jpg", "2", 1),
            ("3", "001.Black_footed_Albatross/c.jpg", "1", 1)]  # fmt: skip
    _birds(raw / "cub2011/CUB_200_2011", ["1 001.Black_footed_Albatross", "2 002.Laysan_Albatross"], rows)
    return ["Black footed Albatross", "Laysan Albatross"], {"train": [1, 0], "test": [0]}


def nabirds(raw: Path) -> Expected:
    rows = [("0000139e-21dc", "0817/a.jpg", "817", 1), ("0000d9fc-4e02", "0860/b.jpg", "860", 0),
            ("00019306-9d83", "0860/c.jpg", "860", 1)]  # fmt: skip
    classes = ["0 Birds", "817 Oak Titmouse", "860 Common Eider (Adult male)", "9 Not used"]
    _birds(raw / "nabirds/nabirds", classes, rows)
    return ["Oak Titmouse", "Common Eider (Adult male)"], {"train": [0, 1], "test": [1]}


def dogs(raw: Path) -> Expected:
    base = raw / "dogs"
    one, two = "n02085620-Chihuahua", "n02085782-Japanese_spaniel"
    listed = {"train": [(f"{two}/n1.jpg", 2), (f"{one}/n2.jpg", 1)], "test": [(f"{one}/n3.jpg", 1)]}
    for split, rows in listed.items():
        names = np.array([[name] for name, _ in rows], dtype=object)
        pictures(*(base / "Images" / name for name, _ in rows))
        savemat(base / f"{split}_list.mat", {"file_list": names, "labels": np.array([[label] for _, label in rows])})
    return ["Chihuahua", "Japanese spaniel"], {"train": [1, 0], "test": [0]}


def eurosat(raw: Path) -> Expected:
    for name in ("SeaLake", "AnnualCrop"):
        pictures(*(raw / "eurosat/2750" / name / f"{name}_{i}.jpg" for i in range(1, 6)))
    return ["AnnualCrop", "SeaLake"], {"train": [0] * 4 + [1] * 4, "test": [0, 1]}


def officehome(raw: Path) -> Expected:
    labelled(raw, "officehome", "image", "label", ["Alarm_Clock", "Backpack"], all=[0, 1] * 5)
    return ["Alarm Clock", "Backpack"], {"": [0, 1] * 5}


def pacs(raw: Path) -> Expected:
    labelled(raw, "pacs", "image", "label", ["dog", "elephant"], all=[0, 1] * 5)
    return ["dog", "elephant"], {"": [0, 1] * 5}


def vlcs(raw: Path) -> Expected:
    for domain in ("Caltech101", "SUN09"):
        for name in ("bird", "person"):
            pictures(*(raw / "vlcs/VLCS" / domain / name / f"{i}.jpg" for i in range(5)))
    return ["bird", "person"], {"": [0] * 10 + [1] * 10}


def stl10(raw: Path) -> Expected:
    base = raw / "stl10/stl10_binary"
    text(base / "class_names.txt", "airplane", "bird")
    for split, labels in (("train", [2, 1]), ("test", [1])):
        pixels = noise(len(labels), 3, 96, 96)
        put(base / f"{split}_X.bin", pixels.tobytes())
        put(base / f"{split}_y.bin", bytes(labels))
    return ["airplane", "bird"], {"train": [1, 0], "test": [0]}


def smallnorb(raw: Path) -> Expected:
    for part, labels in (("5x46789x9x18x6x2x96x96-training", [3, 0]), ("5x01235x9x18x6x2x96x96-testing", [4])):
        n = len(labels)
        pixels = noise(n, 2, 96, 96)
        base = raw / "smallnorb" / f"smallnorb-{part}"
        put(Path(f"{base}-dat.mat"), struct.pack("<6i", 0x1E3D4C55, 4, n, 2, 96, 96) + pixels.tobytes())
        put(Path(f"{base}-cat.mat"), struct.pack("<5i", 0x1E3D4C54, 1, n, 1, 1) + struct.pack(f"<{n}i", *labels))
    names = ["four-legged animal", "human figure", "airplane", "truck", "car"]
    return names, {"train": [3, 3, 0, 0], "test": [4, 4]}  # two cameras


def _norb_info(raw: Path, name: str, column: int, values: dict[str, list[int]]) -> None:
    """SmallNORB's images with their info: instance, elevation, azimuth, light."""
    for part, of in zip(("5x46789x9x18x6x2x96x96-training", "5x01235x9x18x6x2x96x96-testing"), values, strict=True):
        n = len(values[of])
        info = noise(n, 4).astype("<i4") % 9
        info[:, column] = values[of]
        base = raw / name / f"smallnorb-{part}"
        pixels = noise(n, 2, 96, 96)
        put(Path(f"{base}-dat.mat"), struct.pack("<6i", 0x1E3D4C55, 4, n, 2, 96, 96) + pixels.tobytes())
        put(Path(f"{base}-info.mat"), struct.pack("<5i", 0x1E3D4C54, 2, n, 4, 1) + info.tobytes())


def smallnorb_azimuth(raw: Path) -> Expected:
    _norb_info(raw, "smallnorb_azimuth", 2, {"train": [0, 34, 2], "test": [20]})
    return [f"turned by {degrees} degrees" for degrees in range(0, 360, 20)], {"train": [0, 17, 1], "test": [10]}


def smallnorb_elevation(raw: Path) -> Expected:
    _norb_info(raw, "smallnorb_elevation", 1, {"train": [0, 8], "test": [3]})
    return [f"{degrees} degrees above" for degrees in range(30, 75, 5)], {"train": [0, 8], "test": [3]}


def aid(raw: Path) -> Expected:
    for name in ("Airport", "BareLand"):
        pictures(*(raw / "aid/AID" / name / f"{name.lower()}_{i}.jpg" for i in range(5)))
    return ["Airport", "BareLand"], {"train": [0] * 4 + [1] * 4, "test": [0, 1]}


def resisc45(raw: Path) -> Expected:
    labelled(raw, "resisc45", "image", "label", ["airplane", "beach"], train=[0, 1], train2=[1], test=[0])
    return ["airplane", "beach"], {"train": [0, 1, 1], "test": [0]}


def svhn(raw: Path) -> Expected:
    for split, labels in (("train", [10, 3]), ("test", [9])):
        pixels = noise(32, 32, 3, len(labels))
        (raw / "svhn").mkdir(parents=True, exist_ok=True)
        savemat(raw / f"svhn/{split}_32x32.mat", {"X": pixels, "y": np.array(labels)[:, None]})
    return [str(i) for i in range(10)], {"train": [0, 3], "test": [9]}


def flickr8k(raw: Path) -> Expected:
    base = raw / "flickr8k"
    text(
        base / "Flickr8k.token.txt", *(f"{i}.jpg#{k}\tA dog , number {i}{k} ." for i in (10, 11, 12) for k in range(2))
    )
    text(base / "Flickr_8k.trainImages.txt", "12.jpg", "10.jpg")
    text(base / "Flickr_8k.testImages.txt", "11.jpg")
    pictures(*(base / f"Flicker8k_Dataset/{i}.jpg" for i in (10, 11, 12)))
    both = {i: {"captions": [f"A dog , number {i}{k} ." for k in range(2)]} for i in (10, 11, 12)}
    return [], {"train": [both[12], both[10]], "test": [both[11]]}


def flickr30k(raw: Path) -> Expected:
    listed = [{"filename": f"{i}.jpg", "split": split, "sentences": [{"raw": f"A man {i}."}, {"raw": "Two."}]}
              for i, split in ((1, "train"), (2, "val"), (3, "test"), (4, "train"))]  # fmt: skip
    put(raw / "flickr30k/dataset_flickr30k.json", json.dumps({"images": listed}))
    pictures(*(raw / f"flickr30k/flickr30k-images/{i}.jpg" for i in range(1, 5)))
    captions = {i: {"captions": [f"A man {i}.", "Two."]} for i in range(1, 5)}
    return [], {"train": [captions[1], captions[4]], "test": [captions[3]]}


def coco_captions(raw: Path) -> Expected:
    expected = {}
    for split, part, numbers in (("train", "train2014", (30, 25)), ("test", "val2014", (42,))):
        names = {i: f"COCO_{part}_{i:012d}.jpg" for i in numbers}
        annotations = [{"image_id": i, "caption": f"A {k} {i}. "} for k in ("cat", "dog") for i in reversed(numbers)]
        about = {"images": [{"id": i, "file_name": name} for i, name in names.items()], "annotations": annotations}
        put(raw / f"coco/annotations/captions_{part}.json", json.dumps(about))
        pictures(*(raw / f"coco/{part}/{name}" for name in names.values()))
        expected[split] = [{"captions": [f"A cat {i}.", f"A dog {i}."]} for i in numbers]
    return [], expected


def rsicd(raw: Path) -> Expected:
    for split, n in (("train", 3), ("test", 1)):
        captions = [[f"{split} {i}", "a bridge"] for i in range(n)]
        columns = {
            "filename": (pa.string(), ["x"] * n),
            "captions": (pa.list_(pa.string()), captions),
            "image": images(n),
        }
        hub(raw / "rsicd" / split, columns)
    return [], {s: [{"captions": [f"{s} {i}", "a bridge"]} for i in range(n)] for s, n in (("train", 3), ("test", 1))}


def _styled(raw: Path, name: str, names: str, captions: str) -> Expected:
    import pickle

    base = raw / name
    put(base / names, pickle.dumps([f"{i}_abc.jpg" for i in range(7)], protocol=2))
    said = [f"so\u2028 funny\f or\r not\u0085 {i}" for i in range(7)]
    put(base / captions, "\r\n".join(said).encode())
    pictures(*(base / f"flickr30k-images/{i}.jpg" for i in range(7)))
    return [], {"": [{"captions": [each]} for each in said]}


def flickr10kh(raw: Path) -> Expected:
    return _styled(raw, "flickr10kh", "humor/train.p", "humor/funny_train.txt")


def flickr10kr(raw: Path) -> Expected:
    return _styled(raw, "flickr10kr", "romantic/train.p", "romantic/romantic_train.txt")


def _refcoco(raw: Path, name: str, *splits: str) -> Expected:
    row = count(1)
    expected: dict[str, list] = {}
    for split in splits:
        numbers = [next(row), next(row)]
        names = [f"COCO_train2014_{i:012d}" for i in numbers]
        for one in names:
            put(raw / f"coco/train2014/{one}.jpg", picture(size=(100, 50)))
        sentences = pa.list_(pa.struct([("raw", pa.string()), ("sent", pa.string())]))
        columns = {
            "file_name": (pa.string(), [f"{one}_7.jpg" for one in names]),
            "raw_anns": (pa.string(), [json.dumps({"bbox": [10.0, 5.0, 20.0 * k, 10.0]}) for k in (1, 2)]),
            "sentences": (sentences, [[{"raw": f"the {k}", "sent": ""}, {"raw": "other", "sent": ""}] for k in (1, 2)]),
        }
        hub(raw / name / split, columns)
        boxes = [([0.1, 0.1, 0.1 + 0.2 * k, 0.3], {"phrase": f"the {k}"}) for k in (1, 2)]
        expected.setdefault(split.rstrip("2"), []).extend(boxes)
    return [], expected


def refcoco(raw: Path) -> Expected:
    return _refcoco(raw, "refcoco", "train", "test", "test2")


def refcocoplus(raw: Path) -> Expected:
    return _refcoco(raw, "refcocoplus", "train", "test", "test2")


def refcocog(raw: Path) -> Expected:
    return _refcoco(raw, "refcocog", "train", "test")


def daquar(raw: Path) -> Expected:
    base = raw / "daquar"
    text(
        base / "qa.37.raw.train.txt",
        "what is on the table in the image3 ?",
        "lamp",
        "how many chairs in the image1 ?",
        "2",
        "how many beds are there in image4 image4 ?",
        "2",
        "what is dominant color of the image3",
        "red",
    )
    text(base / "qa.37.raw.reduced.test.txt", "what is on the table in the image2 ?", "lamp")
    pictures(*(base / f"nyu_depth_images/image{i}.png" for i in (1, 2, 3, 4)))
    table = {"question": "what is on the table?"}
    asked = [(1, "what is on the table?"), (0, "how many chairs?"), (0, "how many beds are there?"),
             (2, "what is dominant color?")]  # fmt: skip
    return ["2", "lamp", "red"], {"train": [(i, {"question": q}) for i, q in asked], "test": [(1, table)]}


def cocoqa(raw: Path) -> Expected:
    base = raw / "cocoqa/cocoqa"
    for split, part, numbers, answers in (
        ("train", "train2014", (458, 9), ("elephants", "two")),
        ("test", "val2014", (7,), ("two",)),
    ):
        text(base / split / "img_ids.txt", *map(str, numbers))
        text(base / split / "questions.txt", *(f"what is in {i}" for i in numbers))
        text(base / split / "answers.txt", *answers)
        pictures(*(raw / f"coco/{part}/COCO_{part}_{i:012d}.jpg" for i in numbers))
    asked = {i: {"question": f"what is in {i}"} for i in (458, 9, 7)}
    return ["elephants", "two"], {"train": [(0, asked[458]), (1, asked[9])], "test": [(1, asked[7])]}


def clevr(raw: Path) -> Expected:
    base = raw / "clevr/CLEVR_v1.0"
    for part in ("train", "val"):
        rows = [{"image_filename": f"{part}_{i}.png", "question": f"Q{k}?", "answer": "yes" if i else "0"}
                for i in range(2) for k in range(2)]  # fmt: skip
        put(base / f"questions/CLEVR_{part}_questions.json", json.dumps({"questions": rows}))
        pictures(*(base / f"images/{part}/{part}_{i}.png" for i in range(2)))
    asked = [(0, {"question": "Q0?"}), (1, {"question": "Q0?"})]
    return ["0", "yes"], {"train": asked, "test": asked}


def _squad(raw: Path, name: str, version: str, unanswerable: bool) -> Expected:
    context = "Normans came from Normandy."
    answers = [{"text": "Normandy", "answer_start": 18}, {"text": "Normandy", "answer_start": 18}]
    qas = [{"question": " Where from?", "answers": answers}]
    qas += [{"question": "When?", "answers": [], "is_impossible": True}] if unanswerable else []
    for part in ("train", "dev"):
        data = [{"title": "x", "paragraphs": [{"context": context, "qas": qas}]}]
        put(raw / name / f"{part}-{version}.json", json.dumps({"data": data}))
    rows = [{"context": context, "question": "Where from?", "answers": ["Normandy"], "starts": [18]}]
    rows += [{"context": context, "question": "When?", "answers": [""], "starts": [-1]}] if unanswerable else []
    return [], {"train": rows, "test": rows}


def squad1(raw: Path) -> Expected:
    return _squad(raw, "squad1", "v1.1", False)


def squad2(raw: Path) -> Expected:
    return _squad(raw, "squad2", "v2.0", True)


def _texts(raw: Path, name: str, classes: list[str], text: str = "text") -> Expected:
    """Labels without names in the file's metadata, as some of the hub's files are, and one row that has no label."""
    for split, labels in (("train", [1, 0, -1, 1]), ("test", [0])):
        said = [f"{split} {i}" for i in range(len(labels))]
        columns = {"idx": (pa.int32(), [*range(len(labels))]), text: (pa.string(), said)}
        hub(raw / name / split, columns | {"label": (pa.int64(), labels)})
    kept = {"train": [(1, "train 0"), (0, "train 1"), (1, "train 3")], "test": [(0, "test 0")]}
    return classes, {split: [(label, {"text": one}) for label, one in rows] for split, rows in kept.items()}


def ag_news(raw: Path) -> Expected:
    return _texts(raw, "ag_news", ["World", "Sports", "Business", "Sci Tech"])


def dbpedia(raw: Path) -> Expected:
    names = ("Company EducationalInstitution Artist Athlete OfficeHolder MeanOfTransportation Building NaturalPlace "
             "Village Animal Plant Album Film WrittenWork")  # fmt: skip
    return _texts(raw, "dbpedia", names.split(), "content")


def imdb(raw: Path) -> Expected:
    return _texts(raw, "imdb", ["negative", "positive"])


def yelp_full(raw: Path) -> Expected:
    return _texts(raw, "yelp_full", ["1 star", "2 star", "3 stars", "4 stars", "5 stars"])


def rotten_tomatoes(raw: Path) -> Expected:
    return _texts(raw, "rotten_tomatoes", ["negative", "positive"])


def sst2(raw: Path) -> Expected:
    return _texts(raw, "sst2", ["negative", "positive"], "sentence")


def cola(raw: Path) -> Expected:
    return _texts(raw, "cola", ["unacceptable", "acceptable"], "sentence")


def emotion(raw: Path) -> Expected:
    return _texts(raw, "emotion", ["sadness", "joy", "love", "anger", "fear", "surprise"])


def tweet_sentiment(raw: Path) -> Expected:
    return _texts(raw, "tweet_sentiment", ["negative", "neutral", "positive"])


STANDINS: dict[str, Callable[[Path], Expected]] = {
    make.__name__: make
    for make in (
        aircraft, caltech101, cars, cifar10, cifar100, dtd, pet, sun397, flowers, food, voc2007, utkface, dsprites,
        cub2011, nabirds, dogs, eurosat, officehome, pacs, vlcs, stl10, smallnorb, smallnorb_azimuth,
        smallnorb_elevation, aid, resisc45, svhn, flickr8k,
        flickr30k, coco_captions, rsicd, flickr10kh, flickr10kr, refcoco, refcocoplus, refcocog, daquar, cocoqa, clevr,
        squad1, squad2, ag_news, dbpedia, imdb, yelp_full, rotten_tomatoes, sst2, cola, emotion, tweet_sentiment,
    )
}  # fmt: skip
