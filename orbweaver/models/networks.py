"""Image models of timm, torchvision and transformers: building and loading them, their features and their head.

An architecture is named as in catalogue.yaml: `name` or `name.tag` of timm, `torchvision/name` or
`torchvision/name.TAG`, `transformers/owner/name`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data import create_transform, resolve_data_config
from torch import nn

from orbweaver.core.errors import FileError, UnknownName, UserError
from orbweaver.core.files import digest
from orbweaver.core.names import did_you_mean
from orbweaver.models.card import Card, Preprocessing
from orbweaver.models.catalogue import find

TORCHVISION, TRANSFORMERS = "torchvision/", "transformers/"
# With their ImageNet weights these normalise their input a second time, from ImageNet's mean and deviation to 0.5.
NORMALISES_AGAIN = ("googlenet", "inception_v3")


class _Transformer(nn.Module):
    """An image classifier of transformers, called as the others are."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.config = config
        from transformers import AutoConfig, AutoModelForImageClassification

        kind = {name: value for name, value in config.items() if name != "model_type"}
        self.model = AutoModelForImageClassification.from_config(AutoConfig.for_model(config["model_type"], **kind))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model(pixel_values=images).logits


def build(architecture: str, classes: int, input_size: int | None, config: dict | None = None) -> nn.Module:
    """A model with random weights and a head of `classes` outputs, none for 0.

    input_size: pixels a side, if not the architecture's own. config: of a model of transformers that is not in the
    catalogue, as its card keeps it.
    Raises UnknownName for an architecture that its library does not know, UserError for one of transformers of which
    neither the catalogue nor a card says how it is built.
    """
    entry = find(architecture)
    if architecture.startswith(TORCHVISION):
        model = _torchvision(torchvision_name(architecture), classes)
    elif architecture.startswith(TRANSFORMERS):
        config = config or (entry.config if entry else None)
        if config is None:
            raise UserError(f"'{architecture}' is not in the catalogue, so it cannot be built; use its public weights")
        model = _Transformer(config)
        if classes != head(model)[1].out_features:
            new_head(model, classes)
    else:
        bare = architecture.split(".")[0]
        if not timm.is_model(bare):
            raise UnknownName(f"unknown architecture '{architecture}': {did_you_mean(bare, timm.list_models())}")
        fixed = timm.get_pretrained_cfg(bare)
        size = {"img_size": input_size} if input_size and fixed is not None and fixed.fixed_input_size else {}
        model = timm.create_model(bare, num_classes=classes, **size, **(entry.options if entry else {}))
    return model


def _torchvision(name: str, classes: int) -> nn.Module:
    """A CNN of torchvision without auxiliary heads, which only its first training used."""
    from torchvision.models import get_model, list_models

    if name not in list_models():
        raise UnknownName(f"unknown architecture 'torchvision/{name}': {did_you_mean(name, list_models())}")
    more: dict = {"transform_input": True, "aux_logits": False} if name in NORMALISES_AGAIN else {}
    return get_model(name, weights=None, num_classes=classes, **more, **({"init_weights": False} if more else {}))


def head(model: nn.Module) -> tuple[str, nn.Linear]:
    """Name and module of the last fully connected layer, of models that do not say themselves which it is."""
    return [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]


def new_head(model: nn.Module, outputs: int) -> None:
    """Replaces the source head by a fresh one, in place."""
    if hasattr(model, "reset_classifier"):
        model.reset_classifier(outputs)
    else:
        name, old = head(model)
        model.set_submodule(name, nn.Linear(old.in_features, outputs))


def width(model: nn.Module) -> int:
    """D of `features_and_logits`."""
    return model.head_hidden_size if hasattr(model, "head_hidden_size") else head(model)[1].in_features


def preprocessing(architecture: str, input_size: int | None) -> Preprocessing:
    """The preprocessing of an architecture's weights (or of timm's default ones), at another size if given.

    Raises UnknownName for one that its library does not know, FileError when the hub's cannot be loaded.
    """
    entry = find(architecture)
    if entry and entry.like:
        return preprocessing(entry.like, input_size)
    if architecture.startswith(TORCHVISION):
        transforms = torchvision_weights(architecture).transforms()
        side = input_size or transforms.crop_size[0]
        return Preprocessing(
            input_size=(3, side, side),
            interpolation=transforms.interpolation.value,
            crop_pct=transforms.crop_size[0] / transforms.resize_size[0],
            crop_mode="center",
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
        )
    if architecture.startswith(TRANSFORMERS):
        return _processor(architecture.removeprefix(TRANSFORMERS), input_size)
    config = timm.get_pretrained_cfg(architecture) or timm.get_pretrained_cfg(architecture.split(".")[0])
    if config is None:
        raise UnknownName(f"unknown architecture '{architecture}': {did_you_mean(architecture, timm.list_models())}")
    resolved = resolve_data_config(
        args={"input_size": (3, input_size, input_size)} if input_size else {}, pretrained_cfg=config.to_dict()
    )
    return Preprocessing(**{name: resolved[name] for name in Preprocessing.model_fields})


def _processor(name: str, input_size: int | None) -> Preprocessing:
    """The preprocessing that a repository of the hub asks for. Raises FileError when it cannot be loaded."""
    from transformers import AutoImageProcessor

    try:
        found = hub_preprocessing(AutoImageProcessor.from_pretrained(name, backend="pil"))
    except (OSError, ValueError, ImportError) as error:
        raise FileError(
            f"'{name}' cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0]}). Without network, fetch "
            "it elsewhere into the Hugging Face cache (HF_HOME) and run again"
        ) from None
    return found.model_copy(update={"input_size": (3, input_size, input_size)}) if input_size else found


def hub_preprocessing(processor) -> Preprocessing:
    """A processor of transformers in timm's terms: the short side to `shortest_edge`, or the whole to a square."""
    size, crop = processor.size, getattr(processor, "crop_size", None)
    short = size.get("shortest_edge")
    side = crop["height"] if short and crop else short or size["height"]
    return Preprocessing(
        input_size=(3, side, side),
        interpolation={0: "nearest", 2: "bilinear", 3: "bicubic"}.get(int(processor.resample), "bicubic"),
        crop_pct=side / short if short else 1.0,
        crop_mode="center" if short else "squash",
        mean=tuple(processor.image_mean),
        std=tuple(processor.image_std),
    )


def torchvision_name(architecture: str) -> str:
    """torchvision's own name of `torchvision/name` and `torchvision/name.TAG`."""
    return architecture.removeprefix(TORCHVISION).split(".")[0]


def torchvision_weights(architecture: str):
    """torchvision's ImageNet weights of an architecture: those of its tag, without one the first.

    Raises UnknownName for one that torchvision does not know, UserError where it has no such weights.
    """
    from torchvision.models import get_model_weights, list_models

    name, tag = torchvision_name(architecture), architecture.partition(".")[2] or "IMAGENET1K_V1"
    if name not in list_models():
        raise UnknownName(f"unknown architecture '{architecture}': {did_you_mean(name, list_models())}")
    known = {each.name: each for each in get_model_weights(name) if each.name.startswith("IMAGENET1K_V")}
    if tag not in known:
        raise UserError(f"'{architecture}': torchvision has no {tag} weights of it, but {', '.join(known) or 'none'}")
    return known[tag]


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


def load(card: Card, folder: Path) -> nn.Module:
    """The PTM with its checkpoint and its source head, in evaluation mode.

    Raises FileError when the checkpoint is missing, damaged or not the one that the card names.
    """
    path = folder / "model.safetensors"
    if digest(path) != card.checkpoint:
        raise FileError(f"{path}: not the checkpoint that card.json beside it names; run `dvc repro` again")
    model = build(card.architecture, len(card.source_classes), card.preprocessing.input_size[1], card.config)
    try:
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError) as error:
        raise FileError(f"{path}: does not fit '{card.architecture}' ({error})") from None
    model.rule = card.features
    return model.to(memory_format=torch.channels_last).eval()


def features_and_logits(model: nn.Module, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Features, (N, D), and the head's logits, (N, S), or None without one, of one forward pass.

    Features are the input of the last fully connected layer, or what the PTM's own rule says (`model.rule`).
    """
    rule = getattr(model, "rule", None)
    bare = getattr(model, "num_classes", None) == 0  # timm's, without a head
    if rule is None and hasattr(model, "forward_head"):
        maps = model.forward_features(images)
        return model.forward_head(maps, pre_logits=True), None if bare else model.forward_head(maps)
    given: list[torch.Tensor] = []
    module = model.get_submodule(rule.input_of) if rule else head(model)[1]
    hook = module.register_forward_pre_hook(lambda _, arguments: given.append(arguments[0]))
    try:
        logits = model(images)
    finally:
        hook.remove()
    features = given[-1]
    if rule:
        features = features[:, 0] if rule.take == "first" else features.flatten(1, -2).mean(1)
    return features, None if bare else logits
