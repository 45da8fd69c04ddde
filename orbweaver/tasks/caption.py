"""caption: a sentence for a picture, by an encoder of pictures and a decoder of text that attends to them.

Feature, one row for each (image, caption) pair: the decoder's last layer under teacher forcing (it is given the first
token and the caption, and predicts the next word at each place), its mean over real tokens. Fine-tuning keeps all
weights, since words mean the same on every dataset. Truth: BLEU of greedily decoded sentences; beside it CIDEr-D.

A public captioner is any `VisionEncoderDecoderModel` of the Hugging Face hub or in a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from inspect import signature
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BertLMHeadModel,
    DynamicCache,
    EncoderDecoderCache,
    GenerationConfig,
    VisionEncoderDecoderModel,
)

from orbweaver.core.errors import FileError
from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models import hub
from orbweaver.models.card import Card
from orbweaver.models.fusion import ImageTokens
from orbweaver.models.text import config, masked_mean, padded, trimmed
from orbweaver.models.vocabulary import Vocabulary, of_tokenizer
from orbweaver.tasks._cider import cider_d
from orbweaver.tasks._measures import bleu
from orbweaver.tasks._text import MEASURED, Batch, TextTask
from orbweaver.tasks.base import PTM, Measured, Public

LONGEST = 42  # tokens of a caption, as in the published code of EMMS
# The name of generate's argument for its cache, which differs between versions of transformers 5.
CACHE = "cache" if "cache" in signature(BertLMHeadModel.forward).parameters else "past_key_values"


class Captioner(nn.Module):
    """image: pixels to tokens (B, S, E). bridge: tokens to the width that `decoder` attends to.

    joint, grid, wide, words, both: as in `orbweaver.models.seeing.Seeing`, so that heads of other tasks fit on it.
    """

    joint = False

    def __init__(self, image: nn.Module, bridge: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.image, self.bridge, self.decoder = image, bridge, decoder
        self.width = self.wide = self.words = decoder.config.hidden_size
        decoder.generation_config = GenerationConfig()  # greedy, not as hub repositories ask: beams, no repetition

    def see(self, pixels: Tensor) -> Tensor:
        return self.bridge(self.image(pixels))

    def forward(self, seen: Tensor, ids: Tensor, mask: Tensor):
        return self.decoder(input_ids=ids, attention_mask=mask, encoder_hidden_states=seen, output_hidden_states=True,
                            use_cache=False)  # fmt: skip

    @property
    def grid(self) -> list[int]:
        return self.image.grid

    def both(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Image tokens (B, S, width), and the mean of the words' last layer (B, width)."""
        seen = self.see(pixels)
        return seen, masked_mean(self(seen, ids, mask).hidden_states[-1], mask)

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        batch = trimmed(batch)
        logits = self(self.see(pixels), batch["ids"], batch["mask"]).logits
        following = batch["following"].masked_fill(batch["mask"] == 0, -100)
        return functional.cross_entropy(logits.transpose(1, 2), following)

    def features(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, None]:
        batch = trimmed(batch)
        hidden = self(self.see(pixels), batch["ids"], batch["mask"]).hidden_states[-1]
        return masked_mean(hidden, batch["mask"]), None

    def generate(self, pixels: Tensor, vocabulary: Vocabulary, longest: int) -> list[list[int]]:
        """Greedy decoding of at most `longest` tokens; returns those of each sentence, without first and last."""
        seen = self.see(pixels)
        start = torch.full((len(seen), 1), vocabulary.start, device=seen.device)
        greedy = GenerationConfig(
            do_sample=False,
            max_new_tokens=longest,
            pad_token_id=vocabulary.end,
            bos_token_id=vocabulary.start,
            eos_token_id=vocabulary.end,
        )
        # Of a decoder alone, generate does not know that it looks at pictures, nor where RoBERTa's places begin.
        more = {CACHE: EncoderDecoderCache(DynamicCache(), DynamicCache())}
        padding = getattr(getattr(self.decoder.base_model, "embeddings", None), "padding_idx", None)
        if padding is not None:
            more["position_ids"] = torch.full_like(start, padding + 1)
        said = self.decoder.generate(
            start,
            encoder_hidden_states=seen,
            attention_mask=torch.ones_like(start),
            generation_config=greedy,
            **more,
        )
        rows = [row[1:] for row in said.tolist()]
        return [row[: row.index(vocabulary.end)] if vocabulary.end in row else row for row in rows]


class _HubImage(nn.Module):
    """An encoder of transformers, called as ours are."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Tensor) -> Tensor:
        return self.encoder(pixel_values=pixels).last_hidden_state


def from_hub_model(model: VisionEncoderDecoderModel) -> Captioner:
    """The same weights as a `Captioner`."""
    return Captioner(_HubImage(model.encoder), getattr(model, "enc_to_dec_proj", nn.Identity()), model.decoder)


def _hub_ptm(model: VisionEncoderDecoderModel, encoder: str, decoder: str) -> PTM:
    """A model of the hub with the vocabulary and preprocessing of the repositories that its parts come from."""
    preprocessing, vocabulary = hub.image_preprocessing(encoder), of_tokenizer(hub.tokenizer_of(decoder), model.config)
    return PTM(from_hub_model(model), preprocessing, vocabulary, hub.described(model.config))


class Caption(TextTask):
    name, metric, second_metric, label_rows = "caption", "BLEU", "CIDEr-D", "sample"

    def label_texts(self, split: Split, template: str) -> list[str]:
        return [text.lower() for captions in split.texts["captions"] for text in captions]

    def rows(self, split: Split) -> np.ndarray:
        return np.repeat(np.arange(len(split)), [len(captions) for captions in split.texts["captions"]])

    def example(self, split: Split, sample: int) -> str:
        return split.texts["captions"][sample][0]

    def network(
        self, architecture: str, input_size: int, vocabulary: Vocabulary, classes: list[str], raw: Path | None
    ) -> Captioner:
        image_name, _, text = architecture.partition("+")
        image = ImageTokens(image_name, input_size, raw)
        more = {"add_cross_attention": True} | ({"is_decoder": True} if text.startswith("bert") else {})
        decoder = AutoModelForCausalLM.from_config(config(text, vocabulary, **more))
        return Captioner(image, nn.Linear(image.width, decoder.config.hidden_size), decoder)

    def public(self, spec: PtmSettings, raw: Path) -> Public:
        """A captioner of the hub, or of a folder. Raises FileError when it cannot be loaded, or is no captioner."""
        name = spec.architecture
        found = hub.config_of(name)
        if found.model_type != "vision-encoder-decoder":
            raise FileError(f"'{name}' is a {found.model_type}; a captioner is a vision-encoder-decoder")
        ptm = _hub_ptm(hub.model_of(VisionEncoderDecoderModel, name, raw), name, name)
        return Public(ptm, None, "as its model card says", hub.origin(name))

    def from_public(self, spec: PtmSettings, raw: Path) -> PTM:
        """Two public models, "<encoder's id>+<decoder's id>", that have to learn to work together.

        What joins them, the decoder's attention to the picture, starts from random weights. Raises as `public`.
        """
        encoder, _, decoder = spec.architecture.partition("+")
        try:
            model = VisionEncoderDecoderModel.from_encoder_decoder_pretrained(
                encoder, decoder, encoder_use_safetensors=True, decoder_use_safetensors=True
            )
        except (OSError, ValueError, ImportError) as error:
            raise hub.unreachable(spec.architecture, error) from None
        return _hub_ptm(model.float(), encoder, decoder)

    def of_card(self, card: Card, vocabulary: Vocabulary) -> nn.Module:
        if card.config is None:
            return super().of_card(card, vocabulary)
        kind = deepcopy(card.config)  # before version 5.20, transformers takes parts out of the dicts that it is given
        return from_hub_model(VisionEncoderDecoderModel(AutoConfig.for_model(kind.pop("model_type"), **kind)))

    def batch(self, split: Split, vocabulary: Vocabulary) -> Batch:
        texts = [vocabulary.tokens(text)[: LONGEST - 1] for captions in split.texts["captions"] for text in captions]
        ids, mask = padded([[vocabulary.start, *text] for text in texts], vocabulary.pad)
        following, _ = padded([[*text, vocabulary.end] for text in texts], vocabulary.pad)
        return {"ids": ids, "mask": mask, "following": following}

    def measured(self, ptm: PTM, split: Split, pixels: Callable[[slice], Tensor]) -> Measured:
        vocabulary, said = ptm.vocabulary, []
        references = [[text.lower() for text in texts] for texts in split.texts["captions"]]
        longest = min(LONGEST, 2 * max(len(vocabulary.tokens(text)) for texts in references for text in texts))
        for start in range(0, len(split), MEASURED):
            for tokens in ptm.network.generate(pixels(slice(start, start + MEASURED)), vocabulary, longest):
                said.append(vocabulary.tokenizer.decode(tokens).lower())
        return Measured(bleu(said, references), cider_d(said, references))


TASK = Caption()
