"""Replaces what stands between two marks in a page of Markdown."""

from __future__ import annotations

from orbweaver.core.errors import FileError


def between(text: str, page: object, name: str, new: str) -> str:
    """The text of a page with `new` between its marks `<!-- name -->` and `<!-- end of name -->`.

    page: for the message. Raises FileError when the marks are not there.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not found or not last:
        raise FileError(f"{page}: no place for the {name}; add the marks '{begin}' and '{end}' around it")
    return f"{before}{begin}\n{new}{end}{after}"
