"""Words in PTMs: a tokenizer of whole words that spells what it has not seen, and small transformers to read them."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import AutoConfig, PretrainedConfig

from stages.params import check_known

LIMIT = 192  # tokens of a text; the rest is cut off

# model type of transformers, layers, width. Heads of 16 dimensions, no dropout: the data are few, the runs short.
ARCHITECTURES = {
    "bert_tiny": ("bert", 1, 32),
    "bert_small": ("bert", 2, 64),
    "bert_wide": ("bert", 2, 96),
    "gpt2_tiny": ("gpt2", 1, 32),
    "gpt2_small": ("gpt2", 2, 64),
}


@dataclass(frozen=True)
class Words:
    """A tokenizer and the ids of its padding, first and last token."""

    tokenizer: Tokenizer
    pad: int
    start: int
    end: int

    def ids(self, text: str) -> list[int]:
        """Tokens of a text without first and last."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids[: LIMIT - 2]


def learn(texts: Iterable[str]) -> Words:
    """Words of the texts in alphabetical order, and all characters, of which other words are made (WordPiece)."""
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    characters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*characters, *(f"##{c}" for c in characters)]
    vocabulary = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces, *words])
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return Words(tokenizer, pad=0, start=2, end=3)


def texts_of(split_texts: dict[str, list]) -> list[str]:
    """All the texts of a split, whatever their task calls them."""
    found = []
    for values in split_texts.values():
        for value in values:
            found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return found


def config(architecture: str, words: Words, **more: object) -> PretrainedConfig:
    """The transformers config of one of `ARCHITECTURES` for a vocabulary.

    Raises ParamsError for another name.
    """
    check_known(architecture, ARCHITECTURES, "text architecture")
    kind, layers, width = ARCHITECTURES[architecture]
    size = words.tokenizer.get_vocab_size()
    special = {"pad_token_id": words.pad, "bos_token_id": words.start, "eos_token_id": words.end}
    if kind == "gpt2":
        return AutoConfig.for_model(kind, vocab_size=size, n_positions=LIMIT, n_embd=width, n_layer=layers,
                                    n_head=width // 16, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
                                    **special, **more)  # fmt: skip
    return AutoConfig.for_model(kind, vocab_size=size, max_position_embeddings=2 * LIMIT, hidden_size=width,
                                num_hidden_layers=layers, num_attention_heads=width // 16,
                                intermediate_size=2 * width, hidden_dropout_prob=0.0,
                                attention_probs_dropout_prob=0.0, **special, **more)  # fmt: skip


def padded(rows: list[list[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (R, L) padded at their end to the longest, and the mask (R, L) of the real ones."""
    length = max(map(len, rows), default=1)
    ids = torch.tensor([row + [pad] * (length - len(row)) for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])


def masked_mean(hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """(B, D): the mean of hidden states (B, L, D) over real tokens."""
    weight = mask[..., None].to(hidden.dtype)
    return (hidden * weight).sum(1) / weight.sum(1)


def trimmed(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The batch without the columns that are padding in all of its rows."""
    length = int(batch["mask"].sum(1).max())
    whole = batch["mask"].shape[1]
    return {
        name: tensor[:, :length] if tensor.ndim == 2 and tensor.shape[1] == whole else tensor
        for name, tensor in batch.items()
    }
