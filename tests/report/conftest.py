"""A made-up benchmark: 12 PTMs, four classification targets and one regression target, five methods."""

import base64

import numpy as np
import pandas as pd
import pytest

from orbweaver.data.images import png
from orbweaver.report.inside import Dataset, Inside

PTMS = [f"{architecture}_{source}" for architecture in ("resnet", "vit", "effnet") for source in "abcd"]
TARGETS = dict.fromkeys(["digits", "games", "solar", "scale"], "image_classification") | {"defect": "regression"}
NOISE = {"good": 0.1, "fair": 0.7, "no_head": 0.7, "partial": 0.7, "coin": 1e6}


@pytest.fixture(scope="session")
def made_up() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """truth, scores and cards; `no_head` cannot do regression, `partial` misses two PTMs on digits."""
    generator = np.random.default_rng(5)
    truth, scores = [], []
    for target, task in TARGETS.items():
        skill = generator.normal(size=len(PTMS))
        value = 0.7 + 0.1 * np.tanh(skill) if task == "image_classification" else -np.exp(-skill)
        truth += [(target, ptm, v, 0.01, 2, task) for ptm, v in zip(PTMS, value, strict=True)]
        for method, noise in NOISE.items():
            for ptm, score in zip(PTMS, skill + noise * generator.normal(size=len(PTMS)), strict=True):
                missing = (method == "no_head" and task == "regression") or (
                    method == "partial" and target == "digits" and ptm.endswith("_a") and ptm != "vit_a"
                )
                scores.append((target, ptm, method, np.nan if missing else score, "no head" if missing else ""))
    cards = pd.DataFrame({"ptm": PTMS, "architecture": "x", "source": "y"})
    cards["n_parameters"] = generator.integers(10**5, 10**7, len(PTMS))
    cards["source_accuracy"] = generator.uniform(0.5, 1, len(PTMS))
    return (
        pd.DataFrame(truth, columns=["dataset", "ptm", "value", "noise", "seeds", "task"]),
        pd.DataFrame(scores, columns=["dataset", "ptm", "method", "score", "reason"]),
        cards,
    )


@pytest.fixture(scope="session")
def some_inside() -> Inside:
    """A PTM, a dataset of pictures and one of texts, digests; names that are long, or that HTML would trip over."""
    picture = "data:image/png;base64," + base64.b64encode(png(np.zeros((8, 8, 3), np.uint8))).decode()
    ptms = pd.DataFrame({"PTM": ["resnet_a"], "architecture": ["resnet"]})
    about = {"dataset": "digits", "role": "target", "task": "image_classification", "origin": "a <b>place</b>" * 9}
    datasets = [
        Dataset(about, [(picture, f"a rather long name of class {i}") for i in range(8)]),
        Dataset(about | {"dataset": "questions"}, [("", "What is it? A text without a picture.")] * 8),
    ]
    return Inside(ptms, datasets, {"torch": "2", "digits, train": "0123456789abcdef" * 4}, "seed: 0 # " + "long " * 60)


@pytest.fixture(scope="session")
def some_weights() -> pd.DataFrame:
    """EMMS' weights of two encoders."""
    rows = [(t, p, e, w) for t in ("digits", "scale") for p in "ab" for e, w in (("bert", 0.3), ("llama", 0.7))]
    return pd.DataFrame(rows, columns=["dataset", "ptm", "encoder", "weight"])


@pytest.fixture(scope="session")
def some_rankers(made_up: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
    """A ranker that says what `good` says, with two seeds and k from 0 to 2."""
    _, scores, _ = made_up
    good = scores[scores["method"] == "good"]
    parts = [good.assign(ranker="spider", seed=seed, k=k) for seed in ("all", "0") for k in (0, 1, 2)]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def tables(made_up: tuple[pd.DataFrame, ...]) -> tuple[pd.DataFrame, ...]:
    """The made-up benchmark, to be spoilt at will."""
    return tuple(table.copy() for table in made_up)
