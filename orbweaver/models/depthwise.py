"""Depthwise convolutions on small maps, whose weights get their gradient by matrix products on a CPU.

oneDNN has no fast kernel for that gradient where the window is larger than the map: 8 ms for 4 MFLOP, a third of the
time of a training step of an EfficientNet at 64 px. The values and the other gradients are PyTorch's own.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from timm.layers import Conv2dSame, pad_same
from torch import Tensor, nn


@lru_cache
def _windows(height: int, width: int, rows: int, columns: int, kernel: int, stride: int, padding: int) -> Tensor:
    """(output pixels * input pixels, kernel * kernel): 1 where a pair of pixels meets at that place of the window."""
    out, place = torch.meshgrid(torch.arange(rows * columns), torch.arange(height * width), indexing="ij")
    down = place // width - (out // columns) * stride + padding
    right = place % width - (out % columns) * stride + padding
    inside = (down >= 0) & (down < kernel) & (right >= 0) & (right < kernel)
    windows = torch.zeros(out.numel(), kernel * kernel)
    windows[inside.flatten(), (down * kernel + right)[inside]] = 1.0
    return windows


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx, images: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.stride, ctx.padding = stride, padding
        return nn.functional.conv2d(images, weight, None, stride, padding, groups=len(weight))

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        images, weight = ctx.saved_tensors
        stride, padding, kernel, channels = ctx.stride, ctx.padding, weight.shape[-1], len(weight)
        of_images = of_weight = None
        if ctx.needs_input_grad[0]:
            of_images = torch.ops.aten.convolution_backward(
                gradient, images, weight, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], channels,
                [True, False, False],
            )[0]  # fmt: skip
        if ctx.needs_input_grad[1]:
            # dW[c, i, j] is the sum, over images and over the pairs of output and input pixels that meet at (i, j), of
            # their product; all products of pairs are one matrix product a channel.
            pairs = (
                gradient.permute(1, 2, 3, 0).flatten(1, 2).contiguous() @ images.transpose(0, 1).flatten(2).contiguous()
            )
            windows = _windows(*images.shape[2:], *gradient.shape[2:], kernel, stride, padding)
            of_weight = (pairs.flatten(1) @ windows).view_as(weight)
        return of_images, of_weight, None, None


class _Small:
    """Mixed into a convolution by `quicken`; weights, names and outputs stay the same."""

    def forward(self, images: Tensor) -> Tensor:
        here = images.device.type == "cpu" and images.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
        if not here or not torch.is_grad_enabled() or self.kernel_size[0] <= max(images.shape[2:]):
            return super().forward(images)
        if isinstance(self, Conv2dSame):
            images = pad_same(images, self.kernel_size, self.stride, self.dilation)
        return _Depthwise.apply(images, self.weight, self.stride[0], self.padding[0])


class _SmallConv2d(_Small, nn.Conv2d):
    pass


class _SmallConv2dSame(_Small, Conv2dSame):
    pass


QUICK = {nn.Conv2d: _SmallConv2d, Conv2dSame: _SmallConv2dSame}


def quicken(model: nn.Module) -> None:
    """Makes depthwise convolutions of a model train faster on a CPU, in place. Its state and outputs stay the same."""
    for module in model.modules():
        if type(module) in QUICK and _plain(module):
            module.__class__ = QUICK[type(module)]


def _plain(module: nn.Conv2d) -> bool:
    """Is it depthwise, square and without a bias, as in the networks that are built of them?"""
    sizes = (module.kernel_size, module.stride, module.padding)
    square = all(isinstance(size, tuple) and size[0] == size[1] for size in sizes)
    depthwise = module.groups == module.in_channels == module.out_channels
    return square and depthwise and module.bias is None and module.dilation == (1, 1) and module.padding_mode == "zeros"
