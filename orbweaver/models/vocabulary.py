"""The tokens of a PTM that reads or writes text: whole words, and pieces for words that it has not seen."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from orbweaver.core.errors import FileError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

LIMIT = 192  # tokens of a text; the rest is cut off
PUBLIC_LIMIT = 384  # of a public model, if it takes as many


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer and the ids of its padding, first and last token; limit: tokens of a text, first and last counted."""

    tokenizer: Tokenizer
    pad: int
    start: int
    end: int
    limit: int = LIMIT

    @property
    def between(self) -> int:
        """How many last tokens stand between two texts: RoBERTa has two, others one."""
        return max(1, self.tokenizer.num_special_tokens_to_add(is_pair=True) - 2)

    def tokens(self, text: str) -> list[int]:
        """Ids of a text's tokens, without first and last; at most `limit` with them."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids[: self.limit - 2]

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
    """The vocabulary of a public model: first and last token as its config says, else as its tokenizer does.

    Raises FileError for a tokenizer without a tokenizer.json.
    """

    def first_of(name: str, *ids: int | None) -> int:
        return next((i for i in (getattr(config, name, None), *ids) if i is not None), 0)

    start = first_of("decoder_start_token_id", tokenizer.cls_token_id, tokenizer.bos_token_id)
    end = first_of("eos_token_id", tokenizer.sep_token_id, tokenizer.eos_token_id)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise FileError(f"'{tokenizer.name_or_path}': its tokenizer has no tokenizer.json; choose another model")
    backend.no_truncation()
    backend.no_padding()
    # RoBERTa reserves the first two positions, so two fewer count.
    places = (getattr(config, "max_position_embeddings", None) or PUBLIC_LIMIT + 2) - 2
    limit = min(PUBLIC_LIMIT, tokenizer.model_max_length, places if places > 0 else PUBLIC_LIMIT)
    return Vocabulary(backend, first_of("pad_token_id", tokenizer.pad_token_id, end), start, end, int(limit))


def all_texts(texts: dict[str, list]) -> list[str]:
    """All the texts of a split, by whatever names they have."""
    found = []
    for values in texts.values():
        for value in values:
            found += [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return found
