"""What is odd in a user's data, and what PTMs may have seen of them: warnings, each a sentence."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from orbweaver.core.cache import Cache
from orbweaver.core.names import first_few
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split, read_split
from orbweaver.models.card import Card
from orbweaver.select.doctor import languages
from orbweaver.select.doctor.looks import WHITE, Look, looks, looks_of_texts
from orbweaver.select.facts import of_texts

ALIKE = 4  # of the 64 bits of two pictures' perceptual hashes may differ
BLOCK = 512
READ = 192  # tokens of a text, `orbweaver.models.vocabulary.LIMIT`; a word is a token or more
MANY = "many"  # languages, in the facts of text encoders
MIXED = 0.05  # share of the texts from which another script or language is told
COPY = ": a linear model that has seen its copy knows the answer, so all PTMs look better than they are; remove copies"
# Words in the name of a dataset -> the corpus, and words in a PTM's name or source that tell it was trained on it.
CORPORA = {
    "ImageNet": (("imagenet", "imagenette", "imagewoof", "ilsvrc"), ("in1k", "in12k", "in21k", "in22k", "imagenet")),
    "iNaturalist": (("inaturalist", "inat", "inat21", "inat2021"), ("inat21", "inat2018", "inaturalist")),
    "LAION": (("laion",), ("laion2b", "laion400m", "laion")),
    "Wikipedia": (("wikipedia", "wikitext", "wiki"), ("bert", "roberta", "wikipedia")),
    "MS MARCO": (("marco", "msmarco"), ("msmarco", "minilm", "marco")),
}  # fmt: skip


def things(images: Sequence[bytes]) -> str:
    """The word for messages, images or texts: a split without images holds texts."""
    return "images" if len(images) else "texts"


def odd(split: Split, seen: list[Look], names: list[str], cache: Cache) -> list[str]:
    """Duplicates, near-duplicates, images that lose values, texts that are cut off, mixed languages and scripts.

    names: of the samples.
    """
    told = _duplicates(split, seen, names) + _alike(split, seen, names)
    if deep := [name for name, one in zip(names, seen, strict=True) if one.deep]:
        told.append(
            f"{len(deep)} of {len(seen)} images have values of 32 bits, such as {deep[0]}: all above {WHITE} become "
            "white and fractions are cut off; convert them to 8 bits"
        )
    for texts in split.texts.values():
        told += _texts([str(text) for text in texts], cache)
    return told


def _duplicates(split: Split, seen: list[Look], names: list[str]) -> list[str]:
    """Equal pixels or texts: under two targets nobody can tell them apart, under one they count as several."""
    groups = _groups(one.content for one in seen)
    across = [rows for rows in groups if len({split.targets[row].tobytes() for row in rows}) > 1]
    told = []
    if across:
        first = " = ".join(names[row] for row in across[0][:3])
        occur = "occurs" if len(across) == 1 else "occur"
        told.append(f"{_count(len(across), split)} {occur} under more than one target, such as {first}")
    if within := sum(len(rows) - 1 for rows in groups if rows not in across):
        told.append(
            f"{_count(within, split)} {'repeats' if within == 1 else 'repeat'} another of the same target{COPY}"
        )
    return told


def _count(many: int, split: Split) -> str:
    """So many images or texts."""
    what = things(split.images)
    return f"1 {what.removesuffix('s')}" if many == 1 else f"{many} {what}"


def _groups(keys: Iterable[str]) -> list[list[int]]:
    same: dict[str, list[int]] = {}
    for i, key in enumerate(keys):
        same.setdefault(key, []).append(i)
    return [rows for rows in same.values() if len(rows) > 1]


def _alike(split: Split, seen: list[Look], names: list[str]) -> list[str]:
    """Nearly equal: pictures resized or compressed again, texts of other case or punctuation."""
    if len(split.images):
        pairs = alike_pictures([one.alike for one in seen])
    else:
        pairs = [
            (rows[0], row) for rows in _groups(one.alike or str(i) for i, one in enumerate(seen)) for row in rows[1:]
        ]
    pairs = [(a, b) for a, b in pairs if seen[a].content != seen[b].content]
    across = [(a, b) for a, b in pairs if split.targets[a].tobytes() != split.targets[b].tobytes()]
    what, told = things(split.images), []
    if across:
        a, b = across[0]
        many = len({row for pair in across for row in pair})
        told.append(f"{many} {what} look like one under another target, such as {names[a]} and {names[b]}")
    if within := {row for pair in pairs if pair not in across for row in pair}:
        told.append(f"{len(within)} {what} look like another of the same target{COPY}")
    return told


def alike_pictures(hashes: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs (i < j) of perceptual hashes, 16 hexadecimal digits, of which `ALIKE` bits or fewer differ.

    A picture of one colour has no low frequencies, so its hash, and the hashes next to it, say nothing.
    """
    bits = np.array([int(one or "0", 16) for one in hashes], np.uint64)
    telling = np.bitwise_count(bits) > ALIKE
    pairs = []
    for start in range(0, len(bits), BLOCK):
        differ = np.bitwise_count(bits[start : start + BLOCK, None] ^ bits[None])
        for i, j in zip(*np.nonzero(differ <= ALIKE), strict=True):
            if start + i < j and telling[start + i] and telling[j]:
                pairs.append((int(start + i), int(j)))
    return pairs


def _texts(texts: list[str], cache: Cache) -> list[str]:
    told = []
    lengths = np.array([len(text.split()) for text in texts])
    if long := int((lengths > READ).sum()):
        told.append(
            f"{long} of {len(texts)} texts have more than {READ} words, the longest {lengths.max():,}; only the first "
            f"{READ} tokens of each are read"
        )
    some = languages.some(texts)
    spoken = languages.languages(some, cache)
    told += _mixed("languages", common := _common(spoken, len(some)), len(some))
    scripts = _common(map(script, texts), len(texts))
    written = {script(text) for text, language in zip(some, spoken, strict=True) if language in common}
    if {*scripts} - written:  # those of the languages go without saying; of Japanese there are three
        told += _mixed("scripts", scripts, len(texts))
    return told


def _common(kinds: Iterable[str], of: int) -> dict[str, int]:
    """How many texts are of each kind that a noticeable share is of, most first; "" is none."""
    counts = Counter(filter(None, kinds)).most_common()
    return {kind: count for kind, count in counts if _noticeable(count, of)}


def _noticeable(count: int, of: int) -> bool:
    return count >= max(2, MIXED * of)


def _mixed(what: str, found: dict[str, int], of: int) -> list[str]:
    if len(found) < 2:
        return []
    counts = ", ".join(f"{count} in {kind}" for kind, count in found.items())
    return [f"texts are in several {what}: of {of} looked at, {counts}; PTMs of one language read the others badly"]


def script(text: str) -> str:
    """The script of most letters of a text, as Unicode names it (LATIN, CYRILLIC, CJK); "" where there is no letter."""
    letters = [unicodedata.name(letter, "").split(" ")[0] for letter in text[:200] if letter.isalpha()]
    return Counter(letters).most_common(1)[0][0] if letters else ""


def about_ptms(
    split: Split, seen: list[Look], cards: Sequence[Card], benchmark: Workspace | None, cache: Cache, place: str = ""
) -> list[str]:
    """Warnings about PTMs: an input larger than the images, a language other than the texts', a pre-training that has
    seen them, their classes or name.

    place: path or id of the data, whose name may tell where they are from.
    """
    told = _small(seen, cards) if len(split.images) else _foreign(split, cards, cache)
    mine = {one.content for one in seen}
    trained_on: dict[str, list[str]] = {}
    for card in cards:
        trained_on.setdefault(card.source, []).append(card.name)
    classes = {name.lower() for name in split.classes}
    for source, ptms in trained_on.items():
        if shared := len(mine & _contents(source, benchmark, cache)):
            told.append(f"{_trained(ptms, source)}, which holds {shared} of these {things(split.images)}")
            continue
        theirs = {part.strip().lower() for card in cards if card.source == source for name in card.source_classes
                  for part in name.split(",")}  # fmt: skip
        if len(classes & theirs) >= max(2, len(classes) / 2):
            told.append(
                f"{_trained(ptms, source)}, which has the classes "
                f"{first_few(sorted(classes & theirs))}: these {things(split.images)} may be among its own"
            )
    return told + by_name(f"{place} {split.name}", cards)


def _trained(ptms: Sequence[str], source: str) -> str:
    return f"{first_few(ptms)} {'was' if len(ptms) == 1 else 'were'} trained on '{source}'"


def by_name(data: str, cards: Sequence[Card]) -> list[str]:
    """Warnings about data that are named after a corpus, where a PTM's name or source says it was trained on that."""
    words, told = _words(data), []
    for corpus, (called, trained) in CORPORA.items():
        ptms = [card.name for card in cards if _words(f"{card.name} {card.source}") & {*trained}]
        if ptms and words & {*called}:
            were = "was" if len(ptms) == 1 else "were"
            told.append(
                f"these data are called after {corpus}, which {first_few(ptms)} {were} trained on: what they reach "
                "here may be memory"
            )
    return told


def _words(text: str) -> set[str]:
    return {*re.split(r"[^a-z0-9]+", text.lower())}


def _small(seen: list[Look], cards: Sequence[Card]) -> list[str]:
    sides = np.array([min(one.width, one.height) for one in seen])
    inputs = [(card.preprocessing.input_size[1], card.name) for card in cards]
    if not (small := [(size, name) for size, name in sorted(inputs) if (sides < size).any()]):
        return []
    least, most = small[0][0], small[-1][0]
    if least == most:
        said = f"the {least} pixels of {first_few([name for _, name in small])}"
        return [f"{int((sides < least).sum())} of {len(sides)} images are smaller than {said} and are enlarged"]
    return [
        f"images are smaller than PTMs' inputs and are enlarged: {int((sides < least).sum())} of {len(sides)} for "
        f"{least} pixels ({small[0][1]}), {int((sides < most).sum())} for {most} ({small[-1][1]})"
    ]


def _foreign(split: Split, cards: Sequence[Card], cache: Cache) -> list[str]:
    """PTMs that read one language, where a noticeable share of the texts is in others; and one that reads many."""
    known = of_texts()
    reads = {card.name: known["language"].get(card.name) for card in cards}
    read_alone = sorted({one for one in reads.values() if isinstance(one, str)} - {MANY})
    if not read_alone:
        return []
    some = languages.some([" ".join(map(str, row)) for row in zip(*split.texts.values(), strict=True)])
    spoken, told = Counter(filter(None, languages.languages(some, cache))), []
    for language in read_alone:
        others = Counter(spoken)
        del others[language]
        if not _noticeable(others.total(), len(some)):
            continue
        counts = first_few([f"{count} in {other}" for other, count in others.most_common()])
        smallest = known["parameters"][known["language"] == MANY].idxmin()
        advice = "" if MANY in reads.values() else f"; {smallest} reads many languages"
        ptms = [name for name in reads if reads[name] == language]
        told.append(
            f"{first_few(ptms)} {'reads' if len(ptms) == 1 else 'read'} {language} alone: of {len(some)} texts looked "
            f"at, {counts}{advice}"
        )
    return told


def _contents(source: str, benchmark: Workspace | None, cache: Cache) -> set[str]:
    """What a source of the benchmark holds, as `Look.content`; nothing where it is not here."""
    if benchmark is None or not (path := benchmark.split("sources", source, "train")).exists():
        return set()
    split = read_split(path, cache)
    seen = looks(split.images, cache) if len(split.images) else looks_of_texts(split.texts)
    return {one.content for one in seen[1]}
