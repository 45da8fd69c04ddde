"""The way out: ranks PTMs for a user's own images, by what the benchmark has learned about rankings."""

from stages.rank.ranking import rank

__all__ = ["rank"]
