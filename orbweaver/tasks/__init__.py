"""Tasks: what a PTM is fine-tuned to do. One file for each task, the only one that knows what is special about it.

A new task is one file with a `TASK` (`orbweaver.tasks.base.Task`) and one line here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from orbweaver.core.names import check_known

if TYPE_CHECKING:
    from orbweaver.tasks.base import Task


class About(NamedTuple):
    """What can be asked of a task without importing its file.

    zoo: the task that PTMs for it were pre-trained to do; three tasks give image classifiers a new head. fraction: is
    its truth a fraction of 1? Losses are then shown in hundredths, as points. inner: can features from inside
    (`orbweaver.tasks.inner`) be extracted from PTMs that were pre-trained to do it?
    """

    zoo: str
    fraction: bool = True
    inner: bool = False


TASKS = {
    "image_classification": About("image_classification", inner=True),
    "multilabel": About("image_classification"),
    "regression": About("image_classification", fraction=False),
    "caption": About("caption"),
    "vqa": About("vqa"),
    "extractive_qa": About("extractive_qa"),
    "grounding": About("grounding"),
    "text_classification": About("text_classification"),
    "text_multilabel": About("text_classification"),
    "text_regression": About("text_classification", fraction=False),
}
ZOO = {name: about.zoo for name, about in TASKS.items()}


def fits(ptm: str, target: str) -> bool:
    """Can a PTM that was pre-trained to do the one task be fine-tuned to do the other?"""
    return ZOO[target] == ptm


def task(name: str) -> Task:
    """The task of this name; its file is imported when it is first asked for, and with it torch.

    Raises UnknownName when there is none.
    """
    check_known(name, ZOO, "task")
    return import_module(f"{__name__}.{name}").TASK
