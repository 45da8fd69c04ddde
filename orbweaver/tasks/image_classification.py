"""image_classification: a picture, to one of several classes. Truth: accuracy."""

from __future__ import annotations

from orbweaver.tasks._image import ImageTask
from orbweaver.tasks._targets import OneClass


class ImageClassification(OneClass, ImageTask):
    name = "image_classification"


TASK = ImageClassification()
