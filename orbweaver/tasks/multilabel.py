"""multilabel: a picture, to all the classes that apply. Truth: mean average precision, as VOC2007 has it."""

from __future__ import annotations

from orbweaver.tasks._image import ImageTask
from orbweaver.tasks._targets import Several


class Multilabel(Several, ImageTask):
    name = "multilabel"


TASK = Multilabel()
