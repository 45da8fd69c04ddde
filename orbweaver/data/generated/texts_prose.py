"""Sentences and lines that people wrote: definitions, documentation, programs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from orbweaver.data.generated.drawing import package_folder
from orbweaver.data.generated.texts import text_splits
from orbweaver.data.split import Split

# WordNet's numbers order nouns by meaning; these ranges of the numbers' beginnings hold one kind of thing each.
KINDS = {"animal": (14, 25), "artefact": (28, 45), "food": (76, 78), "person": (97, 106), "plant": (117, 131)}
LIBRARIES = {"matplotlib": "matplotlib", "numpy": "numpy", "pandas": "pandas", "scipy": "scipy",
             "sklearn": "scikit-learn", "timm": "timm", "torch": "torch", "transformers": "transformers"}  # fmt: skip
CODE = {  # language -> where files of it lie
    "C++": ("torch", "include/ATen", ".h"),
    "CMake": ("torch", "share/cmake", ".cmake"),
    "Cython": ("sklearn", ".", ".pyx"),
    "Fortran": ("numpy", "f2py/tests/src", ".f90"),
    "JavaScript": ("matplotlib", "backends/web_backend", ".js"),
    "Python": ("sklearn", ".", ".py"),
}
FILES = 80  # of a library, or of a language, are looked at
OPEN = "BSD-3-Clause and others"
WORDNET = {"family": "wordnet", "licence": "WordNet", "origin": "timm, nouns of WordNet that ImageNet-22k names"}


@cache
def _nouns() -> list[tuple[str, str, str]]:
    """Kind, words and definition of every noun that is one of `KINDS`."""
    from timm.data import ImageNetInfo

    info = ImageNetInfo("imagenet-22k")
    found = []
    for index in range(info.num_classes()):
        number = int(info.index_to_label_name(index)[1:4])
        kind = next((kind for kind, (first, last) in KINDS.items() if first <= number <= last), None)
        words, _, gloss = info.index_to_description(index, detailed=True).partition(": ")
        if kind and gloss:
            found.append((kind, words, gloss))
    return found


def glosses_kind(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """What kind of thing does this definition define? Five."""
    groups = {kind: [gloss for of, _, gloss in _nouns() if of == kind] for kind in KINDS}
    return text_splits("glosses_kind", groups, train, test, seed, **WORDNET)


def nouns_kind(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """What kind of thing do these words mean? Five."""
    groups = {kind: [words for of, words, _ in _nouns() if of == kind] for kind in KINDS}
    return text_splits("nouns_kind", groups, train, test, seed, **WORDNET)


def _files(folder: Path, suffix: str) -> list[Path]:
    """At most `FILES` files, evenly spread over all in the order of their names; tests are left out."""
    found = sorted(path for path in folder.rglob(f"*{suffix}") if "tests" not in path.relative_to(folder).parts)
    return found[:: max(1, len(found) // FILES)][:FILES]


def _documented(path: Path) -> Iterator[str]:
    """The first paragraphs of the docstrings of functions and classes, if neither very short nor long."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (said := ast.get_docstring(node)):
            first = " ".join(said.split("\n\n")[0].split())
            if 20 <= len(first) <= 200:
                yield first


@cache
def _documentation() -> dict[str, list[str]]:
    folders = {name: package_folder(package) for package, name in LIBRARIES.items()}
    return {name: [s for path in _files(folder, ".py") for s in _documented(path)] for name, folder in folders.items()}


def docs_library(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """Which library documents a function or class with this sentence? Eight; the libraries' names are taken out."""
    names = re.compile(rf"\b({'|'.join({*LIBRARIES, *LIBRARIES.values(), 'sklearn', 'pytorch'})})\b", re.IGNORECASE)
    groups = {name: [names.sub("it", sentence) for sentence in said] for name, said in _documentation().items()}
    return text_splits("docs_library", groups, train, test, seed, family="documentation", licence=OPEN,
                       origin="the documentation inside installed Python packages")  # fmt: skip


@cache
def _code() -> dict[str, list[str]]:
    found = {}
    for language, (package, folder, suffix) in CODE.items():
        texts = [path.read_text(encoding="utf-8", errors="replace") for path in
                 _files(package_folder(package) / folder, suffix)]  # fmt: skip
        lines = [" ".join(line.split()) for text in texts for line in text.split("\n")]
        found[language] = [line for line in lines if 12 <= len(line) <= 120 and re.search(r"[A-Za-z]{3}", line)]
    return found


def code_language(train: int, test: int, image_size: int, seed: int) -> dict[str, Split]:
    """In which language is this line of a program? Six."""
    return text_splits("code_language", _code(), train, test, seed, family="programs", licence=OPEN,
                       origin="files inside installed Python packages")  # fmt: skip
