"""Rankings that never look at the target. They stand first in every table: a method has to beat them.

On the zoos that are in use, orders that look at nothing but the PTM beat most scores: "How stable are transferability
metrics evaluations?" (Agostinelli et al., ECCV 2022) shows how much of a comparison is the choice of zoo and targets,
"How NOT to benchmark your SITE metric" (arXiv 2510.06448) that one order of the PTMs for all targets is ahead of the
metrics; survey: arXiv 2402.15231.

The scores that use the weights alone are by Martin and Mahoney (JMLR 22:165, 2021; with Peng, Nature Communications
12:4122, 2021). There smaller exponents and norms come with higher accuracy, and smaller ranks with more
self-regularisation. So all of them have a minus sign, which on a zoo of mixed architectures may be wrong.
`weight_spectra` holds these numbers of a PTM, computed once from its checkpoint.
"""

from collections.abc import Mapping


def parameters(n_parameters: int) -> float:
    """Number of parameters of the PTM (a count, all of its weights): larger is assumed to be better."""
    return float(n_parameters)


def source_accuracy(source_accuracy: float) -> float:
    """Accuracy of the PTM, 0 to 1, on the test split of the dataset that it was trained on."""
    return float(source_accuracy)


def gmacs(gmacs: float) -> float:
    """Multiply-adds that one input costs, in units of 10^9: more is assumed to be better."""
    return float(gmacs)


def feature_width(feature_width: int) -> float:
    """Number of features D of the PTM: wider is assumed to be better."""
    return float(feature_width)


def alpha(weight_spectra: Mapping[str, float]) -> float:
    """Minus the exponent of a power law p(x) ~ x^-alpha in the eigenvalues of layers' W^T W, mean over layers."""
    return -weight_spectra["alpha"]


def weighted_alpha(weight_spectra: Mapping[str, float]) -> float:
    """Minus the mean over layers of alpha log10(largest eigenvalue of W^T W)."""
    return -weight_spectra["weighted_alpha"]


def stable_rank(weight_spectra: Mapping[str, float]) -> float:
    """Minus the mean over layers of |W|_F^2 / |W|_2^2."""
    return -weight_spectra["stable_rank"]


def spectral_norm(weight_spectra: Mapping[str, float]) -> float:
    """Minus the mean over layers of log10 |W|_2^2."""
    return -weight_spectra["spectral_norm"]


def frobenius_norm(weight_spectra: Mapping[str, float]) -> float:
    """Minus the mean over layers of log10 |W|_F^2."""
    return -weight_spectra["frobenius_norm"]


def mp_soft_rank(weight_spectra: Mapping[str, float]) -> float:
    """Minus the mean over layers of the upper edge of the Marchenko-Pastur law divided by the largest eigenvalue."""
    return -weight_spectra["mp_soft_rank"]
