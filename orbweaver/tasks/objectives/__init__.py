"""Objectives: what a PTM learns on its source instead of its task. One file for each objective, one line here.

The network is built as its task builds it. An objective adds what it needs (a head, a mask), trains both together on
the source, and removes what it added. The result loads as any PTM of the task: a trained backbone and, if the task has
a head, a fresh one, as fine-tuning needs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orbweaver.core.names import check_known

if TYPE_CHECKING:
    from orbweaver.tasks.base import Task
    from orbweaver.tasks.objectives.base import Pretraining

READS = ("extractive_qa", "text_classification", "caption", "vqa")  # tasks whose datasets hold sentences

# Objective -> tasks of the PTMs that can learn by it -> tasks of the sources that it is learnt on.
OBJECTIVES: dict[str, dict[str, tuple[str, ...]]] = {
    "contrastive": dict.fromkeys(("caption", "vqa", "grounding"), ("caption", "grounding", "image_classification"))
    | dict.fromkeys(("extractive_qa", "text_classification"), READS),
    "captioning": dict.fromkeys(("vqa", "grounding"), ("caption",)),
    "masked_words": dict.fromkeys(("vqa", "grounding"), ("caption", "vqa", "grounding"))
    | dict.fromkeys(("extractive_qa", "text_classification"), READS),
    "detection": dict.fromkeys(("caption", "vqa"), ("grounding",)),
    "answering": dict.fromkeys(("caption", "grounding"), ("vqa",)),
    "classification": dict.fromkeys(("caption", "vqa", "grounding"), ("image_classification",))
    | {"extractive_qa": ("text_classification",)},
}


def sources_of(objective: str, task: str) -> tuple[str, ...]:
    """Tasks of the datasets that a PTM of a task can learn on by an objective; none where it cannot learn by it.

    Raises UnknownName for an objective that does not exist.
    """
    check_known(objective, OBJECTIVES, "objective")
    return OBJECTIVES[objective].get(task, ())


def learning(task: Task, objective: str | None) -> Task | Pretraining:
    """The task whose PTMs learn by an objective; the task itself where there is none. This imports torch."""
    if objective is None:
        return task
    from orbweaver.tasks.objectives.base import Pretraining

    return Pretraining(task, objective)
