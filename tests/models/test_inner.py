"""Features from inside a network, and batch normalisation fitted to the images that it is to learn."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from orbweaver.models.inner import fit_normalisation, inner_features, stages

IMAGES = torch.randn(12, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 + 1


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, num_classes=3).eval()


@pytest.mark.parametrize(("name", "count"), [("resnet18", 4), ("efficientnet_lite0", 7), ("convnext_atto", 4)])
def test_the_last_stage_but_one_is_read(name: str, count: int) -> None:
    made = network(name)
    assert len(stages(made)) == count
    given = []
    hook = stages(made)[-2].register_forward_hook(lambda _module, _arguments, output: given.append(output))
    with torch.inference_mode():
        made(IMAGES)
    hook.remove()
    torch.testing.assert_close(inner_features(made, IMAGES), given[0].mean((2, 3)))
    assert not made._forward_hooks and not stages(made)[-2]._forward_hooks


def test_tokens_are_averaged_whatever_the_layout() -> None:
    vit = timm.create_model("test_vit", num_classes=3).eval()
    images = torch.randn(2, 3, *vit.default_cfg["input_size"][1:])
    assert inner_features(vit, images).shape == (2, vit.embed_dim)
    swin = timm.create_model("swin_tiny_patch4_window7_224", num_classes=3, img_size=64, window_size=2).eval()
    assert inner_features(swin, torch.randn(2, 3, 64, 64)).shape == (2, 384)


def test_a_network_of_unknown_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="no stages"):
        inner_features(nn.Linear(3, 3), IMAGES)


def test_normalisation_takes_on_the_images_and_nothing_else_changes() -> None:
    made = network("resnet18")
    before = {name: value.clone() for name, value in made.state_dict().items()}
    fit_normalisation(made, [IMAGES[:6], IMAGES[6:]])
    maps = [made.conv1(part) for part in (IMAGES[:6], IMAGES[6:])]
    expected = torch.stack([each.mean((0, 2, 3)) for each in maps]).mean(0)
    torch.testing.assert_close(made.bn1.running_mean, expected, atol=1e-5, rtol=1e-4)
    changed = {name for name, value in made.state_dict().items() if not torch.equal(value, before[name])}
    assert all(name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked") for name in changed)
    assert not any(module.training for module in made.modules())
    assert made.bn1.momentum == network("resnet18").bn1.momentum


def test_without_batch_normalisation_nothing_is_read() -> None:
    def never():
        raise AssertionError("read")
        yield

    fit_normalisation(network("convnext_atto"), never())


def test_features_no_longer_depend_on_the_scale_of_the_images() -> None:
    """What the first layers of a network of batch normalisation make of the images is free of scale and shift."""
    plain, moved = network("resnet18"), network("resnet18")
    fit_normalisation(plain, [IMAGES])
    fit_normalisation(moved, [IMAGES * 5])
    torch.testing.assert_close(inner_features(plain, IMAGES), inner_features(moved, IMAGES * 5), atol=1e-3, rtol=1e-3)
