"""Puts the pages of docs/ and the generated ones into one folder, ready to be built."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from docs.site import cards, reference, results
from docs.site.mathematics import with_mathml

LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s#]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"(^ *(`{3,}).*?^ *\2 *$)", re.MULTILINE | re.DOTALL)


def assemble(root: Path, folder: Path) -> None:
    """Writes the sources of the site into `folder`: docs/ and notes of the clone at `root`, and generated pages."""
    shutil.rmtree(folder, ignore_errors=True)
    ignored = shutil.ignore_patterns("site", "__pycache__", "*.py", "*.lock", "*_table.md")
    shutil.copytree(root / "docs", folder, ignore=ignored)
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copyfile(root / name, folder / name.lower())
    pages = {**cards.pages(root), **reference.pages(root), **results.pages(root)}
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    for path in folder.rglob("*.md"):
        notes = path.name in ("changelog.md", "contributing.md")
        page = root / path.name.upper() if notes else root / "docs" / path.relative_to(folder)

        def in_clone(part: str, page: Path = page) -> str:
            return without_code_links(part, page, root)

        path.write_text(with_mathml(outside_code(path.read_text(encoding="utf-8"), in_clone)), encoding="utf-8")


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with all but its fenced blocks changed."""
    parts = FENCE.split(text)  # what is between, a block, its fence, what is between, ...
    return "".join(change(part) if i % 3 == 0 else part if i % 3 == 1 else "" for i, part in enumerate(parts))


def without_code_links(text: str, page: Path, root: Path) -> str:
    """Links to folders, and to files of the repository that are no pages, become the path that they name.

    Such links work in a clone, but not on the site. A link to a missing file is left as it is: the build refuses it.
    """

    def change(found: re.Match[str]) -> str:
        words, target, _ = found.groups()
        path = (page.parent / target).resolve()
        if "://" in target or not path.exists() or not path.is_relative_to(root):
            return found[0]
        if path.is_relative_to(root / "docs") and path.is_file():
            return found[0]
        name = path.relative_to(root).as_posix()
        return words if words.strip("`") == name else f"{words} (`{name}`)"

    return LINK.sub(change, text)
