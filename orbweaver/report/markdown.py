"""Text and tables as Markdown."""

from __future__ import annotations

import re

import pandas as pd


def escaped(text: str) -> str:
    """Escapes what Markdown would take for markup in a name."""
    return re.sub(r"([_*|])", r"\\\1", text)


def markdown(cells: pd.DataFrame) -> str:
    """A table of strings that are Markdown already; all columns but the first are aligned to the right."""
    names = [escaped(str(name)) for name in cells.columns]
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *cells.to_numpy().tolist()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
