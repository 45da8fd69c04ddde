"""Depthwise convolutions on small maps: other arithmetic for one gradient, the same values."""

import copy

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import Conv2dSame
from torch import nn

from orbweaver.models.depthwise import quicken


def gradients(module: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    images = images.clone().requires_grad_()
    outputs = module(images)
    weights = torch.linspace(-1, 2, outputs.numel()).view_as(outputs)
    (outputs * weights).sum().backward()
    return outputs.detach(), images.grad, module.weight.grad


@settings(deadline=None, max_examples=40)
@given(
    kernel=st.sampled_from([3, 5, 7]), stride=st.sampled_from([1, 2, 3]), same=st.booleans(),
    height=st.integers(1, 6), width=st.integers(1, 6), channels=st.integers(2, 5), images=st.integers(1, 4),
)  # fmt: skip
def test_outputs_and_gradients_are_pytorchs(kernel, stride, same, height, width, channels, images):
    torch.manual_seed(0)
    build = Conv2dSame if same else nn.Conv2d
    plain = build(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
    quick = copy.deepcopy(plain)
    quicken(nn.Sequential(quick))
    assert type(quick) is not type(plain)
    some = torch.randn(images, channels, height, width).contiguous(memory_format=torch.channels_last)
    for ours, theirs in zip(gradients(quick, some), gradients(plain, some), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("how", [
    {"groups": 1}, {"groups": 2}, {"bias": True}, {"kernel_size": (3, 5)}, {"dilation": 2}, {"padding": "same"},
    {"padding_mode": "circular", "padding": 1}, {"stride": (1, 2)},
])  # fmt: skip
def test_what_is_not_plainly_depthwise_stays(how):
    layer = nn.Conv2d(**{"in_channels": 4, "out_channels": 4, "kernel_size": 3, "groups": 4, "bias": False} | how)
    quicken(nn.Sequential(layer))
    assert type(layer) is nn.Conv2d


def test_a_network_keeps_its_state_its_outputs_and_learns_the_same():
    torch.manual_seed(0)
    plain = timm.create_model("tf_efficientnet_lite0", num_classes=3).train()
    quick = copy.deepcopy(plain)
    quicken(quick)
    assert plain.state_dict().keys() == quick.state_dict().keys()
    images = torch.randn(4, 3, 64, 64)
    changed = 0
    for network in (plain, quick):
        torch.manual_seed(1)  # of dropout
        nn.functional.cross_entropy(network(images), torch.tensor([0, 1, 2, 0])).backward()
    for ours, theirs in zip(quick.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-3, atol=1e-5)
        changed += not torch.equal(ours.grad, theirs.grad)
    assert changed, "no layer took the other way: nothing was examined"
    quicken(quick)
    torch.testing.assert_close(quick.eval()(images), plain.eval()(images), rtol=1e-4, atol=1e-5)


def test_what_needs_no_gradient_gets_none():
    layer = nn.Conv2d(4, 4, 5, padding=2, groups=4, bias=False)
    quicken(nn.Sequential(layer))
    images = torch.randn(2, 4, 2, 2)
    layer(images).sum().backward()
    assert layer.weight.grad is not None
    layer.weight.requires_grad_(False)
    images.requires_grad_()
    layer(images).sum().backward()
    assert images.grad is not None
