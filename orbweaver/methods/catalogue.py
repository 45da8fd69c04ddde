"""The list of the methods. A method names the arrays that it needs as its parameters: see `inputs.ScoreInputs`."""

from collections.abc import Callable

import numpy as np

from ._blind import parameters, source_accuracy
from ._emms import emms, emms_gcv, emms_published, emms_weights
from ._gbc import gbc
from ._h_score import h_score, h_score_shrunk
from ._knn import knn
from ._leep import leep, nce
from ._lfc import lfc
from ._logme import logme, logme_labels, logme_of_encoders
from ._nleep import nleep
from ._otce import otce
from ._pactran import pactran_dirichlet, pactran_gamma
from ._pactran_gauss import pactran_gauss
from ._parc import parc
from ._probe import probe
from ._sfda import sfda
from ._transrate import transrate, transrate_labels, transrate_of_encoders

# Those that never look at the target stand first.
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
    "emms_published": emms_published,
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
