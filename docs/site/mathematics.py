"""Formulas, as MathML: every browser shows it without a script or a font from elsewhere, and screen readers read it."""

from __future__ import annotations

import re

BLOCK = re.compile(r"^\$\$\n(.+?)\n\$\$$", re.MULTILINE | re.DOTALL)


def mathml(formula: str) -> str:
    """A formula in LaTeX, to be shown on a line of its own."""
    from latex2mathml.converter import convert

    return f'<div class="formula">{convert(" ".join(formula.split()), display="block")}</div>'


def with_mathml(text: str) -> str:
    """Markdown with each formula between lines of $$ made MathML."""
    return BLOCK.sub(lambda found: mathml(found[1]), text)
