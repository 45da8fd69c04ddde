"""The catalogue of PTMs: each at its real architecture and input size, with random weights.

Two or three small ones run by default, all of them with `make test-catalogue`.
"""

from __future__ import annotations

import pytest
import timm
import torch

from orbweaver.core.errors import UnknownName, UserError
from orbweaver.models import networks, weights
from orbweaver.models.catalogue import catalogue, find

SMALL = {"torchvision/mobilenet_v2", "deit_tiny_patch16_224.fb_in1k", "transformers/Zetatech/pvt-tiny-224"}
ALL = [pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in catalogue()]
CNNS = [name for name in catalogue() if name.startswith(networks.TORCHVISION)]
# Parameters in millions as the papers print them, with the head; torchvision's own counts for its CNNs.
PRINTED = {
    "deit_tiny_patch16_224.fb_in1k": 5.7, "deit_small_patch16_224.fb_in1k": 22.1, "deit_base_patch16_224.fb_in1k": 86.6,
    "vit_small_patch16_224.dino": 21.7, "vit_base_patch16_224.dino": 85.8, "vit_small_patch16_224.mocov3": 21.7,
    "vit_base_patch16_224.mocov3": 85.8,
    "pvt_v2_b2.in1k": 25.4, "pvt_v2_b3.in1k": 45.2, "transformers/Zetatech/pvt-tiny-224": 13.2,
    "transformers/Zetatech/pvt-small-224": 24.5, "transformers/Zetatech/pvt-medium-224": 44.2,
    "swin_tiny_patch4_window7_224.ms_in1k": 28.3, "swin_small_patch4_window7_224.ms_in1k": 49.6,
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
@torch.inference_mode()
def test_every_ptm_has_the_width_and_the_head_of_the_catalogue(name: str) -> None:
    entry = catalogue()[name]
    config = networks.preprocessing(name, None)
    torch.manual_seed(0)
    model = networks.build(name, entry.head, config.input_size[1]).eval()
    model.rule = entry.features
    images = networks.normalise(torch.randint(0, 256, (2, *config.input_size), dtype=torch.uint8), config)
    features, logits = networks.features_and_logits(model, images)
    assert features.shape == (2, entry.width)
    assert networks.width(model) == entry.width
    assert torch.isfinite(features).all()
    if entry.head:
        assert logits.shape == (2, entry.head)
        torch.testing.assert_close(logits, model(images))
    else:
        assert logits is None
    if name in PRINTED:
        assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(PRINTED[name], abs=0.06)
    networks.new_head(model, 7)
    assert model(images).shape == (2, 7)
    print(f"{name}: input {config.input_size[1]}, features {features.shape[1]}, head {entry.head}")


@pytest.mark.parametrize("name", CNNS)
def test_the_weights_of_torchvision(name: str) -> None:
    published = networks.torchvision_weights(name)
    assert published.name == (name.partition(".")[2] or "IMAGENET1K_V1")
    config = networks.preprocessing(name, None)
    assert networks.transform(config).transforms[0].size == published.transforms().resize_size[0]
    assert config.input_size[1] == published.transforms().crop_size[0]
    assert 0.69 < weights.source_accuracy(name) < 0.79


def test_newer_weights_of_torchvision_are_others() -> None:
    """As torchvision says itself: another file, another accuracy, larger pictures before the cut."""
    name = "torchvision/mobilenet_v2"
    accuracies = [weights.source_accuracy(f"{name}{tag}") for tag in ("", ".IMAGENET1K_V1", ".IMAGENET1K_V2")]
    assert accuracies == [0.71878, 0.71878, 0.72154]
    assert networks.torchvision_weights(f"{name}.IMAGENET1K_V2").url.endswith("mobilenet_v2-7ebf99e0.pth")
    crops = [networks.preprocessing(f"{name}{tag}", None).crop_pct for tag in ("", ".IMAGENET1K_V2")]
    assert crops == [224 / 256, 224 / 232]


def test_unknown_names_are_told() -> None:
    with pytest.raises(UnknownName, match="unknown architecture 'tset_vit': did you mean 'test_vit'"):
        networks.build("tset_vit", 3, 32)
    with pytest.raises(UnknownName, match="unknown architecture 'torchvision/resnet5': did you mean 'resnet50'"):
        networks.build("torchvision/resnet5", 3, None)
    with pytest.raises(UserError, match="torchvision has no IMAGENET1K_V2 weights of it, but IMAGENET1K_V1"):
        networks.torchvision_weights("torchvision/resnet18.IMAGENET1K_V2")
    with pytest.raises(UserError, match="is not in the catalogue"):
        networks.build("transformers/nobody/nothing", 3, None)


def test_every_name_exists() -> None:
    for name, entry in catalogue().items():
        if not entry.weights and "/" not in name:
            assert name in timm.list_pretrained()
        assert weights.licence(name)
    assert find("resnet18.a1_in1k") is None
