"""detection: the box of what a phrase says. The head and loss of the task grounding, on a network of another task."""

from __future__ import annotations

from orbweaver.data.split import Split
from orbweaver.tasks.base import PTM
from orbweaver.tasks.grounding import TASK, Locator
from orbweaver.tasks.objectives.base import Lesson


def lesson(ptm: PTM, source: Split) -> Lesson:
    """The head for boxes, and the source's phrases."""
    reader = getattr(ptm.network, "reader", ptm.network)
    return Lesson(Locator(reader), TASK.batch(source, ptm.vocabulary), TASK.rows(source))
