"""How well every method ranks the PTMs, and how far chance alone would get: tables, figures, a page."""
