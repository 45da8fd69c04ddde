"""Datasets whose lists name their images, with the split and the class of each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from orbweaver.core.errors import FileError
from orbweaver.data.readers.sample import Parts, Sample, lines


def _torchvision(make: Callable[[str], Any], splits: dict[str, list[str]]) -> Parts:
    """Splits of a torchvision dataset made with `loader=Path`, so that it names its images instead of reading them."""
    made = {split: [make(part) for part in parts] for split, parts in splits.items()}
    classes = next(iter(made.values()))[0].classes
    if any(part.classes != classes for parts in made.values() for part in parts):
        root = next(iter(made.values()))[0].root
        raise FileError(f"{root}: the parts of the dataset have different classes; is it unpacked completely?")
    samples = {split: [Sample(*part[i]) for part in parts for i in range(len(part))] for split, parts in made.items()}
    return classes, samples


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
    classes = [names[label] for label in sorted(names)]
    return classes, {
        split: [Sample(root / f"images/{image}.jpg", int(label) - 1) for image, label, *_ in listed]
        for split, listed in rows.items()
    }


def sun397(root: Path) -> Parts:
    """ClassName.txt and the first partition: /a/abbey/sun_aaa.jpg."""
    names = [name.strip() for name in lines(root / "ClassName.txt")]
    place = {name: label for label, name in enumerate(names)}
    classes = [name.split("/", 2)[2] for name in names]
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

    return list(Flowers102.classes), {"train": part("trnid", "valid"), "test": part("tstid")}


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
    return names, samples


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
    return [names[one] for one in used], samples


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
    return [names[label] for label in sorted(names)], samples
