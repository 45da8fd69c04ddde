"""Times and memory of the methods.

    python tests/bench/bench_scores.py            CPU time on one thread, as ratios to one Gram matrix and its
                                                  eigendecomposition
    python tests/bench/bench_scores.py --plain    N-LEEP, OTCE and PACTran-Gauss beside plain use of public packages
    python tests/bench/bench_scores.py --memory   peak memory of each method at N = 50,000, D = 2,048

A method's time is the smaller of two: alone, and with the `ScoreInputs` of those before it, where what they share is
counted once, at the first that asks for it. Machines differ and share their cores: read the ratios.
"""

import argparse
import inspect
import os
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # before numpy is imported

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from orbweaver.methods import METHODS, TARGET_BLIND, ScoreInputs, score

# Seconds that published code took where the Gram matrix and its eigendecomposition took 0.2 s.
PUBLISHED = {
    "leep": 11.5, "pactran_dirichlet": 24, "pactran_gamma": 23, "gbc": 8.4, "transrate": 2.9, "lfc": 1.3, "logme": 0.8,
    "h_score": 0.7, "nce": 0.01,
}  # fmt: skip


def arrays(n: int, d: int, c: int, s: int) -> dict:
    """Rectified features of 60 latent dimensions, half of them class, and source predictions that know the class."""
    r = np.random.default_rng(0)
    labels = r.integers(0, c, n)
    centres, mixing = r.normal(size=(c, 60)), r.normal(size=(60, d)) / 8 * np.linspace(2, 0.2, d)
    features = np.empty((n, d), dtype=np.float32)
    probabilities = np.empty((n, s), dtype=np.float32)
    source = r.normal(size=(c, s)) * 2
    for start in range(0, n, 1000):
        part = slice(start, start + 1000)
        rows = labels[part]
        latent = centres[rows] + r.normal(size=(len(rows), 60))
        features[part] = np.maximum(latent @ mixing + r.normal(size=(len(rows), d)) * 0.3 + 0.3, 0)
        weights = np.exp(source[rows] + r.normal(size=(len(rows), s)) * 3)
        probabilities[part] = weights / weights.sum(axis=1, keepdims=True)
    return {
        "features": features,
        "inner": np.ascontiguousarray(features[:, : d // 2]),  # the last stage but one is half as wide, as a rule
        "labels": labels,
        "probabilities": probabilities,
        "source_features": features[: n // 2, ::-1],
        "source_labels": labels[: n // 2] % 43,
        "class_embeddings": [r.normal(size=(c, 384)).astype(np.float32) for _ in range(3)],
    }


def timed(work) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def unit(data: dict) -> float:
    x = data["features"].astype(np.float64)
    return min(timed(lambda: np.linalg.eigh(x.T @ x)) for _ in range(3))


def plain_nleep(data: dict) -> None:
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    from orbweaver.methods._leep import leep

    n, c = len(data["labels"]), len(np.unique(data["labels"]))
    points = PCA(0.8).fit_transform(data["features"].astype(np.float64))
    mixture = GaussianMixture(max(c, min(5 * c, n // 10)), random_state=0).fit(points)
    leep(mixture.predict_proba(points), data["labels"])


def plain_otce(data: dict) -> None:
    import ot

    source = data["source_features"][:1000].astype(np.float64)
    ot.emd(ot.unif(1000), ot.unif(1000), ot.dist(data["features"][:1000].astype(np.float64), source), numItermax=10**6)


def plain_pactran_gauss(data: dict) -> None:
    """Loss and gradient apart, in float64, from random weights, to a tolerance of 1e-6."""
    from scipy.optimize import minimize
    from scipy.special import log_softmax, softmax

    x = data["features"] - data["features"].mean(axis=0, dtype=np.float64)
    y = np.eye(data["labels"].max() + 1)[data["labels"]]
    (n, d), c = x.shape, y.shape[1]

    def logits(flat):
        return x @ flat[: d * c].reshape(d, c) + flat[d * c :]

    def loss(flat):
        return -(y * log_softmax(logits(flat), axis=1)).sum() / n + (flat[: d * c] ** 2).sum() / (2 * n)

    def gradient(flat):
        error = (softmax(logits(flat), axis=1) - y) / n
        return np.concatenate([(x.T @ error).ravel() + flat[: d * c] / n, error.sum(axis=0)])

    start = np.random.default_rng(0).normal(size=(d + 1) * c) * 0.03
    minimize(loss, start, jac=gradient, method="L-BFGS-B", tol=1e-6, options={"maxiter": 100})


def times() -> None:
    """The table of docs/results/speed.md."""
    data = arrays(5000, 1024, 100, 1000)
    names = [name for name in METHODS if name not in (*TARGET_BLIND, "etran_regression")]
    base, alone, shared = unit(data), dict.fromkeys(names, np.inf), dict.fromkeys(names, np.inf)
    for _ in range(2):
        inputs = ScoreInputs(**data)
        for name in names:
            fresh = ScoreInputs(**data)
            alone[name] = min(alone[name], timed(partial(score, [name], fresh)))
            shared[name] = min(shared[name], timed(partial(score, [name], inputs)))
        base = min(base, unit(data))
    print(f"N = 5,000, D = 1,024, C = 100, S = 1,000; Gram matrix and eigendecomposition: {base:.3f} s of CPU\n")
    print("| method | alone | after those before it | published code |\n|---|---:|---:|---:|")
    for name in names:
        line = f"{PUBLISHED[name] / 0.2:.3g}" if name in PUBLISHED else "-"
        print(f"| {name.replace('_', chr(92) + '_')} | {alone[name] / base:.2f} | {shared[name] / base:.2f} | {line} |")
    print(f"| all | {sum(alone.values()) / base:.1f} | {sum(shared.values()) / base:.1f} | - |")


def plain() -> None:
    """The slow methods beside the plain use of public packages."""
    data = arrays(5000, 1024, 100, 1000)
    inputs = ScoreInputs(**data)
    score(["h_score"], inputs)  # the decomposition is there when the suite comes to these
    print(f"{'method':18} {'seconds':>8} {'plain use':>10} {'faster':>7}")
    for name, other in (("nleep", plain_nleep), ("otce", plain_otce), ("pactran_gauss", plain_pactran_gauss)):
        own = min(timed(partial(score, [name], inputs)) for _ in range(2))
        theirs = min(timed(partial(other, data)) for _ in range(2))
        print(f"{name:18} {own:8.3f} {theirs:8.3f} s {theirs / own:6.1f}x")


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory_of(name: str) -> None:
    """Peak resident memory: before and after the arrays are made, and after the method."""
    bare = peak_megabytes()
    wanted = inspect.signature(METHODS[name]).parameters
    # Peaks never fall, so what the method does not need must not have been made.
    data = arrays(50_000, 2048 if "features" in wanted else 1, 100, 1000 if "probabilities" in wanted else 1)
    needed = {p: data[p] for p in wanted if p in data}
    before = peak_megabytes()
    seconds = timed(lambda: METHODS[name](**needed))
    print(f"{name:18} {bare:8.0f} {before:8.0f} {peak_megabytes():8.0f} {seconds:8.1f}", flush=True)


def memory() -> None:
    matrix = 50_000 * 2048 * 4 / 2**20
    print(f"N=50,000 D=2,048 C=100 S=1,000; features {matrix:.0f} MB, twice that {2 * matrix:.0f} MB\n")
    print(f"{'method':18} {'MB bare':>8} {'MB ready':>8} {'MB peak':>8} {'seconds':>8}", flush=True)
    for name in METHODS:
        if name in (*TARGET_BLIND, "etran_regression"):
            continue
        subprocess.run([sys.executable, __file__, "--memory-of", name], check=False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--memory-of", choices=METHODS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.memory_of:
        memory_of(chosen.memory_of)
    elif chosen.memory:
        memory()
    elif chosen.plain:
        plain()
    else:
        times()
