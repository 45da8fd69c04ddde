"""Training: it learns, and large splits, little memory and low precision do not change what must not change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from orbweaver.core.cache import Cache
from orbweaver.core.device import repeatable
from orbweaver.data.split import Split
from orbweaver.models import networks, pixels, training
from orbweaver.models.pixels import Stream
from orbweaver.models.training import Fit

from .splits import CONFIG, Hungry, fifty_digits, network

HOW = Fit(epochs=1, batch_size=16, learning_rate=1e-3, weight_decay=0.0, seed=0)


@pytest.fixture
def split() -> Split:
    return fifty_digits()


@pytest.fixture
def images(split: Split, tmp_path: Path) -> torch.Tensor:
    return torch.from_numpy(pixels.pixels(split, CONFIG, Cache(tmp_path / "store")))


def train(model: nn.Module, images: torch.Tensor | Stream, targets: np.ndarray, how: Fit = HOW) -> nn.Module:
    training.fit(model, CONFIG, images, torch.as_tensor(targets), nn.CrossEntropyLoss(), how)
    return model


def test_training_learns() -> None:
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(64) % 2
    images = (torch.rand(64, 3, 32, 32, generator=generator) * 100 + 100 * targets[:, None, None, None]).to(torch.uint8)
    torch.manual_seed(0)
    model = train(networks.build("test_vit", 2, 32), images, targets, HOW._replace(epochs=5))
    assert (training.predict(model, CONFIG, images, 16).argmax(1) == targets).float().mean() > 0.95


@pytest.mark.filterwarnings("ignore:out of memory")
def test_gradients_of_the_parts_are_those_of_the_batch(split: Split, images: torch.Tensor) -> None:
    trained = []
    for holds in (100, 5):
        model = Hungry(network(), holds)
        train(model, images, split.targets, HOW._replace(optimizer="sgd"))
        assert [size for size in model.seen if size > holds] == ([] if holds == 100 else [16, 8])
        trained.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(trained[0], trained[1], rtol=1e-4, atol=1e-6)


def test_training_on_a_stream_is_training_on_its_pixels(
    split: Split, images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pixels, "workers", lambda: 2)
    outputs = []
    for seen in (images, Stream(split, CONFIG, False)):
        repeatable(0, 1)
        model = train(network(), seen, split.targets, HOW._replace(weight_decay=0.01))
        outputs.append(training.predict(model, CONFIG, seen, 20))
    assert torch.equal(*outputs)


def test_bfloat16_training_learns_the_same(split: Split, images: torch.Tensor) -> None:
    outputs = []
    for precision in ("float32", "bfloat16"):
        model = train(network(), images, split.targets, HOW._replace(epochs=2, precision=precision))
        assert all(p.dtype == torch.float32 for p in model.parameters())
        outputs.append(training.predict(model, CONFIG, images, 50, precision))
    assert outputs[1].dtype == torch.float32
    assert not torch.equal(*outputs)
    correlation = np.corrcoef(outputs[0].flatten(), outputs[1].flatten())[0, 1]
    assert correlation > 0.99
