"""TransRate (Huang et al. 2022, arXiv 2106.09362)."""

import numpy as np
from scipy.linalg import eigh

from ._checked import Classes, ScoreError, checked_labels
from ._f_labels import Embeddings, EncoderLabels, FLabels, embedded
from ._matrix import FeatureMatrix, labelled, row_blocks

EPS = 1e-4
BINS = 10


def transrate(features: np.ndarray | FeatureMatrix, labels: np.ndarray | Classes) -> float:
    """TransRate: R(Z) - sum_c n_c/N R(Z_c), the coding rate that knowing the class saves.

    R(Z) = 1/2 logdet(I + Z^T Z / (n eps)), with eps = 1e-4 (eps^2 in the paper), Z centred by the overall mean and
    not normalised by rows. Classes weigh n_c/N as in the paper, where some published code weighs them 1/C. Each
    determinant is taken on the smaller side of its matrix, which has the same value.

    features (N, D), labels (N,). Raises ValueError for unsound arrays, ScoreError for one class.
    """
    return _transrate(*labelled(features, labels))


def transrate_labels(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    class_embeddings: Embeddings = None,
    label_embeddings: Embeddings | FLabels = None,
    targets: np.ndarray | None = None,
) -> float:
    """TransRate on F-labels: mean over encoders of its value on the classes that each encoder's F-labels make.

    Up to 10 different labels are classes as they are. More are cut into 10 parts of about equal counts along the
    leading principal axis of the z-scored F-labels, equal labels together. (The published code cuts by the samples'
    order, which carries no information.) Arrays and errors as those of `emms`; and ScoreError where every encoder just
    gives back the classes of `labels`, so that the value would be that of `transrate`.
    """
    return float(transrate_of_encoders(features, labels, class_embeddings, label_embeddings, targets).mean())


def transrate_of_encoders(
    features: np.ndarray | FeatureMatrix,
    labels: np.ndarray | Classes | None = None,
    class_embeddings: Embeddings = None,
    label_embeddings: Embeddings | FLabels = None,
    targets: np.ndarray | None = None,
) -> np.ndarray:
    """(K,): TransRate on the classes that each encoder's F-labels make. Arrays and errors as `transrate_labels`."""
    matrix, given = embedded(features, labels, class_embeddings, label_embeddings, targets)
    if labels is not None:
        classes = checked_labels(labels, len(matrix))
        if all(classes.alike(parts) for parts in matrix.once(_classes_of_encoders, given)):
            raise ScoreError("the text encoders just give back the classes, so that this is transrate")
    return matrix.once(_of_encoders, given)


def _of_encoders(matrix: FeatureMatrix, given: FLabels) -> np.ndarray:
    return np.array([_transrate(matrix, parts) for parts in matrix.once(_classes_of_encoders, given)])


def _classes_of_encoders(matrix: FeatureMatrix, given: FLabels) -> list[Classes]:
    return [checked_labels(_parts(encoder), len(matrix)) for encoder in given.encoders]


def _parts(encoder: EncoderLabels) -> np.ndarray:
    """(N,): the class that an encoder's F-label puts each sample into."""
    codes = np.unique(encoder.rows, axis=0, return_inverse=True)[1].ravel()
    if codes.max() < BINS:
        return codes if encoder.classes is None else codes[encoder.classes.codes]
    n = encoder.counts.sum()
    gram = np.zeros((encoder.width, encoder.width))
    for where, block in encoder.blocks():
        gram += (block * encoder.counts[where, None]).T @ block
    axis = eigh(gram, subset_by_index=[encoder.width - 1, encoder.width - 1])[1][:, 0]
    axis *= np.sign(axis[np.abs(axis).argmax()])
    along = np.concatenate([block @ axis for _, block in encoder.blocks()])
    along = along if encoder.classes is None else along[encoder.classes.codes]
    # A label's place is the middle of the ranks that its samples take; rounding must not part equal ones.
    _, place, counts = np.unique(np.round(along, 9), return_inverse=True, return_counts=True)
    middle = (np.cumsum(counts) - counts / 2)[place]
    return np.floor(middle * (BINS / n)).astype(np.intp)


def _transrate(matrix: FeatureMatrix, classes: Classes) -> float:
    n = len(matrix)
    whole = np.log1p(matrix.centred.values / (n * EPS)).sum() / 2
    within = sum(len(rows) / n * _rate(matrix.array, rows, matrix.mean) for rows in classes.members())
    return float(whole - within)


def _rate(features: np.ndarray, rows: np.ndarray, mean: np.ndarray) -> float:
    if len(rows) <= features.shape[1]:
        z = np.subtract(features[rows], mean, dtype=np.float64)
        gram = z @ z.T
    else:
        gram = sum(block.T @ block for _, block in row_blocks(features, mean, rows))
    gram /= len(rows) * EPS
    gram.flat[:: len(gram) + 1] += 1
    try:
        return np.log(np.diag(np.linalg.cholesky(gram))).sum()
    except np.linalg.LinAlgError:  # of features so large that 1 is below the rounding of their products
        return np.log(np.maximum(np.linalg.eigvalsh(gram), 1)).sum() / 2
