"""caption: a picture, to a sentence, by an encoder of pictures and a decoder of text that looks at it.

Feature, one row an (image, caption) pair: the decoder's last layer under teacher forcing (it is given the first token
and the caption, and would say the next word at each place), its mean over real tokens. Fine-tuning keeps all weights,
words being words on every dataset. Truth: BLEU of greedily decoded sentences.

A public captioner is any `VisionEncoderDecoderModel` on the Hugging Face hub or in a folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoImageProcessor, AutoModelForCausalLM, AutoTokenizer, VisionEncoderDecoderModel

from stages.files import FileError, Images
from stages.zoo.cards import Preprocessing
from stages.zoo.tasks.cider import cider_d
from stages.zoo.tasks.metrics import Measured, bleu
from stages.zoo.tasks.vision import ImageTokens
from stages.zoo.tasks.words import Words, config, masked_mean, padded, trimmed

LONGEST = 42  # tokens of a caption, as in the published code of EMMS


class Captioner(nn.Module):
    """`image`: pixels to tokens (B, S, E); `bridge`: these to the width that `decoder` looks for."""

    def __init__(self, image: nn.Module, bridge: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.image, self.bridge, self.decoder = image, bridge, decoder
        self.width = decoder.config.hidden_size

    def see(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.bridge(self.image(pixels))

    def forward(self, seen: torch.Tensor, ids: torch.Tensor, mask: torch.Tensor):
        return self.decoder(input_ids=ids, attention_mask=mask, encoder_hidden_states=seen, output_hidden_states=True,
                            use_cache=False)  # fmt: skip

    def loss(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        batch = trimmed(batch)
        logits = self(self.see(pixels), batch["ids"], batch["mask"]).logits
        following = batch["following"].masked_fill(batch["mask"] == 0, -100)
        return functional.cross_entropy(logits.transpose(1, 2), following)

    def features(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, None]:
        batch = trimmed(batch)
        hidden = self(self.see(pixels), batch["ids"], batch["mask"]).hidden_states[-1]
        return masked_mean(hidden, batch["mask"]), None

    def adapt(self, split: Images) -> None:
        pass

    def say(self, pixels: torch.Tensor, words: Words, longest: int) -> list[list[int]]:
        """The likeliest next token again and again, until the last one: tokens without first and last."""
        seen = self.see(pixels)
        ids = torch.full((len(seen), 1), words.start, device=seen.device)
        ended = torch.zeros(len(seen), dtype=torch.bool, device=seen.device)
        for _ in range(longest):
            following = self(seen, ids, torch.ones_like(ids)).logits[:, -1].argmax(1)
            ids = torch.cat([ids, following.masked_fill(ended, words.end)[:, None]], 1)
            ended |= following == words.end
            if ended.all():
                break
        said = [row[1:] for row in ids.tolist()]
        return [row[: row.index(words.end)] if words.end in row else row for row in said]


def build(architecture: str, input_size: int, words: Words, classes: list[str], weights: bool = False) -> Captioner:
    """`architecture`: "<timm>+<one of words.ARCHITECTURES>"."""
    image_name, _, text = architecture.partition("+")
    image = ImageTokens(image_name, input_size, weights)
    more = {"add_cross_attention": True} | ({"is_decoder": True} if text.startswith("bert") else {})
    decoder = AutoModelForCausalLM.from_config(config(text, words, **more))
    return Captioner(image, nn.Linear(image.width, decoder.config.hidden_size), decoder)


class _HubImage(nn.Module):
    """An encoder of transformers, called as ours are."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.encoder(pixel_values=pixels).last_hidden_state


def from_hub_model(model: VisionEncoderDecoderModel) -> Captioner:
    """The same weights in our shape."""
    return Captioner(_HubImage(model.encoder), getattr(model, "enc_to_dec_proj", nn.Identity()), model.decoder)


def public(name: str) -> tuple[Captioner, Words, Preprocessing, str]:
    """A captioner of the hub, or of a folder: weights, words, preprocessing, and its config as JSON.

    Raises FileError when it cannot be had, or is no VisionEncoderDecoderModel.
    """
    try:
        found = AutoConfig.from_pretrained(name)
        if found.model_type != "vision-encoder-decoder":
            raise FileError(f"'{name}' is a {found.model_type}; a captioner is a vision-encoder-decoder")
        model, info = VisionEncoderDecoderModel.from_pretrained(name, dtype=torch.float32, output_loading_info=True)
        tokenizer = AutoTokenizer.from_pretrained(name)
        processor = AutoImageProcessor.from_pretrained(name, use_fast=False)
    except (OSError, ValueError, ImportError) as error:
        raise FileError(
            f"'{name}' cannot be had ({type(error).__name__}: {str(error).splitlines()[0]}). Without network, fetch "
            "it elsewhere into the Hugging Face cache (HF_HOME) and run again"
        ) from None
    if info["missing_keys"]:
        raise FileError(f"'{name}': its weights lack '{sorted(info['missing_keys'])[0]}'")
    return from_hub_model(model), hub_words(tokenizer, found), hub_preprocessing(processor), found.to_json_string()


def pair(architecture: str) -> tuple[Captioner, Words, Preprocessing, str]:
    """A captioner of two public models, "<encoder's id>+<decoder's id>", that have to learn to work together.

    What joins them, the decoder's looking at the picture, starts from random weights. Returns and raises as `public`.
    """
    encoder, _, decoder = architecture.partition("+")
    try:
        model = VisionEncoderDecoderModel.from_encoder_decoder_pretrained(encoder, decoder)
        tokenizer = AutoTokenizer.from_pretrained(decoder)
        processor = AutoImageProcessor.from_pretrained(encoder, use_fast=False)
    except (OSError, ValueError, ImportError) as error:
        raise FileError(
            f"'{architecture}' cannot be had ({type(error).__name__}: {str(error).splitlines()[0]}). Without network, "
            "fetch both elsewhere into the Hugging Face cache (HF_HOME) and run again"
        ) from None
    found, model = model.config, model.float()
    return from_hub_model(model), hub_words(tokenizer, found), hub_preprocessing(processor), found.to_json_string()


def hub_words(tokenizer, found) -> Words:
    """First and last token as the model's config says, else as its tokenizer does."""

    def first_of(name: str, *ids: int | None) -> int:
        return next((i for i in (getattr(found, name, None), *ids) if i is not None), 0)

    start = first_of("decoder_start_token_id", tokenizer.cls_token_id, tokenizer.bos_token_id)
    end = first_of("eos_token_id", tokenizer.sep_token_id, tokenizer.eos_token_id)
    return Words(tokenizer.backend_tokenizer, first_of("pad_token_id", tokenizer.pad_token_id, end), start, end)


def hub_preprocessing(processor) -> Preprocessing:
    """A processor of transformers in timm's words: the short side to `shortest_edge`, or the whole to a square."""
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


def build_public(folder: Path) -> Captioner:
    """The captioner that `config.json` in the folder describes, with random weights."""
    return from_hub_model(VisionEncoderDecoderModel(AutoConfig.from_pretrained(folder)))


def rows(split: Images, words: Words) -> dict[str, torch.Tensor]:
    texts = [words.ids(text)[: LONGEST - 1] for captions in split.texts["captions"] for text in captions]
    ids, mask = padded([[words.start, *text] for text in texts], words.pad)
    following, _ = padded([[*text, words.end] for text in texts], words.pad)
    return {"ids": ids, "mask": mask, "following": following}


@torch.inference_mode()
def measure(
    model: Captioner, pixels: Callable[[slice], torch.Tensor], split: Images, words: Words, batch_size: int = 100
) -> Measured:
    references, said = [[text.lower() for text in texts] for texts in split.texts["captions"]], []
    longest = min(LONGEST, 2 * max(len(words.ids(text)) for texts in references for text in texts))
    for start in range(0, len(split), batch_size):
        for tokens in model.say(pixels(slice(start, start + batch_size)), words, longest):
            said.append(words.tokenizer.decode(tokens).lower())
    return Measured(bleu(said, references), cider_d(said, references))
