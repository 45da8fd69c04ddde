"""Datasets of texts that come with packages: splits share nothing, and the classes are what the packages say."""

from __future__ import annotations

import numpy as np
import pytest
from babel import Locale
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import XKCD_COLORS, rgb_to_hsv, to_rgb

from orbweaver.core.errors import FileError
from orbweaver.data.generated import texts_names, texts_prose
from orbweaver.data.generated.texts import only_there, text_splits
from orbweaver.data.split import Split

ABOUT = {"family": "f", "licence": "MIT", "origin": "here"}
MADE = {
    make.__name__: make
    for make in (
        texts_names.cldr_language, texts_names.surnames_country, texts_names.colours_hue, texts_names.alphabets_script,
        texts_names.icons_team, texts_prose.glosses_kind, texts_prose.nouns_kind, texts_prose.code_language,
    )
}  # fmt: skip
SLOW = {"docs_library": texts_prose.docs_library, "smiles_rings": texts_names.smiles_rings}  # ten seconds together


@pytest.mark.parametrize("name", [*MADE, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_splits_share_no_text_and_come_back_the_same(name: str) -> None:
    make = (MADE | SLOW)[name]
    parts, again, other = make(48, 36, 64, 0), make(48, 36, 64, 0), make(48, 36, 64, 1)
    said = {split: part.texts["text"] for split, part in parts.items()}
    assert [len(said["train"]), len(said["test"])] == [48, 36]
    assert not {text.casefold() for text in said["train"]} & {text.casefold() for text in said["test"]}
    assert all(text.strip() for texts in said.values() for text in texts)
    assert said == {split: part.texts["text"] for split, part in again.items()}
    assert said["train"] != other["train"].texts["text"]
    for part in parts.values():
        assert (part.task, part.name, len(part.images)) == ("text_classification", name, 0)
        counts = np.bincount(part.targets, minlength=len(part.classes))
        assert counts.max() - counts.min() <= 1
        assert part.licence
        assert part.origin


def pairs(parts: dict[str, Split]) -> list[tuple[str, str]]:
    return [
        (part.classes[label], text)
        for part in parts.values()
        for label, text in zip(part.targets, part.texts["text"], strict=True)
    ]


def test_names_are_in_the_language_that_they_are_said_to_be_in() -> None:
    codes = {name: code for code, name in texts_names.LANGUAGES.items()}
    for language, text in pairs(texts_names.cldr_language(60, 60, 0, 0)):
        here = Locale(codes[language])
        assert text in {*here.territories.values(), *here.languages.values(), *here.currencies.values()}
        for other in {*codes.values()} - {codes[language]}:
            assert text not in Locale(other).languages.values()


def test_hues_are_the_nearest_named_ones() -> None:
    """Golden names, and hues as matplotlib computes them."""
    expected = {"sky blue": "blue", "grass green": "green", "fire engine red": "red", "hot pink": "pink",
                "lemon yellow": "yellow", "royal purple": "purple", "dark orange": "orange"}  # fmt: skip
    for name, hue in expected.items():
        assert texts_names.hue_of(*to_rgb(XKCD_COLORS[f"xkcd:{name}"])) == hue
    assert texts_names.hue_of(0.5, 0.5, 0.5) is None
    for hue, text in pairs(texts_names.colours_hue(80, 80, 0, 0)):
        degrees = rgb_to_hsv(to_rgb(XKCD_COLORS[f"xkcd:{text}"]))[0] * 360
        ends = [*texts_names.HUES.values()]
        low, high = ([-15, *ends][[*texts_names.HUES].index(hue)], texts_names.HUES[hue])
        assert low <= degrees < high or (hue == "red" and degrees >= 345)


def test_nouns_are_of_the_kind_that_wordnet_says() -> None:
    """What nobody doubts, wherever it stands in WordNet."""
    kinds = {words.split(",")[0]: kind for kind, words, _ in texts_prose._nouns()}
    expected = {"goldfish": "animal", "otter": "animal", "palette knife": "artefact", "guillotine": "artefact",
                "bagel": "food", "pizza": "food", "lawyer": "person", "carpenter": "person", "oak": "plant",
                "sunflower": "plant"}  # fmt: skip
    assert {name: kinds[name] for name in expected} == expected


def test_lines_of_programs_stand_in_files_of_their_language() -> None:
    for language, line in pairs(texts_prose.code_language(30, 30, 0, 0)):
        assert line in texts_prose._code()[language]
        assert 12 <= len(line) <= 120


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.text("xyXY", min_size=1, max_size=3)), min_size=2))
def test_no_text_is_in_two_classes(groups: dict[str, list[str]]) -> None:
    kept = only_there(groups)
    assert {*kept} == {*groups}
    for name, texts in kept.items():
        others = {text.casefold() for other, theirs in groups.items() if other != name for text in theirs}
        assert {text.casefold() for text in texts} == {text.casefold() for text in groups[name]} - others
        assert len({text.casefold() for text in texts}) == len(texts)
        assert {*texts} <= {*groups[name]}


def test_too_few_texts_are_an_error_that_names_the_class() -> None:
    groups = {"many": [f"m{i}" for i in range(50)], "few": ["f1", "f2", "m1"]}
    with pytest.raises(FileError, match=r"dataset 'd' has 2 texts of 'few'; 4 train \+ 4 test need 4"):
        text_splits("d", groups, 4, 4, 0, **ABOUT)
