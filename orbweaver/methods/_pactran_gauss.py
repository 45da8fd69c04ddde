"""PACTran-Gauss (Ding et al. 2022, arXiv 2203.05126): a PAC-Bayesian bound on the loss of a linear head, negated."""

import numpy as np
from scipy.optimize import minimize

from ._checked import Classes, ScoreError
from ._matrix import FeatureMatrix, labelled, row_blocks
from .sampling import sampled

SAMPLES = 8000
STRENGTH = 1.0  # lambda
PRIOR = 100.0  # sigma_0^2 D, the first of the two values that the authors pair with lambda = 1
ROUNDS = 200
TOLERANCE = 1e-7
SMALL = 1e-3  # of a minimum, against which the tolerance is not


def pactran_gauss(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes, seed: int = 0) -> float:
    """PACTran-Gauss: the bound for a linear head with a Gaussian prior and posterior, negated.

    With z centred features, F the smallest value over w (D, C) and b (C,) of

        -1/N sum_i log softmax(z_i w + b)_{y_i} + |w|^2 / (2 lambda N),

    p_i the softmax there, K = D C and H the Hessian of the mean loss in w, tr H = 1/N sum_i |z_i|^2 (1 - |p_i|^2):

        -( F + K sigma^2 / (2 lambda N) log(1 + lambda N tr H / K) ),   lambda = 1, sigma^2 = 100 / D.

    That is the bound with the best isotropic posterior. Published code adds the Hessian over samples where the bound
    has their mean, and starts from random weights; the minimum is unique, so here the start is zero. A stratified
    sample of at most 8,000 (as published) is drawn with the seed.

    Nearly all the time goes to the two products with the features in each round of L-BFGS. The rounds work in float32,
    and in the N dimensions that the samples span when D > N; the value is taken in float64. They stop at a tolerance of
    1e-7 (published: 1e-6), which leaves an error of about 1e-4 to 2e-3, nearly all of it in tr H: the minimum itself is
    flat, the trace is not. Large features that tell the classes apart make the minimum so small that neither float32
    nor that tolerance would do; then the rounds go on in float64, relative to it.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class or constant features.
    """
    matrix, classes = labelled(features, labels)
    if (matrix.array == matrix.array[0]).all():
        raise ScoreError("the features are the same for all samples")
    rows = sampled(len(matrix), SAMPLES, seed, classes)
    n, width = len(rows), matrix.shape[1]
    features = matrix.array if matrix.tall else matrix.centred.coordinates(len(matrix))
    mean = sum(block.sum(axis=0) for _, block in row_blocks(features, rows=rows)) / n
    points = np.empty((n, features.shape[1]), dtype=np.float32)
    for where, block in row_blocks(features, mean, rows):
        points[where] = block
    codes, size = classes.codes[rows], len(classes)
    penalty = 1 / (STRENGTH * n)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        head = flat.reshape(-1, size)
        value, posterior = _cross_entropy(points, head.astype(np.float32), codes)
        posterior[np.arange(n), codes] -= 1
        posterior /= n
        gradient = np.empty_like(head)
        gradient[:-1] = points.T @ posterior
        gradient[:-1] += head[:-1] * penalty
        gradient[-1] = posterior.sum(axis=0)
        return value + penalty / 2 * (head[:-1] ** 2).sum(), gradient.ravel()

    options = {"maxiter": ROUNDS, "ftol": TOLERANCE, "gtol": TOLERANCE}
    start = np.zeros((points.shape[1] + 1) * size)
    found = minimize(loss, start, method="L-BFGS-B", jac=True, options=options)
    head = found.x.reshape(-1, size)
    if found.fun < SMALL:
        head = _refined(points, head, codes, penalty, options)

    value, trace = penalty / 2 * (head[:-1] ** 2).sum(), 0.0
    for where, block in row_blocks(features, mean, rows):
        entropy, posterior = _cross_entropy(block, head, codes[where])
        value += entropy * len(block) / n
        trace += (block**2).sum(axis=1) @ (1 - (posterior**2).sum(axis=1)) / n
    count = width * size
    return float(-value - count * penalty / 2 * PRIOR / width * np.log1p(trace / (penalty * count)))


def _refined(
    points: np.ndarray, head: np.ndarray, codes: np.ndarray, penalty: float, options: dict[str, float]
) -> np.ndarray:
    """The head at the minimum, from one near it.

    L-BFGS goes by values of about 1: so features have mean square length 1 here, and the loss counts in units of what
    the rounds before reached, until these no longer gain 1 %. The posterior of the true class is never subtracted from
    1, where the others' sum would be lost.
    """
    units = np.append(np.full(points.shape[1], np.sqrt((points.astype(np.float64) ** 2).sum(axis=1).mean())), 1)[
        :, None
    ]
    points = points / units[:-1, 0]
    penalty /= units[0, 0] ** 2
    own, size = (np.arange(len(codes)), codes), head.shape[1]

    def loss(flat: np.ndarray, unit: float) -> tuple[float, np.ndarray]:
        head = flat.reshape(-1, size)
        logits = points @ head[:-1] + head[-1]
        logits -= logits[own][:, None]
        top = logits.max(axis=1)  # 0 where the true class leads
        others = np.exp(logits - top[:, None])
        others[own] = 0
        total, true = others.sum(axis=1), np.exp(-top)
        entropy = top + np.where(top > 0, np.log(true + total), np.log1p(total))
        residual = others / (true + total)[:, None]
        residual[own] = -residual.sum(axis=1)
        residual /= len(codes)
        gradient = np.vstack([points.T @ residual + head[:-1] * penalty, residual.sum(axis=0)])
        value = entropy.mean() + penalty / 2 * (head[:-1] ** 2).sum()
        return value / unit, gradient.ravel() / unit

    flat, unit, reached = (head * units).ravel(), np.inf, SMALL
    while reached < 0.99 * unit:
        unit = reached
        found = minimize(loss, flat, args=(unit,), method="L-BFGS-B", jac=True, options=options)
        flat, reached = found.x, found.fun * unit
    return flat.reshape(-1, size) / units


def _cross_entropy(points: np.ndarray, head: np.ndarray, codes: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean cross-entropy and posterior (n, C) of a linear head, weights (D, C) above a row of offsets."""
    logits = points @ head[:-1]
    logits += head[-1]
    logits -= logits.max(axis=1, keepdims=True)
    true = logits[np.arange(len(codes)), codes]
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    logits /= total
    return float((np.log(total[:, 0]) - true).mean(dtype=np.float64)), logits
