"""N-LEEP (Li et al. 2021, arXiv 2011.11200)."""

from typing import NamedTuple

import numpy as np
from scipy.linalg.lapack import dtrtri

from ._checked import Classes, ScoreError
from ._matrix import FeatureMatrix, labelled

VARIANCE = 0.8
REGULARISATION = 1e-6
ROUNDS = 100
TOLERANCE = 1e-3
NEGLIGIBLE = 40.0  # in log probability: e^-40 of a sample's likelihood is below float64 rounding
PREFIX = 16
TOGETHER = 50  # components whose bounds are worked out in one product
ROUNDING = 1e-13  # of a bound, relative to the largest terms of its sum


def nleep(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, seed: int = 0) -> float:
    """N-LEEP: LEEP with the components of a Gaussian mixture, fitted to the features, as source classes.

    Principal components that hold 80 % of the variance, a mixture with full covariances, and
    mean_i log sum_z P(y_i | z) P(z | x_i) as in `leep`. Five components a class, as in common use, but not more than
    N/10, since a component of few samples has no covariance to speak of, and not less than C. (Of published codes
    one takes N/10 or more, hence 5,000 for CIFAR; some leave out the logarithm.)

    The mixture is that of scikit-learn's GaussianMixture with this seed: k-means start, 1e-6 on the diagonals (more
    where features are so large that this is below rounding), expectation-maximisation until the mean log-likelihood
    moves by less than 1e-3, at most 100 rounds. What is faster here: a component's density at a sample is worked out in
    full only where its first 16 dimensions leave it a chance of more than e^-40 against the sample's former component
    (a quadratic form, so that one product gives that of many components), and a component's moments come from the
    samples that it has a share in. Half of the time that remains is k-means. Memory holds K matrices of (d, d).

    features (N, D), labels (N,). At most 0. Raises ValueError for unsound arrays, ScoreError for one class or
    constant features.
    """
    matrix, classes = labelled(features, labels)
    spectrum = matrix.centred
    if not len(spectrum.values):
        raise ScoreError("the features are the same for all samples")
    share = np.cumsum(spectrum.values) / spectrum.values.sum()
    points = spectrum.coordinates(int(np.searchsorted(share, VARIANCE, side="right")) + 1)
    n = len(points)
    components = max(len(classes), min(5 * len(classes), n // 10))
    i, z, posterior = mixture_posterior(points, components, seed)

    joint = np.zeros((components, len(classes)))
    np.add.at(joint, (z, classes.codes[i]), posterior)
    total = joint.sum(axis=1, keepdims=True)
    conditional = np.divide(joint, total, out=np.zeros_like(joint), where=total > 0)
    likelihood = np.bincount(i, posterior * conditional[z, classes.codes[i]])
    return float(min(0.0, np.log(likelihood).mean()))


class _Component(NamedTuple):
    mean: np.ndarray  # (d,)
    whitening: np.ndarray  # (d, d) inverse of the covariance's lower Cholesky factor
    constant: float  # log weight + log density at the mean

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """(n,): log weight + log density at the points."""
        white = (points - self.mean) @ self.whitening.T
        return self.constant - np.einsum("ij,ij->i", white, white) / 2

    def bound(self, reach: float) -> np.ndarray:
        """(Q,): what `_quadratics` of points take to give an upper bound of their log densities.

        It is the log density without all but the leading dimensions, and above it by what rounding may take away where
        no point is farther than `reach` from the origin.
        """
        mean, whitening = self.mean[:PREFIX], self.whitening[:PREFIX, :PREFIX]
        inverse = whitening.T @ whitening
        pulled = inverse @ mean
        size = np.linalg.norm(inverse) * reach**2 + 2 * np.linalg.norm(pulled) * reach + mean @ pulled
        rows, columns = np.triu_indices(len(mean))
        squares = np.where(rows == columns, -0.5, -1.0) * inverse[rows, columns]
        return np.concatenate([squares, pulled, [self.constant - mean @ pulled / 2 + ROUNDING * size]])


def _quadratics(points: np.ndarray) -> np.ndarray:
    """(N, Q): of the leading dimensions the products of all pairs, each of them, and 1."""
    points = points[:, :PREFIX]
    rows, columns = np.triu_indices(points.shape[1])
    return np.column_stack([points[:, rows] * points[:, columns], points, np.ones(len(points))])


def mixture_posterior(points: np.ndarray, components: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Entries (i, z, P(z | x_i)) above e^-40 of the posterior of a Gaussian mixture fitted to points (N, d)."""
    from sklearn.cluster import KMeans  # here, since importing it takes longer than most methods

    home = KMeans(components, n_init=1, random_state=seed).fit(points).labels_.astype(np.intp)
    mixture = _maximised(points, np.arange(len(points)), home, np.ones(len(points)))
    before, quadratics = -np.inf, _quadratics(points)
    for _ in range(ROUNDS):
        i, z, posterior, home, likelihood = _expected(points, quadratics, mixture, home)
        mixture = _maximised(points, i, z, posterior)
        if abs(likelihood - before) < TOLERANCE:
            break
        before = likelihood
    return _expected(points, quadratics, mixture, home)[:3]


def _maximised(points: np.ndarray, i: np.ndarray, z: np.ndarray, posterior: np.ndarray) -> dict[int, _Component]:
    """The components that the posterior calls for; one without samples is gone for good."""
    n, d = points.shape
    order = np.argsort(z, kind="stable")
    names, starts = np.unique(z[order], return_index=True)
    mixture = {}
    for name, part in zip(names, np.split(order, starts[1:]), strict=True):
        share, members = posterior[part], points[i[part]]
        total = share.sum()
        mean = share @ members / total
        members -= mean
        covariance = (members.T * share) @ members / total
        # Of large features 1e-6 is below the rounding of the covariance, which then has no Cholesky factor.
        covariance.flat[:: d + 1] += max(REGULARISATION, d * np.finfo(float).eps * np.trace(covariance))
        whitening = dtrtri(np.linalg.cholesky(covariance), lower=1)[0]
        constant = np.log(total / n) - d / 2 * np.log(2 * np.pi) + np.log(np.diag(whitening)).sum()
        mixture[int(name)] = _Component(mean, whitening, constant)
    return mixture


def _expected(
    points: np.ndarray, quadratics: np.ndarray, mixture: dict[int, _Component], home: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Posterior entries i, z, P(z | x_i), each sample's likeliest component, and the mean log-likelihood.

    home (N,): a guess at each sample's likeliest component, whose density the others are held against.
    """
    n = len(points)
    best = np.full(n, -np.inf)
    for name, component in mixture.items():
        own = np.flatnonzero(home == name)
        best[own] = component.log_density(points[own])
    least, reach = best - NEGLIGIBLE, np.linalg.norm(points[:, :PREFIX], axis=1).max()
    rows, names, logs = [], [], []
    everyone = list(mixture.items())
    for start in range(0, len(everyone), TOGETHER):
        some = everyone[start : start + TOGETHER]
        bounds = np.stack([component.bound(reach) for _, component in some]) @ quadratics.T
        for (name, component), bound in zip(some, bounds, strict=True):
            near = np.flatnonzero(bound > least)
            density = component.log_density(points[near])
            kept = density > least[near]
            rows.append(near[kept])
            names.append(np.full(kept.sum(), name))
            logs.append(density[kept])
    i, z, density = np.concatenate(rows), np.concatenate(names), np.concatenate(logs)
    np.maximum.at(best, i, density)
    home = np.empty(n, dtype=np.intp)
    leading = density == best[i]
    home[i[leading]] = z[leading]
    likelihood = best + np.log(np.bincount(i, np.exp(density - best[i]), minlength=n))
    return i, z, np.exp(density - likelihood[i]), home, float(likelihood.mean())
