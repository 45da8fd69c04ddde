"""The tokens of a PTM that reads or writes text: whole words, and pieces for words that it has not seen."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

LIMIT = 192  # tokens of a text; the rest is cut off


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer and the ids of its padding, first and last token."""

    tokenizer: Tokenizer
    pad: int
    start: int
    end: int

    def tokens(self, text: str) -> list[int]:
        """Ids of a text's tokens, without first and last; at most `LIMIT` with them."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids[: LIMIT - 2]

    def enclosed(self, text: str) -> list[int]:
        """Ids of a text's tokens between first and last."""
        return [self.start, *self.tokens(text), self.end]


def build_vocabulary(texts: Iterable[str]) -> Vocabulary:
    """Words of the texts in alphabetical order, and all characters, of which other words are made (WordPiece)."""
    words = sorted({word for text in texts for word in re.findall(r"\w+|[^\w\s]", text.lower())})
    characters = string.ascii_lowercase + string.digits + string.punctuation
    pieces = [*characters, *(f"##{c}" for c in characters)]
    entries = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces, *words])
    tokenizer = Tokenizer(models.WordPiece({entry: i for i, entry in enumerate(entries)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    return Vocabulary(tokenizer, pad=0, start=2, end=3)


def of_tokenizer(tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig) -> Vocabulary:
    """The vocabulary of a public model: first and last token as its config says, else as its tokenizer does."""

    def first_of(name: str, *ids: int | None) -> int:
        return next((i for i in (getattr(config, name, None), *ids) if i is not None), 0)

    start = first_of("decoder_start_token_id", tokenizer.cls_token_id, tokenizer.bos_token_id)
    end = first_of("eos_token_id", tokenizer.sep_token_id, tokenizer.eos_token_id)
    return Vocabulary(tokenizer.backend_tokenizer, first_of("pad_token_id", tokenizer.pad_token_id, end), start, end)


def all_texts(texts: dict[str, list]) -> list[str]:
    """All the texts of a split, by whatever names they have."""
    found = []
    for values in texts.values():
        for value in values:
            found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return found
