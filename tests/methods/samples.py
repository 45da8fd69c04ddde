"""Data for the tests of the methods, and a way to call any method."""

import inspect

import numpy as np

from orbweaver.methods import METHODS


def call(name, arrays):
    """What the runner does: hand a method the arrays that its signature names."""
    method = METHODS[name]
    return method(**{p: arrays[p] for p in inspect.signature(method).parameters if p in arrays})


def sample(seed=0, n=60, d=12, c=4, s=7, signal=1.5):
    """Arrays for every method: classes as shifted Gaussians, source predictions that depend on the class."""
    r = np.random.default_rng(seed)
    labels = r.permutation(np.arange(n) % c)
    centres = r.normal(size=(c, d)) * signal
    logits = r.normal(size=(n, s)) + (r.normal(size=(c, s)) * 2 * signal)[labels]
    probabilities = np.exp(logits)
    source_labels = r.permutation(np.arange(n) % 5)
    arrays = {
        "features": centres[labels] + r.normal(size=(n, d)) * np.linspace(2, 0.5, d) + 1,
        "labels": labels,
        "probabilities": probabilities / probabilities.sum(axis=1, keepdims=True),
        "source_features": r.normal(size=(5, d))[source_labels] * signal + r.normal(size=(n, d)) + 1,
        "source_labels": source_labels,
        "n_parameters": 1_000_000,
        "source_accuracy": 0.75,
        "gmacs": 1.8,
        "feature_width": d,
        "weight_spectra": dict.fromkeys(
            ("alpha", "weighted_alpha", "stable_rank", "spectral_norm", "frobenius_norm", "mp_soft_rank"), 0.5
        ),
        # More names than classes, so that tests may use any of them as a label.
        "class_embeddings": [r.normal(size=(100, width)).astype(np.float32) for width in (9, 6)],
    }
    arrays["inner"] = arrays["features"][:, ::-2] * 2 - 1
    arrays["class_embeddings"][1][3] = arrays["class_embeddings"][1][2]  # to one encoder two classes are the same
    return arrays
