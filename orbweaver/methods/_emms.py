"""EMMS (Meng et al. 2023, arXiv 2308.06262): regression on labels that a mixture of text encoders gives."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from ._checked import Classes, ScoreError
from ._f_labels import Embeddings, EncoderLabels, FLabels, embedded
from ._matrix import FeatureMatrix

RIDGES = np.logspace(-6, 3, 91)  # times the mean eigenvalue
SATURATED = "features of rank N - 1 fit any label, so the residual is 0 whatever they know; emms_gcv allows for that"


def emms(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    class_embeddings: Embeddings = None,
    label_embeddings: Embeddings | FLabels = None,
    targets: np.ndarray | None = None,
) -> float:
    """EMMS: - min_{w, t} |X w - sum_k t_k z_k|^2 / (N E), t >= 0, sum t = 1 (the paper's equation of the fast EMMS).

    X (N, D) are the features and z_k (N, E) the F-labels of encoder k, all z-scored by column. For given t the best w
    projects onto the column space of the centred X, which scaling the columns does not change. So the minimum is that
    of the convex t^T A t, A_jk = <z_j, (I - X X^+) z_k>. It takes one factorisation of the centred features and a
    quadratic problem of K unknowns. Where all samples of a class share their F-label, only class sums are used.

    Encoders of different widths E_k: z_k is multiplied by sqrt(E / E_k), E the widest, and filled with zero columns, so
    that all have the same total variance. (Which columns of two encoders are added is arbitrary, at equal widths too.)
    More features fit better even if they carry no more information. Features of rank N - 1 fit every label, and there
    is no score. `emms_gcv` corrects for the number of features.

    Give label_embeddings (K arrays (N, E_k)); or class_embeddings (K arrays (C, E_k)) and labels (N,), or multi-hot
    targets (N, C), a sample's F-label then being the mean of its classes' embeddings (published code takes the first
    class); or the targets (N, T) of a regression, which serve as the only label as they are, without a text encoder.
    Raises ValueError for unsound arrays; ScoreError where there are no F-labels, only one class, or features of rank
    N - 1.
    """
    problem = _unsaturated(features, labels, class_embeddings, label_embeddings, targets)
    return -_exact(problem)[1] / problem.size


def emms_gcv(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    class_embeddings: Embeddings = None,
    label_embeddings: Embeddings | FLabels = None,
    targets: np.ndarray | None = None,
) -> float:
    """EMMS by its error on new samples, as estimated: - min_{r, t} N |(I - H_r) sum_k t_k z_k|^2 / (E (N - tr H_r)^2).

    H_r is ridge regression with an intercept on the centred features (not scaled by column, so that rotations do not
    matter), and the fraction is its generalised cross-validation error (Golub, Heath and Wahba 1979); r runs over a
    grid of 10^-6 to 10^3 times the mean eigenvalue. The rest is as in `emms`, without its flaw that a PTM with more
    features than samples fits any labels. About -1 for uninformative features. Arrays and errors as those of `emms`,
    but features of rank N - 1 have a score.
    """
    matrix, given = embedded(features, labels, class_embeddings, label_embeddings, targets)
    return -_generalised(matrix.once(_problem, given))[1]


def emms_published(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    class_embeddings: Embeddings = None,
    label_embeddings: Embeddings | FLabels = None,
    targets: np.ndarray | None = None,
) -> float:
    """EMMS as the released code computes it: one sweep of the alternating scheme, - |X w - sum_k t_k z_k|^2 / (N E).

    Start from t = 1/K, fit w by least squares, then t by least squares, projected to the simplex (`sparsemax`); w is
    not fitted again to the new t. That t minimises the residual only when the encoders' labels are orthogonal and of
    one length; in general the residual may rise, so this is at most `emms`. (The released code multiplies by E where it
    should divide, a factor that all PTMs share.) Arrays and errors as those of `emms`.
    """
    problem = _unsaturated(features, labels, class_embeddings, label_embeddings, targets)
    return -_alternated(problem, 1)[-1] / problem.size


def emms_weights(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    class_embeddings: Embeddings = None,
    label_embeddings: Embeddings | FLabels = None,
    targets: np.ndarray | None = None,
) -> np.ndarray:
    """(K,): the weights t of the encoders at the minimum that `emms` finds; the most even ones if several tie.

    Arrays and errors as those of `emms`.
    """
    return _exact(_unsaturated(features, labels, class_embeddings, label_embeddings, targets))[0]


@dataclass(frozen=True, eq=False)
class _Problem:
    """All that EMMS needs to know of features and F-labels."""

    values: np.ndarray  # (k,) squared singular values of the centred features
    total: np.ndarray  # (K, K) <z_j, z_k>
    powers: np.ndarray  # (K, K, k) <u_i^T z_j, u_i^T z_k>, of the left singular vectors u_i
    samples: int
    width: int

    @property
    def size(self) -> int:
        return self.samples * self.width

    @property
    def saturated(self) -> bool:
        return len(self.values) >= self.samples - 1

    def left(self, fitted: np.ndarray) -> np.ndarray:
        """(K, K): <(I - H) z_j, (I - H) z_k> where H fits the share `fitted` (k,) of what lies along each u_i."""
        outside = 0 if self.saturated else self.total - self.powers.sum(axis=2)
        return outside + self.powers @ (1 - fitted) ** 2


def _problem(matrix: FeatureMatrix, given: FLabels) -> _Problem:
    spectrum, encoders = matrix.centred, given.encoders
    width = max(encoder.width for encoder in encoders)
    k = len(encoders)
    total, powers = np.empty((k, k)), np.empty((k, k, len(spectrum.values)))
    along = [encoder.coefficients(matrix, spectrum) for encoder in encoders]
    for i in range(k):
        for j in range(i + 1):
            both = min(encoders[i].width, encoders[j].width)
            scale = width / np.sqrt(encoders[i].width * encoders[j].width)
            total[i, j] = total[j, i] = scale * _inner(encoders[i], encoders[j], both)
            powers[i, j] = powers[j, i] = scale * np.einsum("re,re->r", along[i][:, :both], along[j][:, :both])
    return _Problem(spectrum.values, total, powers, len(matrix), width)


def _unsaturated(*arrays: object) -> _Problem:
    """The problem that `emms` solves. Raises ScoreError where the features fit every label."""
    matrix, given = embedded(*arrays)
    problem = matrix.once(_problem, given)
    if problem.saturated:
        raise ScoreError(SATURATED)
    return problem


def _exact(problem: _Problem) -> tuple[np.ndarray, float]:
    """t and the residual |X w - sum_k t_k z_k|^2 at the minimum over w and t."""
    left = problem.left(np.ones(len(problem.values)))
    t = simplex_minimum(left)
    return t, float(t @ left @ t)


def _inner(one: EncoderLabels, other: EncoderLabels, columns: int) -> float:
    """<z_j, z_k> over the leading columns that both have."""
    if one is other:  # z-scored: each column that varies has length N
        return float(one.counts.sum() * np.count_nonzero(one.scale))
    # Blocks of both must cover the same rows, so those of `other` are cut as those of `one`.
    return float(
        sum(
            one.counts[where]
            @ np.einsum("re,re->r", block[:, :columns], ((other.rows[where] - other.mean) * other.scale)[:, :columns])
            for where, block in one.blocks()
        )
    )


def simplex_minimum(a: np.ndarray) -> np.ndarray:
    """(K,): the minimiser of t^T A t over t >= 0, sum t = 1, for positive semi-definite A (K, K).

    With A = B^T B, non-negative least squares min |B x|^2 + (sum x - 1)^2 has its solution at x = c t: for given t the
    best c leaves the value m / (1 + m) with m = t^T A t, which grows with m, so the best t minimises m. A small penalty
    on |x|^2 (1e-10 tr A) selects the most even of minimisers that tie, as with identical encoders.
    """
    size = np.trace(a)
    if size <= 0:
        return np.full(len(a), 1 / len(a))
    values, vectors = np.linalg.eigh(a / size)
    root = np.sqrt(np.maximum(values, 0) + 1e-10)[:, None] * vectors.T
    x, _ = nnls(np.vstack([root, np.ones(len(a))]), np.append(np.zeros(len(a)), 1.0))
    return x / x.sum()


def _generalised(problem: _Problem) -> tuple[np.ndarray, float]:
    """t and the error of the ridge and weights with the least generalised cross-validation error."""
    n, s = problem.samples, problem.values
    best = (np.inf, None)
    for ridge in s.mean() * RIDGES if len(s) else [1.0]:
        fitted = s / (s + ridge)
        left = problem.left(fitted)
        t = simplex_minimum(left)
        error = max(t @ left @ t, 0.0) * n / (problem.width * (n - 1 - fitted.sum()) ** 2)
        if error < best[0]:
            best = (error, t)
    return best[1], float(best[0])


def _alternated(problem: _Problem, sweeps: int) -> list[float]:
    """|X w - sum_k t_k z_k|^2 at the start and after each sweep, with the w that was fitted to the t before it."""
    explained = problem.powers.sum(axis=2)
    t = np.full(len(explained), 1 / len(explained))
    residuals = [float(t @ (problem.total - explained) @ t)]
    for _ in range(sweeps):
        free = np.linalg.lstsq(problem.total, explained @ t, rcond=None)[0]
        new = sparsemax(free)
        residuals.append(float(new @ problem.total @ new - 2 * new @ explained @ t + t @ explained @ t))
        t = new
    return residuals


def sparsemax(v: np.ndarray) -> np.ndarray:
    """(K,): the point of the simplex nearest to v (Martins and Astudillo 2016)."""
    falling = np.sort(v)[::-1]
    surplus = (np.cumsum(falling) - 1) / np.arange(1, len(v) + 1)
    return np.maximum(v - surplus[np.flatnonzero(falling > surplus)[-1]], 0)
