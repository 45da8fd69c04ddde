"""Scores of features from inside the PTM, closer to what fine-tuning starts from than the last layer's features.

`inner` is (N, D): the mean output of the last stage but one, with the PTM's batch normalisation fitted to the target's
images (`orbweaver.models.inner`), which takes a second forward pass. These scores are ours; no paper has numbers for
them.
"""

import numpy as np

from ._checked import Classes
from ._logme import logme
from ._matrix import FeatureMatrix
from ._probe import probe


def logme_inner(
    inner: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    targets: np.ndarray | None = None,
) -> float:
    """LogME of features from inside the PTM; arguments and errors as `logme`."""
    return logme(FeatureMatrix.of(inner, "inner"), labels, targets)


def probe_inner(
    inner: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    targets: np.ndarray | None = None,
) -> float:
    """What a linear model reaches on features from inside the PTM; arguments and errors as `probe`."""
    return probe(FeatureMatrix.of(inner, "inner"), labels, targets)
