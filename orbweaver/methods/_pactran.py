"""PACTran (Ding et al. 2022, arXiv 2203.05126), on latent classes: bounds on the loss of a fine-tuned head, negated."""

from collections.abc import Callable

import numpy as np
from scipy.special import digamma, gammaln, logsumexp

from ._checked import Classes, Probabilities, checked_labels
from ._matrix import row_blocks

ROUNDS = 10


def pactran_dirichlet(probabilities: np.ndarray | Probabilities, labels: np.ndarray | Classes) -> float:
    """PACTran-Dirichlet: the bound for a head P(y | z) with a Dirichlet prior a0_y = n_y / N, negated.

    From q = theta, ten rounds of a = a0 + Y^T q, q_iz ~ theta_i(z) exp(psi(a_{y_i z}) - psi(sum_y a_yz));
    then, with a of the last q and log c(a) = lgamma(sum_y a_y) - sum_y lgamma(a_y),

        1/(N C) ( sum_z [log c(a0) - log c(a_z)] - sum_{i,z} q_iz log(q_iz / theta_i(z)) ).

    Published code takes a from one round before, for which this form of the bound does not hold exactly, returns
    the bound itself (lower is better), and forms an N x C x S array.

    probabilities (N, S), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    theta, classes, prior = _latent(probabilities, labels)
    a, divergence = _rounds(theta, classes, prior, lambda a: digamma(a) - digamma(a.sum(axis=0)))
    log_c0 = gammaln(prior.sum()) - gammaln(prior).sum()
    log_c = gammaln(a.sum(axis=0)) - gammaln(a).sum(axis=0)
    return float(((log_c0 - log_c).sum() - divergence) / (len(theta) * len(classes)))


def pactran_gamma(probabilities: np.ndarray | Probabilities, labels: np.ndarray | Classes) -> float:
    """PACTran-Gamma: the bound for an unnormalised head with a Gamma prior of shape a0_y = n_y / N, rate 1, negated.

    From q = theta, ten rounds of a = a0 + Y^T q, q_iz ~ theta_i(z) exp(psi(a_{y_i z})); then, with a of
    the last q and l_i = sum_z theta_i(z) sum_y a_yz,

        -1 - 1/(N C) ( sum_{y,z} [lgamma(a0_y) - lgamma(a_yz)]
                       + sum_i [sum_z q_iz log(q_iz / theta_i(z)) + log l_i - 1] ).

    Published code takes a and l from one round before and returns the bound itself (lower is better).

    probabilities (N, S), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    theta, classes, prior = _latent(probabilities, labels)
    a, divergence = _rounds(theta, classes, prior, digamma)
    total = a.sum(axis=0)
    linear = sum(np.log(block @ total).sum() for _, block in row_blocks(theta)) - len(theta)
    change = (gammaln(prior) - gammaln(a)).sum()
    return float(-1 - (change + divergence + linear) / (len(theta) * len(classes)))


def _latent(
    probabilities: np.ndarray | Probabilities, labels: np.ndarray | Classes
) -> tuple[np.ndarray, Classes, np.ndarray]:
    """Checked theta (N, S), classes, and the prior a0 (C, 1)."""
    theta = Probabilities.of(probabilities).array
    classes = checked_labels(labels, len(theta))
    return theta, classes, classes.counts[:, None] / len(theta)


def _rounds(
    theta: np.ndarray, classes: Classes, prior: np.ndarray, expected_log: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, float]:
    """a (C, S) and sum_{i,z} q_iz log(q_iz / theta_i(z)), after ten rounds.

    The samples of a class share the factor e = exp(expected_log(a)) of q, so q_i = theta_i e / w_i with one number
    w_i = theta_i . e per sample: sums of q over a class are e times sums of theta_i / w_i, and sum_z q_iz log(q_iz /
    theta_i(z)) is sum_z q_iz log e_z - log w_i. So each round reads theta once, class by class.
    """
    members = classes.members()
    a = prior + sum(classes.sums(block, where) for where, block in row_blocks(theta))
    for _ in range(ROUNDS):
        logs = expected_log(a)
        q, divergence = np.zeros_like(a), 0.0
        for c, rows in enumerate(members):
            for _, block in row_blocks(theta, rows=rows):
                total, log_weights = _class_round(block, logs[c])
                q[c] += total
                divergence += total @ logs[c] - log_weights
        a = prior + q
    return a, float(divergence)


def _class_round(theta: np.ndarray, logs: np.ndarray) -> tuple[np.ndarray, float]:
    """sum_i q_i (S,) and sum_i log w_i, over samples theta (n, S) that share log e = logs (S,)."""
    top = logs.max()
    e = np.exp(logs - top)
    weights = theta @ e
    # psi(a) falls like -1/a, so entries of e underflow; samples whose weight is then almost 0 are done in logarithms.
    missed = weights < 1e-200
    if not missed.any():
        return e * ((1 / weights) @ theta), np.log(weights).sum() + top * len(theta)
    with np.errstate(divide="ignore"):
        terms = np.log(theta[missed]) + logs
    log_weights = logsumexp(terms, axis=1, keepdims=True)
    total = np.exp(terms - log_weights).sum(axis=0)
    if not missed.all():
        seen, seen_logs = _class_round(theta[~missed], logs)
        return total + seen, log_weights.sum() + seen_logs
    return total, log_weights.sum()
