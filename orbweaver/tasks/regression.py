"""regression: a picture, to one or more values. Truth: minus the root mean squared error, in the target's unit."""

from __future__ import annotations

from orbweaver.tasks._image import ImageTask
from orbweaver.tasks._targets import Values


class Regression(Values, ImageTask):
    name = "regression"


TASK = Regression()
