"""A fine-tuned PTM as files that timm, torchvision or transformers load, and the lines that do it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orbweaver.core.files import atomic, write_text
from orbweaver.data.split import Split
from orbweaver.models.card import Card

if TYPE_CHECKING:
    from torch import nn

    from orbweaver.tasks.base import PTM

PICTURES = """from pathlib import Path

{library}
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data import create_transform

here = Path({folder!r})
model = {build}
model.load_state_dict(load_file(here / "model.safetensors"))
model.eval()
transform = create_transform({transform})


def outputs(picture):
    pixels = transform(Image.open(picture).convert("RGB"))[None]
    with torch.inference_mode():
        found = {call}[0]
    return {meaning}
"""
TEXTS = """from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoModel, PreTrainedTokenizerFast

here = Path({folder!r})
encoder = AutoModel.from_pretrained(here).eval()
tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(here / "tokenizer.json"))
head = load_file(here / "head.safetensors")


def outputs(text):
    ids = tokenizer.encode(text, add_special_tokens=False)[: {limit}]
    ids = torch.tensor([[{start}, *ids, {end}]])
    with torch.inference_mode():
        read = encoder(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.mean(1)
        found = (read @ head["weight"].T + head["bias"])[0]
    return {meaning}
"""


def save(ptm: PTM, card: Card, split: Split, folder: Path) -> str:
    """Writes the weights, and what a library needs beside them, into the folder; returns the lines that load them.

    split: what it was fine-tuned on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ptm.network = ptm.network.cpu().eval()
    if hasattr(ptm.network, "encoder"):
        return _texts(ptm, split, folder)
    _tensors(ptm.network.model if card.config else ptm.network, folder / "model.safetensors")
    return _pictures(ptm, card, split, folder)


def _tensors(network: nn.Module, path: Path) -> None:
    from safetensors.torch import save_file

    tensors = {name: tensor.contiguous().clone() for name, tensor in network.state_dict().items()}
    with atomic(path) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})


def _pictures(ptm: PTM, card: Card, split: Split, folder: Path) -> str:
    from orbweaver.models import networks
    from orbweaver.models.catalogue import find

    count, call = len(split.classes) or split.targets.reshape(len(split), -1).shape[1], "model(pixels)"
    if card.architecture.startswith(networks.TORCHVISION):
        library = "from torchvision.models import get_model"
        build = f"get_model({networks.torchvision_name(card.architecture)!r}, num_classes={count})"
    elif card.config:
        library = "from transformers import AutoConfig, AutoModelForImageClassification"
        ptm.network.model.config.num_labels = count
        ptm.network.model.config.save_pretrained(folder)
        build = "AutoModelForImageClassification.from_config(AutoConfig.from_pretrained(here))"
        call += ".logits"
    else:
        import timm

        bare, entry = card.architecture.split(".")[0], find(card.architecture)
        options = dict(entry.options) if entry else {}
        if (known := timm.get_pretrained_cfg(bare)) is not None and known.fixed_input_size:
            options["img_size"] = card.preprocessing.input_size[1]
        more = "".join(f", {name}={value}" for name, value in options.items())
        library, build = "import timm", f"timm.create_model({bare!r}, num_classes={count}{more})"
    asked = card.preprocessing.model_dump()
    transform = ", ".join(f"{name}={value!r}" for name, value in asked.items())
    return PICTURES.format(folder=str(folder.resolve()), library=library, build=build, transform=transform, call=call,
                           meaning=_meaning(ptm, split))  # fmt: skip


def _meaning(ptm: PTM, split: Split) -> str:
    """What is made of `found`, the outputs of the head: a share of each class, or values in their unit."""
    if not split.classes:
        centre, scale = (np.atleast_1d(value).tolist() for value in (ptm.centre, ptm.scale))
        return f"(found * torch.tensor({scale}) + torch.tensor({centre})).tolist()"
    shares = "found.sigmoid()" if split.targets.ndim == 2 else "found.softmax(0)"
    return f"dict(zip({split.classes!r}, {shares}.tolist()))"


def _texts(ptm: PTM, split: Split, folder: Path) -> str:
    from orbweaver.models.vocabulary import LIMIT

    ptm.network.encoder.save_pretrained(folder)
    _tensors(ptm.network.head, folder / "head.safetensors")
    write_text(folder / "tokenizer.json", ptm.vocabulary.tokenizer.to_str())
    return TEXTS.format(folder=str(folder.resolve()), meaning=_meaning(ptm, split), limit=LIMIT - 2,
                        start=ptm.vocabulary.start, end=ptm.vocabulary.end)  # fmt: skip
