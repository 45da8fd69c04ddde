"""A made-up benchmark: 12 PTMs, four classification targets and one regression target, five methods."""

import numpy as np
import pandas as pd
import pytest

PTMS = [f"{architecture}_{source}" for architecture in ("resnet", "vit", "effnet") for source in "abcd"]
TARGETS = {"digits": "classification", "games": "classification", "solar": "classification", "scale": "classification"}
TARGETS |= {"defect": "regression"}
NOISE = {"good": 0.1, "fair": 0.7, "no_head": 0.7, "partial": 0.7, "coin": 1e6}


@pytest.fixture(scope="session")
def made_up() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """truth, scores and cards; `no_head` cannot do regression, `partial` misses two PTMs on digits."""
    generator = np.random.default_rng(5)
    truth, scores = [], []
    for target, kind in TARGETS.items():
        skill = generator.normal(size=len(PTMS))
        value = 0.7 + 0.1 * np.tanh(skill) if kind == "classification" else -np.exp(-skill)
        truth += [(target, ptm, v, 0.01, 2, kind) for ptm, v in zip(PTMS, value, strict=True)]
        for method, noise in NOISE.items():
            for ptm, score in zip(PTMS, skill + noise * generator.normal(size=len(PTMS)), strict=True):
                missing = (method == "no_head" and kind == "regression") or (
                    method == "partial" and target == "digits" and ptm.endswith("_a") and ptm != "vit_a"
                )
                scores.append((target, ptm, method, np.nan if missing else score, "no head" if missing else ""))
    cards = pd.DataFrame({"ptm": PTMS, "architecture": "x", "source": "y"})
    cards["n_parameters"] = generator.integers(10**5, 10**7, len(PTMS))
    cards["source_accuracy"] = generator.uniform(0.5, 1, len(PTMS))
    return (
        pd.DataFrame(truth, columns=["dataset", "ptm", "value", "noise", "seeds", "kind"]),
        pd.DataFrame(scores, columns=["dataset", "ptm", "method", "score", "reason"]),
        cards,
    )


@pytest.fixture
def tables(made_up: tuple[pd.DataFrame, ...]) -> tuple[pd.DataFrame, ...]:
    """The made-up benchmark, to be spoilt at will."""
    return tuple(table.copy() for table in made_up)
