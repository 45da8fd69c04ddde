"""Every method that ranks PTMs: a function of arrays to a float, higher is better.

A method names the arrays that it needs as its parameters (features, labels, targets, probabilities,
source_features, source_labels, n_parameters, source_accuracy, seed); `METHODS` is the list of them. Those that never
look at the target stand first. Call several methods on the same arrays inside `shared_work()`: what they have in
common is then computed once. A method that has no value for what it got raises `ScoreError` with the reason.
"""

from collections.abc import Callable

from .blind import parameters, source_accuracy
from .gbc import gbc
from .h_score import h_score, h_score_shrunk
from .inputs import ScoreError
from .knn import knn
from .leep import leep, nce
from .lfc import lfc
from .logme import logme
from .nleep import nleep
from .otce import otce
from .pactran import pactran_dirichlet, pactran_gamma
from .pactran_gauss import pactran_gauss
from .parc import parc
from .probe import probe
from .sfda import sfda
from .shared import shared_work
from .transrate import transrate

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
}

TARGET_BLIND = ("parameters", "source_accuracy")

__all__ = ["METHODS", "TARGET_BLIND", "ScoreError", "shared_work"]
