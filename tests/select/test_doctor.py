"""What is odd in data: near-duplicates, texts that are cut off, mixed scripts, and corpora by their names."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from orbweaver.data.split import Split
from orbweaver.models.card import Card, Preprocessing
from orbweaver.select import doctor
from orbweaver.select.looks import look, looks_of_texts

INPUT = Preprocessing(input_size=(3, 32, 32), interpolation="bilinear", crop_pct=1.0, crop_mode="center",
                      mean=(0, 0, 0), std=(1, 1, 1))  # fmt: skip


def encoded(image: Image.Image, form: str = "PNG", **how: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **how)
    return buffer.getvalue()


def photograph(seed: int) -> Image.Image:
    """Smooth blotches, as photographs are: noise enlarged."""
    small = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((96, 96), Image.Resampling.BICUBIC)


def split_of(images: list[bytes], targets: list[int]) -> Split:
    return Split("s", "image_classification", ["a", "b"], images, np.array(targets), "", "")


def test_a_picture_that_was_resized_or_compressed_again_is_found() -> None:
    one = photograph(0)
    images = [encoded(one), encoded(one.resize((61, 61))), encoded(one, "JPEG", quality=40)]
    images += [encoded(photograph(i)) for i in range(1, 8)]
    seen = [look(image) for image in images]
    assert doctor.alike_pictures([each.alike for each in seen]) == [(0, 1), (0, 2), (1, 2)]
    names = [f"{i}.png" for i in range(10)]
    told = doctor.odd(split_of(images, [0] * 10), seen, names)
    assert told == [f"3 images look like another of the same target{doctor.COPY}"]
    told = doctor.odd(split_of(images, [0, 0, 1, *[0] * 7]), seen, names)
    assert told[0] == "3 images look like one under another target, such as 0.png and 2.png"


def test_pictures_of_one_colour_are_not_alike() -> None:
    seen = [look(encoded(Image.new("RGB", (40, 40), colour))) for colour in ("red", "blue", "white")]
    assert doctor.alike_pictures([each.alike for each in seen]) == []


def told_of(texts: list[str], targets: list[int] | None = None) -> str:
    targets = np.array(targets or [0] * len(texts))
    split = Split("t", "text_classification", ["a", "b"], [], targets, "", "", texts={"text": texts})
    return "\n".join(doctor.odd(split, looks_of_texts(split.texts)[1], [f"row {i}" for i in range(len(texts))]))


def test_texts_that_differ_in_case_alone_are_alike_and_long_ones_are_cut() -> None:
    told = told_of(["Well made!", "well made", "dull", "word " * 300], [0, 1, 0, 1])
    assert "2 texts look like one under another target, such as row 0 and row 1" in told
    assert "1 of 4 texts have more than 192 words, the longest 300; only the first 192 tokens of each are read" in told
    assert told_of(["fine", "dull", "poor", "good"]) == ""


def test_scripts_are_told_apart() -> None:
    assert [doctor.script(text) for text in ("hello", "привет", "γειά", "12 !")] == ["LATIN", "CYRILLIC", "GREEK", ""]
    told = told_of([f"text {chr(97 + i) * 3}" for i in range(15)] + [f"слово {'абвгд'[i]}" for i in range(5)])
    assert "texts are in several scripts: LATIN 75%, CYRILLIC 25%" in told


def card(name: str, source: str) -> Card:
    return Card(name=name, architecture="x", source=source, source_classes=[], source_accuracy=None, n_parameters=1,
                feature_width=1, preprocessing=INPUT, licence="", origin="", checkpoint="")  # fmt: skip


def test_data_called_after_what_a_ptm_was_trained_on_are_named() -> None:
    cards = [card("timm/resnet50.a1_in1k", "imagenet"), card("timm/vit.laion2b", "laion2b")]
    told = doctor.by_name("/data/tiny-imagenet/train", cards)
    assert told == [
        "these data are called after ImageNet, which timm/resnet50.a1_in1k was trained on: what they reach here may be "
        "memory"
    ]
    assert doctor.by_name("/data/flowers", cards) == [] == doctor.by_name("/data/imagenet", cards[1:])
