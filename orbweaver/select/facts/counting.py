"""What a forward pass costs and what training keeps in memory, counted on shapes: no weights, nothing downloaded.

The model is built on torch's meta device, which knows shapes alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

BATCH = 2  # batch norm refuses a single vector
TOKENS = 128


@dataclass(frozen=True)
class Counted:
    """parameters; gmacs: 10^9 multiply-adds a sample; activations: numbers kept for the backward pass, a sample."""

    parameters: int
    gmacs: float
    activations: int


def counted(name: str) -> Counted:
    """What a PTM of timm takes at its own input size, with its source head."""
    with torch.device("meta"):
        model = timm.create_model(name).train()
        images = torch.empty(BATCH, *timm.get_pretrained_cfg(name).input_size)
    return _taken(model, lambda: model(images))


def text_model(config: dict) -> nn.Module:
    """A text encoder with random weights. config: of transformers, with its model_type, or of a table of vectors."""
    from transformers import AutoConfig, AutoModel

    from orbweaver.tasks._encoder import TABLE, Table

    sizes = {key: value for key, value in config.items() if key != "model_type"}
    if config["model_type"] == TABLE:
        return Table(**sizes)
    return AutoModel.from_config(AutoConfig.for_model(config["model_type"], **sizes))


def counted_text(config: dict) -> Counted:
    """What a text encoder takes for a text of TOKENS tokens."""
    model = text_model(config).train()  # on the CPU: some encoders look at the ids for padding
    ids = torch.full((BATCH, TOKENS), 5)
    return _taken(model, lambda: model(input_ids=ids, attention_mask=torch.ones_like(ids)))


def _taken(model: nn.Module, forward: Callable[[], object]) -> Counted:
    own = {parameter.untyped_storage()._cdata for parameter in model.parameters()}
    kept: dict[int, tuple[torch.UntypedStorage, int]] = {}  # the storage is held on to, or its place would be reused

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = (storage, storage.nbytes())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor), FlopCounterMode(display=False) as flops:
        forward()
    return Counted(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        gmacs=round(flops.get_total_flops() / 2e9 / BATCH, 3),
        activations=round(sum(size for _, size in kept.values()) / 4 / BATCH),
    )
