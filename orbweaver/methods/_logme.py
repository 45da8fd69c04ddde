"""LogME (You et al. 2021, arXiv 2102.11005)."""

import warnings

import numpy as np

from ._checked import Classes, classes_or_targets
from ._f_labels import Embeddings, FLabels, embedded
from ._matrix import FeatureMatrix

ROUNDS = 60


def logme(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    targets: np.ndarray | None = None,
) -> float:
    """LogME: log evidence per sample of Bayesian linear regression, at its maximum over the two precisions.

    For a target column y the evidence of y ~ N(0, 1/beta + X X^T / alpha) is

        D/2 log alpha + N/2 log beta - 1/2 sum_{i <= D} log(alpha + beta s_i) - beta/2 |X m - y|^2 - alpha/2 |m|^2
        - N/2 log 2 pi,   s_i the eigenvalues of X^T X, zero for i > k.

    Published fixed-point code leaves the D - k zero eigenvalues out of the sum, -(D - k)/2 log alpha, which favours
    wide PTMs when D > N. With t = alpha/beta and x = U^T y the whole is, beta = N / q(t) being optimal,

        -N/2 log(2 pi e q(t) / N) - 1/2 sum_{i <= k} log(1 + s_i / t),
        q(t) = |y|^2 - |x|^2 + sum_i x_i^2 t / (t + s_i),

    where those terms cancel: one function of t, whose stationary points are the published fixed points. Here it is
    maximised over a grid and then by Newton's method, so the best of several maxima is taken. The residual
    |y|^2 - |x|^2 is kept above the rounding level of |y|^2; a perfect fit thus scores high, but finite.

    Mean over columns: one-hot columns of labels (N,), or targets (N, T) as they are, whose scale matters as in the
    paper (columns that never vary are left out). features (N, D) are not centred.
    Raises ValueError for unsound arrays, ScoreError for one class or constant targets; warns when Newton's method
    has not converged.
    """
    matrix = FeatureMatrix.of(features)
    classes, targets = classes_or_targets(len(matrix), labels, targets)
    powers = matrix.left_coefficients(matrix.raw, targets if classes is None else classes) ** 2
    lengths = (targets**2).sum(axis=0) if classes is None else classes.counts.astype(float)
    return float(_mean_evidence(matrix.shape, matrix.raw.values, powers, lengths))


def logme_labels(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    class_embeddings: Embeddings = None,
    label_embeddings: Embeddings | FLabels = None,
    targets: np.ndarray | None = None,
) -> float:
    """LogME on F-labels: mean over encoders of the mean evidence of their z-scored columns (constant ones left out).

    The scale of a column moves the score of all PTMs alike. Arrays and errors as those of `emms`, to which this was
    the paper's strongest rival.
    """
    return float(logme_of_encoders(features, labels, class_embeddings, label_embeddings, targets).mean())


def logme_of_encoders(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    class_embeddings: Embeddings = None,
    label_embeddings: Embeddings | FLabels = None,
    targets: np.ndarray | None = None,
) -> np.ndarray:
    """(K,): LogME on the F-labels of each encoder. Arrays and errors as those of `emms`."""
    matrix, given = embedded(features, labels, class_embeddings, label_embeddings, targets)
    return matrix.once(_of_encoders, given)


def _of_encoders(matrix: FeatureMatrix, given: FLabels) -> np.ndarray:
    scores = []
    for encoder in given.encoders:
        powers = encoder.coefficients(matrix, matrix.raw)[:, encoder.scale > 0] ** 2
        lengths = np.full(powers.shape[1], float(len(matrix)))
        scores.append(_mean_evidence(matrix.shape, matrix.raw.values, powers, lengths))
    return np.array(scores)


def _mean_evidence(shape: tuple[int, int], s: np.ndarray, powers: np.ndarray, lengths: np.ndarray) -> float:
    """Mean over columns y of the best evidence per sample; powers (k, T) are (U^T y)^2, lengths (T,) |y|^2."""
    residuals = np.maximum(lengths - powers.sum(axis=0), max(shape) * np.finfo(float).eps * lengths)
    return _best_evidence(s, powers, residuals, shape[0]).mean() / shape[0]


def _best_evidence(s: np.ndarray, powers: np.ndarray, residuals: np.ndarray, n: int) -> np.ndarray:
    """(T,): the evidence at its maximum over u = log t; s (k,), powers (k, T) are x^2, residuals (T,)."""
    if not len(s):
        return -n / 2 * np.log(2 * np.pi * np.e * residuals / n)

    columns = np.ascontiguousarray(powers.T)

    def evidence(u: np.ndarray) -> np.ndarray:
        """(T,) at u (T,), or (G, T) at a grid u (G, 1)."""
        ratio = s / np.exp(u)[..., None]
        if u.ndim == 2:
            q = residuals + (1 / (1 + ratio[:, 0])) @ powers
        else:
            q = residuals + (columns / (1 + ratio)).sum(axis=1)
        return -n / 2 * np.log(2 * np.pi * np.e * q / n) - np.log1p(ratio).sum(axis=-1) / 2

    # At the ends the features explain nothing (t far above s) or all that they can (t far below).
    grid = np.arange(np.log(s[-1]) - 14, np.log(s[0]) + 28, 0.5)
    best = evidence(grid[:, None]).argmax(axis=0)
    low, high = grid[np.maximum(best - 1, 0)], grid[np.minimum(best + 1, len(grid) - 1)]
    u = grid[best]
    active = np.arange(len(u))  # columns that still move: a few take many rounds, and the others need not wait
    for _ in range(ROUNDS):
        y, at = columns[active], u[active]
        w = s / (s + np.exp(at)[:, None])  # (T, k), rising s/t
        bend = w * (1 - w)
        q = residuals[active] + np.einsum("tk,tk->t", y, 1 - w)
        bent = y * bend
        q1 = bent.sum(axis=1) / q
        q2 = q1 - 2 * np.einsum("tk,tk->t", bent, w) / q
        slope = (w.sum(axis=1) - n * q1) / 2
        curve = -(bend.sum(axis=1) + n * (-q2 - q1**2)) / 2
        low[active] = np.where(slope > 0, at, low[active])
        high[active] = np.where(slope > 0, high[active], at)
        step = np.divide(-slope, curve, out=np.full_like(at, np.inf), where=curve < 0)
        inside = (at + step > low[active]) & (at + step < high[active])
        u[active] = np.where(inside, at + step, (low[active] + high[active]) / 2)
        moved = np.abs(u[active] - at)
        active = active[moved >= 1e-7]
        if not len(active):
            break
    else:
        warnings.warn(f"LogME did not converge: log(alpha/beta) still moves by {moved.max():.2g}", stacklevel=3)
    return evidence(u)
