"""The last room: how well every method ranks the PTMs, and how far chance alone would get."""
