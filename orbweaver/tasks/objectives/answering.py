"""answering: the answer to a question. The head and loss of the task vqa, on a network of another task."""

from __future__ import annotations

from orbweaver.data.split import Split
from orbweaver.tasks.base import PTM
from orbweaver.tasks.objectives.base import Lesson
from orbweaver.tasks.vqa import TASK, Answerer


def lesson(ptm: PTM, source: Split) -> Lesson:
    """The head for the source's answers, and its questions."""
    reader = getattr(ptm.network, "reader", ptm.network)
    learner = Answerer(reader, len(source.classes))
    return Lesson(learner, TASK.lesson(ptm, source), TASK.rows(source))
