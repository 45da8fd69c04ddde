"""Tasks: what a PTM is fine-tuned to do. One file a task, which alone knows what is special about it.

A new task is one file with a `TASK` (`orbweaver.tasks.base.Task`) and one line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from orbweaver.core.names import check_known

if TYPE_CHECKING:
    from orbweaver.tasks.base import Task

# Task -> the task that PTMs for it were pre-trained to do: an image classifier takes a new head for three tasks.
ZOO = {
    "image_classification": "image_classification",
    "multilabel": "image_classification",
    "regression": "image_classification",
    "caption": "caption",
    "vqa": "vqa",
    "extractive_qa": "extractive_qa",
    "grounding": "grounding",
    "text_classification": "text_classification",
}

# What PTMs were pre-trained to do that may give features from inside: `orbweaver.tasks.inner`.
INSIDE = frozenset({"image_classification"})

# Tasks whose truth is a fraction of 1: what is lost of it is told in points of a hundred.
FRACTIONS = frozenset(
    {"image_classification", "multilabel", "caption", "vqa", "extractive_qa", "grounding", "text_classification"}
)


def task(name: str) -> Task:
    """The task of this name; its file is imported when it is first asked for, and with it torch.

    Raises UnknownName when there is none.
    """
    check_known(name, ZOO, "task")
    return import_module(f"{__name__}.{name}").TASK
