"""NCE and LEEP: what the classes of the PTM's source head tell about the labels."""

import numpy as np

from ._checked import Classes, Probabilities, checked_labels
from ._matrix import row_blocks


def nce(probabilities: np.ndarray | Probabilities, labels: np.ndarray | Classes) -> float:
    """NCE: -H(Y | Z) = sum_{y,z} P(y, z) log P(y | z), with z the source class that the PTM predicts.

    Tran et al. 2019 (arXiv 1908.08142). Exact counts: an empty cell adds 0, where published code adds a
    small number inside the logarithms. Between -log C and 0; 0 when the label is a function of z.

    probabilities (N, S), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    probabilities = Probabilities.of(probabilities).array
    classes = checked_labels(labels, len(probabilities))
    width = probabilities.shape[1]
    joint = np.bincount(classes.codes * width + probabilities.argmax(axis=1), minlength=len(classes) * width)
    return negative_conditional_entropy(joint.reshape(len(classes), width))


def negative_conditional_entropy(joint: np.ndarray) -> float:
    """-H(Y | Z) in nats from counts (Y, Z)."""
    joint = joint / joint.sum()
    y, z = np.nonzero(joint)
    present = joint[y, z]
    return float(min(0.0, present @ np.log(present / joint.sum(axis=0)[z])))


def leep(probabilities: np.ndarray | Probabilities, labels: np.ndarray | Classes) -> float:
    """LEEP: mean_i log sum_z P(y_i | z) theta_i(z), with P(y, z) = 1/N sum_{i: y_i = y} theta_i(z).

    Nguyen et al. 2020 (arXiv 2002.12462), equations 1 and 2. At most 0; uninformative predictions give the negative
    entropy of the labels (-log C when classes are equal). Some published code leaves out the logarithm.

    probabilities (N, S), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    probabilities = Probabilities.of(probabilities).array
    return expected_log_prediction(probabilities, checked_labels(labels, len(probabilities)))


def expected_log_prediction(theta: np.ndarray, classes: Classes) -> float:
    """LEEP of any distributions theta (N, S) over latent classes."""
    joint = sum(classes.sums(block, where) for where, block in row_blocks(theta))
    total = joint.sum(axis=0)
    conditional = np.divide(joint, total, out=np.zeros_like(joint), where=total > 0)
    logs = 0.0
    for where, block in row_blocks(theta):
        logs += np.log(np.einsum("ij,ij->i", block, conditional[classes.codes[where]])).sum()
    return float(logs / len(theta))
