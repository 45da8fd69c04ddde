"""Large splits, little memory, low precision: the same code as for small ones, and what must not change does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from stages import compute, files
from stages.data import DATASETS
from stages.features.extract import extract
from stages.finetune.truth import average_precision
from stages.scores import METHODS
from stages.zoo import models, pixels, training
from stages.zoo.pixels import Stream

CONFIG = models.preprocessing("test_vit", 32)


@pytest.fixture
def split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> files.Images:
    monkeypatch.chdir(tmp_path)
    return DATASETS["digits"](50, 20, 32, 0)["train"]


class Hungry(nn.Module):
    """Has memory for a few images only, as a GPU would say it."""

    def __init__(self, model: nn.Module, holds: int) -> None:
        super().__init__()
        self.model, self.holds, self.seen = model, holds, []
        self.num_classes = model.num_classes

    def _check(self, images: torch.Tensor) -> None:
        self.seen.append(len(images))
        if len(images) > self.holds:
            raise torch.OutOfMemoryError("simulated")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self._check(images)
        return self.model(images)

    def forward_features(self, images: torch.Tensor) -> torch.Tensor:
        self._check(images)
        return self.model.forward_features(images)

    def forward_head(self, *arguments: object, **more: object) -> torch.Tensor:
        return self.model.forward_head(*arguments, **more)


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return models.build("test_vit", 10, 32).eval()


def extracted(model: nn.Module, split: files.Images, name: str, batch_size: int = 16) -> files.Features:
    origin = {"ptm": "toy", "checkpoint": "x"}
    extract(model, CONFIG, split, Path(name), origin, batch_size)
    return files.read_features(Path(name))


@pytest.mark.filterwarnings("ignore:out of memory")
def test_a_batch_that_does_not_fit_is_halved_and_remembered(split: files.Images) -> None:
    whole = extracted(network(), split, "whole.h5")
    hungry = Hungry(network(), 5)
    halved = extracted(hungry, split, "halved.h5")
    assert hungry.seen[:4] == [16, 8, 4, 4]
    np.testing.assert_allclose(halved.features, whole.features, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(halved.probabilities, whole.probabilities, rtol=1e-5, atol=1e-6)
    again = Hungry(network(), 5)
    extracted(again, split, "again.h5")
    assert max(again.seen) == 4
    with pytest.raises(torch.OutOfMemoryError):
        extracted(Hungry(network(), 0), split, "none.h5")


@pytest.mark.filterwarnings("ignore:out of memory")
def test_gradients_of_the_parts_are_those_of_the_batch(split: files.Images) -> None:
    images = torch.from_numpy(pixels.pixels(split, CONFIG))
    trained = []
    for holds in (100, 5):
        model = Hungry(network(), holds)
        training.fit(model, CONFIG, images, torch.from_numpy(split.targets), nn.CrossEntropyLoss(), epochs=1,
                     batch_size=16, learning_rate=1e-3, weight_decay=0.0, seed=0, optimizer="sgd")  # fmt: skip
        trained.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    torch.testing.assert_close(trained[0], trained[1], rtol=1e-4, atol=1e-6)


def test_a_stream_gives_the_pixels_that_are_kept(split: files.Images, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = pixels.pixels(split, CONFIG)
    monkeypatch.setattr(pixels, "KEPT", 0)
    monkeypatch.setattr(compute, "workers", lambda: 2)
    stream = pixels.images(split, CONFIG)
    assert isinstance(stream, Stream)
    rows = [np.array([3, 1, 40]), np.array([7])]
    for batch, wanted in zip(stream.batches(rows, np.random.default_rng(0)), rows, strict=True):
        np.testing.assert_array_equal(batch.numpy(), whole[wanted])
    np.testing.assert_array_equal(np.concatenate(list(pixels.batches(split, CONFIG, 16))), whole)
    part = stream[np.array([5, 6])]
    assert len(part) == 2
    np.testing.assert_array_equal(
        next(iter(part.batches([np.array([1])], np.random.default_rng(0)))).numpy(), whole[6:7]
    )


def test_training_on_a_stream_is_training_on_its_pixels(split: files.Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "workers", lambda: 2)
    outputs = []
    for images in (torch.from_numpy(pixels.pixels(split, CONFIG)), Stream(split, CONFIG, False)):
        compute.repeatable(0, 1)
        model = network()
        training.fit(model, CONFIG, images, torch.from_numpy(split.targets), nn.CrossEntropyLoss(), epochs=1,
                     batch_size=16, learning_rate=1e-3, weight_decay=0.01, seed=0)  # fmt: skip
        outputs.append(training.predict(model, CONFIG, images, 20))
    assert torch.equal(*outputs)


def test_augmentation_is_drawn_anew_and_repeatable(split: files.Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compute, "workers", lambda: 2)
    stream = pixels.images(split, CONFIG, augment=True)
    rows = [np.array([0, 0, 0, 1])]
    (first,), (again,), (other,) = (list(stream.batches(rows, np.random.default_rng(seed))) for seed in (0, 0, 1))
    assert first.shape == (4, *CONFIG.input_size)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first[0], first[1])
    assert first.float().std() > 0


def test_an_unreadable_image_of_a_stream_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(compute, "workers", lambda: 1)
    split = files.Images("toy", "classification", ["a", "b"], [b"no image"] * 2, np.arange(2), "", "")
    with pytest.raises(files.FileError, match=r"^dataset 'toy': image 1 of the batch cannot be read"):
        list(Stream(split, CONFIG, False).batches([np.array([1])], np.random.default_rng(0)))


def test_images_of_a_large_file_are_read_when_asked_for(split: files.Images, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "GROUP", 7)
    files.write_images(Path("x.parquet"), split)
    small = files.read_images(Path("x.parquet"))
    monkeypatch.setattr(files, "WHOLE", 0)
    large = files.read_images(Path("x.parquet"))
    assert isinstance(large.images, files.Rows)
    assert list(large.images) == small.images == list(split.images)
    assert large.images[-1] == small.images[-1]
    assert large.images[5:9] == small.images[5:9]
    with pytest.raises(IndexError):
        large.images[50]
    import pickle

    assert pickle.loads(pickle.dumps(large.images))[13] == small.images[13]  # noqa: S301 (our own, for a worker)


@pytest.mark.parametrize("method", ["h_score_shrunk", "logme", "gbc"])
def test_bfloat16_is_for_training_since_features_in_it_move_scores(split: files.Images, method: str) -> None:
    """The reason why extraction has no precision: how far scores move is known, and is not nothing."""
    exact = extracted(network(), split, "exact.h5").features
    rounded = torch.from_numpy(exact).bfloat16().float().numpy()
    scores = [METHODS[method](features=f, labels=split.targets) for f in (exact, rounded)]
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], rel=0.2)


def test_bfloat16_training_learns_the_same(split: files.Images) -> None:
    images, targets = torch.from_numpy(pixels.pixels(split, CONFIG)), torch.from_numpy(split.targets)
    outputs = []
    for precision in ("float32", "bfloat16"):
        model = network()
        training.fit(model, CONFIG, images, targets, nn.CrossEntropyLoss(), epochs=2, batch_size=16, seed=0,
                     learning_rate=1e-3, weight_decay=0.0, precision=precision)  # fmt: skip
        assert all(p.dtype == torch.float32 for p in model.parameters())
        outputs.append(training.predict(model, CONFIG, images, 50, precision))
    assert outputs[1].dtype == torch.float32
    assert not torch.equal(*outputs)
    correlation = np.corrcoef(outputs[0].flatten(), outputs[1].flatten())[0, 1]
    assert correlation > 0.99


def test_average_precision_by_hand() -> None:
    """Ranks of the present ones: 1 and 3 of 4. Precision 1 up to recall 0.5, 2/3 above."""
    scores, present = np.array([[4.0], [3.0], [2.0], [1.0]]), np.array([[True], [False], [True], [False]])
    assert average_precision(scores, present) == pytest.approx((6 * 1 + 5 * 2 / 3) / 11)
    both = np.hstack([present, ~present]), np.hstack([scores, -scores])
    assert average_precision(both[1], both[0]) == pytest.approx(
        ((6 * 1 + 5 * 2 / 3) / 11 + (6 * 1 + 5 * 2 / 3) / 11) / 2
    )
    assert average_precision(
        np.hstack([scores, scores]), np.hstack([present, np.zeros_like(present)])
    ) == pytest.approx((6 + 10 / 3) / 11)
