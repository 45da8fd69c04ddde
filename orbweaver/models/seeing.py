"""Public models of transformers that look at a picture and read words beside it: ViLT, BLIP, CLIP."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import BlipForImageTextRetrieval, CLIPModel, PreTrainedModel, ViltModel

from orbweaver.core.errors import FileError
from orbweaver.models import hub
from orbweaver.models.card import Preprocessing
from orbweaver.models.vocabulary import Vocabulary, of_tokenizer

# Kind of model -> its class, and heads that only some of its repositories have; they are removed.
KINDS: dict[str, tuple[type[PreTrainedModel], tuple[str, ...]]] = {
    "vilt": (ViltModel, ()),
    "blip": (BlipForImageTextRetrieval, ("vision_proj", "text_proj", "itm_head")),
    "clip": (CLIPModel, ()),
}


class Seeing(nn.Module):
    """`both`: pixels and words to image tokens (B, S, `wide`) and one vector of the words (B, `words`).

    ViLT reads both in one transformer: the tokens have seen the words. BLIP's words look at the picture, CLIP's do not.
    joint: have the image tokens seen the words? grid: rows and columns of the image tokens.
    """

    def __init__(self, network: PreTrainedModel, size: int) -> None:
        super().__init__()
        self.kind = network.config.model_type
        self.joint = self.kind == "vilt"
        for name in KINDS[self.kind][1]:
            setattr(network, name, None)
        self.network = network
        config = network.config
        vision, text = (config, config) if self.joint else (config.vision_config, config.text_config)
        self.wide, self.words = vision.hidden_size, text.hidden_size
        self.grid = [size // vision.patch_size] * 2
        self.other_size = size != vision.image_size

    def both(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Of pixels (B, 3, H, W), ids and mask (B, L): image tokens (B, S, `wide`), the words' vector (B, `words`)."""
        return getattr(self, f"_{self.kind}")(pixels, ids, mask)

    def _vilt(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """As transformers, which puts the patches into a random order each time; here they keep their places."""
        embedding = self.network.embeddings
        patches = embedding.patch_embeddings(pixels)
        side = embedding.config.image_size // embedding.config.patch_size
        places = embedding.position_embeddings[:, 1:].transpose(1, 2).reshape(1, -1, side, side)
        places = functional.interpolate(places, size=patches.shape[2:], mode="bilinear", align_corners=True)
        image = (patches + places).flatten(2).transpose(1, 2)
        first = (embedding.cls_token + embedding.position_embeddings[:, :1]).expand(len(image), -1, -1)
        image = embedding.dropout(torch.cat([first, image], 1))
        read = self.network(
            input_ids=ids, attention_mask=mask, image_embeds=image, pixel_mask=mask.new_ones(image.shape[:2])
        ).last_hidden_state
        return read[:, ids.shape[1] + 1 :], read[:, 0]

    def _blip(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        image = self.network.vision_model(
            pixel_values=pixels, interpolate_pos_encoding=self.other_size
        ).last_hidden_state
        words = self.network.text_encoder(
            input_ids=ids, attention_mask=mask, encoder_hidden_states=image,
            encoder_attention_mask=mask.new_ones(image.shape[:2]),
        ).last_hidden_state  # fmt: skip
        return image[:, 1:], words[:, 0]

    def _clip(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        image = self.network.vision_model(
            pixel_values=pixels, interpolate_pos_encoding=self.other_size
        ).last_hidden_state
        words = self.network.text_model(input_ids=ids, attention_mask=mask).pooler_output
        return image[:, 1:], words


def public_seeing(name: str, input_size: int | None, raw: Path) -> tuple[Seeing, Vocabulary, Preprocessing, dict]:
    """A public model, what it needs to read its input, and its description for a card.

    Raises FileError when it cannot be loaded, or is of no kind that is known here.
    """
    config = hub.config_of(name)
    if config.model_type not in KINDS:
        raise FileError(f"'{name}' is a {config.model_type}; models that see and read here are {', '.join(KINDS)}")
    kind, heads = KINDS[config.model_type]
    network = hub.model_of(kind, name, raw, heads)
    preprocessing = hub.preprocessing_of(name, input_size)
    seeing = Seeing(network, preprocessing.input_size[1])
    return seeing, vocabulary_of(name, config), preprocessing, hub.described(network.config)


def vocabulary_of(name: str, config) -> Vocabulary:
    """A model's vocabulary; first and last token are its tokenizer's, as these configs name a decoder's.

    Raises FileError without a tokenizer.
    """
    longest = config.get_text_config().max_position_embeddings
    return of_tokenizer(hub.tokenizer_of(name), SimpleNamespace(max_position_embeddings=longest + 2))


def built_seeing(description: dict, size: int) -> Seeing:
    """The model that a card describes, with random weights, for pictures of `size` pixels a side."""
    return Seeing(hub.built(KINDS[description["model_type"]][0], description), size)
