"""Datasets of images and the sentences that people wrote about them."""

from __future__ import annotations

import pickletools
from pathlib import Path

from orbweaver.core.errors import FileError
from orbweaver.data.readers.annotations import read_json
from orbweaver.data.readers.sample import Parts, Sample, lines


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
    """Karpathy's JSON: images[] with filename, split and sentences[].raw. Raises FileError when it is not there."""
    listed = read_json(root / annotations)["images"]
    return [], {
        split: [
            Sample(root / images / i["filename"], None, {"captions": [s["raw"].strip() for s in i["sentences"]]})
            for i in listed
            if i["split"] == split
        ]
        for split in ("train", "test")
    }


def coco_captions(root: Path) -> Parts:
    """annotations/captions_<part>.json: images[] with id and file_name, annotations[] with image_id and caption.

    Raises FileError when one is not there.
    """
    samples = {}
    for split, part in (("train", "train2014"), ("test", "val2014")):
        base = root.parent / "coco"
        found = read_json(base / f"annotations/captions_{part}.json")
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
    """FlickrStyle10k: one caption a line, and the images' names in the same order in a pickled list.

    Raises FileError when one is not there, or they are not as many.
    """
    if not (root / names).is_file():
        raise FileError(f"{root / names}: not found; is the dataset there completely?")
    images, written = _strings_in_pickle(root / names), lines(root / captions)
    if len(images) != len(written):
        raise FileError(f"{root / names}: names {len(images)} images, but {captions} has {len(written)} captions")
    both = zip(images, written, strict=True)
    return [], {
        "all": [
            Sample(root / "flickr30k-images" / f"{Path(image).name.split('_')[0].removesuffix('.jpg')}.jpg", None,
                   {"captions": [caption.strip()]})
            for image, caption in both
        ]
    }  # fmt: skip
