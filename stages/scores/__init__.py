"""Every method that ranks PTMs: a function of arrays to a float, higher is better.

A method names the arrays that it needs as its parameters (features, labels, targets, probabilities,
source_features, source_labels, n_parameters, source_accuracy, seed; F-labels of K text encoders as class_embeddings,
arrays (C, E_k), or label_embeddings, arrays (N, E_k)); `METHODS` is the list of them. Those that never
look at the target stand first. Call several methods on the same arrays inside `shared_work()`: what they have in
common is then computed once. A method that has no value for what it got raises `ScoreError` with the reason.
"""

from collections.abc import Callable

import numpy as np

from .blind import parameters, source_accuracy
from .emms import emms, emms_gcv, emms_weights
from .gbc import gbc
from .h_score import h_score, h_score_shrunk
from .inputs import Adjusted, ScoreError
from .knn import knn
from .leep import leep, nce
from .lfc import lfc
from .logme import logme, logme_labels, logme_of_encoders
from .nleep import nleep
from .otce import otce
from .pactran import pactran_dirichlet, pactran_gamma
from .pactran_gauss import pactran_gauss
from .parc import parc
from .probe import probe
from .sfda import sfda
from .shared import shared_work
from .transrate import transrate, transrate_labels, transrate_of_encoders

METHODS: dict[str, Callable[..., float]] = {
    "parameters": parameters,
    "source_accuracy": source_accuracy,
    "probe": probe,
    "knn": knn,
    "h_score": h_score,
    "h_score_shrunk": h_score_shrunk,
    "nce": nce,
    "leep": leep,
    "nleep": nleep,
    "logme": logme,
    "pactran_dirichlet": pactran_dirichlet,
    "pactran_gamma": pactran_gamma,
    "pactran_gauss": pactran_gauss,
    "otce": otce,
    "lfc": lfc,
    "gbc": gbc,
    "transrate": transrate,
    "sfda": sfda,
    "parc": parc,
    "emms": emms,
    "emms_gcv": emms_gcv,
    "logme_labels": logme_labels,
    "transrate_labels": transrate_labels,
}

# What a method on F-labels says of each text encoder: its weight in the mixture, or the score on its labels alone.
OF_ENCODERS: dict[str, Callable[..., np.ndarray]] = {
    "emms": emms_weights,
    "logme_labels": logme_of_encoders,
    "transrate_labels": transrate_of_encoders,
}

TARGET_BLIND = ("parameters", "source_accuracy")

__all__ = ["METHODS", "OF_ENCODERS", "TARGET_BLIND", "Adjusted", "ScoreError", "shared_work"]
