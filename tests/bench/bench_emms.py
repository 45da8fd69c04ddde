"""Times of the scores on F-labels, as ratios to one Gram matrix and its eigendecomposition.

    python tests/bench/bench_emms.py

Each method alone, nothing shared with others; the smallest of three, in CPU time of all threads. Read the ratios. The
last table has them at growing N: beyond the eigendecomposition, time grows with N.
"""

import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import zscore

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from orbweaver.methods import METHODS
from orbweaver.methods._emms import emms, sparsemax

D, C, K, E = 1024, 100, 3, 1024


def arrays(n: int) -> dict:
    """Features with a class structure, and embeddings of 100 class names by three encoders."""
    r = np.random.default_rng(0)
    labels = r.integers(0, C, n)
    features = (r.normal(size=(C, D)).astype(np.float32) / 4)[labels] + r.normal(size=(n, D)).astype(np.float32)
    embeddings = [r.normal(size=(C, E)).astype(np.float32) for _ in range(K)]
    return {"features": features, "labels": labels, "class_embeddings": embeddings}


def by_sample(data: dict) -> dict:
    """The same F-labels, one row a sample."""
    rows = [rows[data["labels"]] for rows in data["class_embeddings"]]
    return {"features": data["features"], "label_embeddings": rows}


def fastest(*works, rounds: int = 3) -> list[float]:
    """CPU seconds of each piece of work (of all threads), taking turns so that a busy machine is busy for all."""
    spent = [np.inf] * len(works)
    for _ in range(rounds):
        for i, work in enumerate(works):
            start = time.process_time()
            work()
            spent[i] = min(spent[i], time.process_time() - start)
    return spent


def unit(data: dict) -> None:
    x = data["features"].astype(np.float64)
    np.linalg.eigh(x.T @ x)


def as_written(data: dict) -> float:
    """One sweep of the published scheme on whole matrices, by numpy."""
    x, z = zscore(data["features"].astype(np.float64)), [zscore(rows) for rows in data["label_embeddings"]]
    stacked = np.stack([rows.ravel() for rows in z], axis=1)
    y = stacked.mean(axis=1).reshape(z[0].shape)
    fit = x @ np.linalg.lstsq(x, y, rcond=None)[0]
    t = sparsemax(np.linalg.lstsq(stacked, fit.ravel(), rcond=None)[0])
    return -((fit.ravel() - stacked @ t) ** 2).sum() / y.size


def main() -> None:
    warnings.simplefilter("error")
    data = arrays(5000)
    expanded = by_sample(data)
    print(f"N=5,000 D={D} C={C} K={K} E={E}; Gram + eigendecomposition = 1\n")
    names = ("emms", "emms_gcv", "emms_published", "logme_labels", "transrate_labels")
    works = [lambda: unit(data), lambda: as_written(expanded)]
    works += [lambda name=name: METHODS[name](**data) for name in names]
    works += [lambda name=name: METHODS[name](**expanded) for name in names[:4]]
    base, plain, *spent = fastest(*works)
    for name, seconds in zip([*names, *(f"{name}, a row a sample" for name in names[:4])], spent, strict=True):
        print(f"{name:30} {seconds / base:6.2f}")
    print(f"{'one sweep, as written':30} {plain / base:6.2f}")
    print(f"\nemms against logme_labels on the same F-labels: {spent[3] / spent[0]:.1f} times faster, "
          f"a row a sample {spent[8] / spent[5]:.1f}\n")  # fmt: skip

    sizes = (5000, 10_000, 20_000, 40_000)
    data = [arrays(n) for n in sizes]
    spent = fastest(*(lambda some=some: emms(**some) for some in data))
    print("N      " + "".join(f"{n:>9,}" for n in sizes))
    print("emms   " + "".join(f"{seconds / base:9.2f}" for seconds in spent))
    # Slope between neighbours: constant where time is linear in N.
    slopes = np.diff(spent) / np.diff(sizes) * 5000 / base
    print("a further 5,000 samples" + " " * 2 + "".join(f"{slope:9.2f}" for slope in slopes))


if __name__ == "__main__":
    main()
