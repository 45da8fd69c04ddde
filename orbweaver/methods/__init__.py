"""Every method that ranks PTMs (pre-trained models): a function of arrays to a float, higher is better.

A method names the arrays that it needs as its parameters (features, labels, targets, probabilities,
source_features, source_labels, n_parameters, source_accuracy, gmacs, feature_width, weight_spectra, seed; F-labels of K
text encoders as class_embeddings, arrays (C, E_k), or label_embeddings, arrays (N, E_k)); `METHODS` is the list of
all methods. A method that is not defined for its arrays raises `ScoreError` with the reason. Scores that need the whole
zoo (`AGGREGATIONS`) are made by `aggregated` from a table of the other scores.

    METHODS["logme"](features=features, labels=labels)        one method on plain arrays
    score(["logme", "probe"], ScoreInputs(features=...))      several, with what they share computed once

`features` may be a `FeatureMatrix` too, which is how methods that are called one by one share their work.
"""

from ._checked import ScoreError
from ._matrix import FeatureMatrix
from ._probe import held_out_accuracy
from .catalogue import METHODS, OF_ENCODERS, TARGET_BLIND, looks_inside
from .inputs import MethodError, ScoreInputs
from .run import score
from .sampling import sampled
from .tables import AGGREGATIONS, TRIO, aggregated, borda, joined, of_encoders

__all__ = [
    "AGGREGATIONS",
    "METHODS",
    "OF_ENCODERS",
    "TARGET_BLIND",
    "TRIO",
    "FeatureMatrix",
    "MethodError",
    "ScoreError",
    "ScoreInputs",
    "aggregated",
    "borda",
    "held_out_accuracy",
    "joined",
    "looks_inside",
    "of_encoders",
    "sampled",
    "score",
]
