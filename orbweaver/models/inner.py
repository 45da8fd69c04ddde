"""Features from inside a network, after its batch normalisation was fitted to the images that it is to learn.

The last layer has forgotten what its source did not need, and its statistics are the source's. Fine-tuning starts from
all layers, and takes on the target's statistics within its first steps.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

LISTS = ("blocks", "stages", "layers")  # what timm calls the stages of a network, or the blocks of a transformer
NUMBERED = ("layer1", "layer2", "layer3", "layer4")  # those of a ResNet


class _Reached(Exception):
    """Ends a forward pass at the layer whose output is wanted; what follows is not needed."""


def stages(network: nn.Module) -> list[nn.Module]:
    """The stages of a convolutional network, or the blocks of a transformer, first to last; none where it has no such
    parts."""
    for name in LISTS:
        part = getattr(network, name, None)
        if isinstance(part, nn.Sequential | nn.ModuleList):
            return list(part)
    return [getattr(network, name) for name in NUMBERED] if all(hasattr(network, name) for name in NUMBERED) else []


@torch.inference_mode()
def inner_features(network: nn.Module, images: Tensor) -> Tensor:
    """(N, D): the output of the last stage but one, averaged over places or tokens. images: as the network takes them.

    Raises ValueError for a network of fewer than two stages.
    """
    parts = stages(network)
    if len(parts) < 2:
        raise ValueError(f"a {type(network).__name__} has no stages that are known here")
    given: list[Tensor] = []

    def listen(_module: nn.Module, _arguments: tuple, output: Tensor) -> None:
        given.append(output)
        raise _Reached

    hook = parts[-2].register_forward_hook(listen)
    try:
        network(images)
    except _Reached:
        pass
    finally:
        hook.remove()
    maps = given[0]
    if maps.ndim == 3:  # (N, tokens, D)
        return maps.mean(1)
    return maps.mean((1, 2) if getattr(network, "output_fmt", "NCHW") == "NHWC" else (2, 3))


def fit_normalisation(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Means and variances of batch normalisation become their mean over the batches; in place, nothing else changes.

    Up to the last stage but one. A network without batch normalisation stays as it is.
    Source: Y. Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", arXiv 1603.04779.
    """
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not norms:
        return
    before = [(norm.momentum, norm.training) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean
        norm.train()
    for images in batches:
        inner_features(network, images)
    for norm, (momentum, training) in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.train(training)
