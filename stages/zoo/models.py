"""timm models: built, given their weights, taken apart into penultimate features and head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import timm
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data import create_transform, resolve_data_config
from torch import nn

from stages import files
from stages.params import ParamsError, did_you_mean
from stages.zoo.cards import Card, Preprocessing


def _bare(architecture: str) -> str:
    """The name without its tag. Raises ParamsError for an architecture that timm does not know."""
    bare = architecture.split(".")[0]
    if not timm.is_model(bare):
        raise ParamsError(f"unknown architecture '{architecture}': {did_you_mean(bare, timm.list_models())}")
    return bare


def build(architecture: str, classes: int, input_size: int | None) -> nn.Module:
    """A timm model with random weights and a head of `classes`; `input_size` pixels where it is not timm's own.

    Raises ParamsError for an architecture that timm does not know.
    """
    bare = _bare(architecture)
    fixed = timm.get_pretrained_cfg(bare)
    size = {"img_size": input_size} if input_size and fixed is not None and fixed.fixed_input_size else {}
    return timm.create_model(bare, num_classes=classes, **size)


def preprocessing(architecture: str, input_size: int | None) -> Preprocessing:
    """timm's data config of an architecture (with its tag, if it has one), at another input size if given.

    Raises ParamsError for an architecture that timm does not know.
    """
    bare = _bare(architecture)
    config = timm.get_pretrained_cfg(architecture) or timm.get_pretrained_cfg(bare)
    resolved = resolve_data_config(
        args={"input_size": (3, input_size, input_size)} if input_size else {}, pretrained_cfg=config.to_dict()
    )
    return Preprocessing(**{name: resolved[name] for name in Preprocessing.model_fields})


def transform(config: Preprocessing) -> Callable[[Image.Image], np.ndarray]:
    """timm's evaluation transform of a PTM, up to uint8 (3, H, W); `normalise` does the rest on the device."""
    return create_transform(
        input_size=config.input_size,
        interpolation=config.interpolation,
        crop_pct=config.crop_pct,
        crop_mode=config.crop_mode,
        use_prefetcher=True,
    )


def normalise(images: torch.Tensor, config: Preprocessing) -> torch.Tensor:
    """uint8 (N, 3, H, W) to the floats that the PTM was trained on, in the memory layout that convolutions like."""
    mean = torch.tensor(config.mean, device=images.device).view(1, 3, 1, 1) * 255
    std = torch.tensor(config.std, device=images.device).view(1, 3, 1, 1) * 255
    return images.to(torch.float32).sub(mean).div(std).contiguous(memory_format=torch.channels_last)


def load(card: Card) -> nn.Module:
    """The PTM with its checkpoint and its source head, in evaluation mode.

    Raises FileError when the checkpoint is missing, damaged or not the one that the card names.
    """
    path = files.zoo_path(card.name) / "model.safetensors"
    if files.digest(path) != card.checkpoint:
        raise files.FileError(f"{path}: not the checkpoint that card.json beside it names; run `dvc repro` again")
    model = build(card.architecture, len(card.source_classes), card.preprocessing.input_size[1])
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise files.FileError(f"{path}: does not fit '{card.architecture}' ({error})") from None
    return model.to(memory_format=torch.channels_last).eval()


def features_and_logits(model: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Input of the last fully connected layer, (N, D), and the head's logits, (N, S), of one forward pass."""
    maps = model.forward_features(images)
    return model.forward_head(maps, pre_logits=True), model.forward_head(maps)
