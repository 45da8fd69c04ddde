"""The list of the methods. A method names the arrays that it needs as its parameters: see `inputs.ScoreInputs`."""

from collections.abc import Callable
from inspect import signature

import numpy as np

from ._blind import (
    alpha,
    feature_width,
    frobenius_norm,
    gmacs,
    mp_soft_rank,
    parameters,
    source_accuracy,
    spectral_norm,
    stable_rank,
    weighted_alpha,
)
from ._emms import emms, emms_gcv, emms_published, emms_weights
from ._etran import etran_energy, etran_lda, etran_regression
from ._gbc import gbc, gbc_spherical, gbc_spherical_full
from ._h_score import h_score, h_score_shrunk
from ._inner import logme_inner, probe_inner
from ._knn import knn, knn_parc
from ._leep import leep, nce
from ._lfc import lfc
from ._logme import logme, logme_labels, logme_of_encoders
from ._ncti import ncti_ncc, ncti_seli, ncti_vc
from ._nleep import nleep
from ._otce import otce
from ._pactran import pactran_dirichlet, pactran_gamma
from ._pactran_gauss import pactran_gauss
from ._parc import parc
from ._ped import ped_logme, ped_sfda
from ._plain import fisher, kmeans_nmi, naive_bayes, silhouette
from ._probe import probe
from ._sfda import sfda
from ._tmi import tmi
from ._transrate import transrate, transrate_labels, transrate_of_encoders
from ._transrate_forms import transrate_rows, transrate_selection

# Those that never look at the target stand first.
METHODS: dict[str, Callable[..., float]] = {
    "parameters": parameters,
    "source_accuracy": source_accuracy,
    "gmacs": gmacs,
    "feature_width": feature_width,
    "alpha": alpha,
    "weighted_alpha": weighted_alpha,
    "stable_rank": stable_rank,
    "spectral_norm": spectral_norm,
    "frobenius_norm": frobenius_norm,
    "mp_soft_rank": mp_soft_rank,
    "probe": probe,
    "probe_inner": probe_inner,
    "knn": knn,
    "knn_parc": knn_parc,
    "naive_bayes": naive_bayes,
    "fisher": fisher,
    "silhouette": silhouette,
    "kmeans_nmi": kmeans_nmi,
    "h_score": h_score,
    "h_score_shrunk": h_score_shrunk,
    "nce": nce,
    "leep": leep,
    "nleep": nleep,
    "logme": logme,
    "logme_inner": logme_inner,
    "pactran_dirichlet": pactran_dirichlet,
    "pactran_gamma": pactran_gamma,
    "pactran_gauss": pactran_gauss,
    "otce": otce,
    "lfc": lfc,
    "gbc": gbc,
    "gbc_spherical": gbc_spherical,
    "gbc_spherical_full": gbc_spherical_full,
    "transrate": transrate,
    "transrate_selection": transrate_selection,
    "transrate_rows": transrate_rows,
    "sfda": sfda,
    "ped_sfda": ped_sfda,
    "ped_logme": ped_logme,
    "parc": parc,
    "tmi": tmi,
    "ncti_seli": ncti_seli,
    "ncti_ncc": ncti_ncc,
    "ncti_vc": ncti_vc,
    "etran_lda": etran_lda,
    "etran_energy": etran_energy,
    "etran_regression": etran_regression,
    "emms": emms,
    "emms_gcv": emms_gcv,
    "emms_published": emms_published,
    "logme_labels": logme_labels,
    "transrate_labels": transrate_labels,
}

# For methods on F-labels, a value for each text encoder: its weight in the mixture, or the score on its labels alone.
OF_ENCODERS: dict[str, Callable[..., np.ndarray]] = {
    "emms": emms_weights,
    "logme_labels": logme_of_encoders,
    "transrate_labels": transrate_of_encoders,
}

TARGET_BLIND = (
    "parameters", "source_accuracy", "gmacs", "feature_width", "alpha", "weighted_alpha", "stable_rank",
    "spectral_norm", "frobenius_norm", "mp_soft_rank",
)  # fmt: skip


def looks_inside(method: str) -> bool:
    """Whether the method takes features from inside the PTM, which need forward passes of their own."""
    return method in METHODS and "inner" in signature(METHODS[method]).parameters
