"""masked_words: the hidden words of a text, with the picture beside it where the network reads pictures.

As BERT (Devlin et al. 2019, arXiv 1810.04805): a random share of the words is replaced by the mask's token, or by that
of unknown words where the vocabulary has no mask, and the loss is the cross-entropy of the hidden words. The share is
larger than BERT's 0.15, as texts are short; it is drawn anew each time, as in RoBERTa.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from orbweaver.data.split import Split
from orbweaver.models.text import trimmed
from orbweaver.models.vocabulary import Vocabulary
from orbweaver.tasks._text import Batch
from orbweaver.tasks.base import PTM
from orbweaver.tasks.objectives.base import Lesson, Towers, encoded, texts_of

MASKED = 0.3


class Guessing(nn.Module):
    def __init__(self, network: nn.Module, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.network, self.towers = network, Towers(network)
        names = (vocabulary.tokenizer.token_to_id(name) for name in ("[MASK]", "[UNK]"))
        self.hidden = next(token for token in names if token is not None)
        self.special = (vocabulary.start, vocabulary.end)
        self.head = nn.Linear(self.towers.width, vocabulary.tokenizer.get_vocab_size())

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        batch = trimmed(batch)
        ids, mask = batch["ids"], batch["mask"]
        words = (mask == 1) & (ids != self.special[0]) & (ids != self.special[1])
        chosen = words & (torch.rand(ids.shape, device=ids.device) < MASKED)
        chosen[:, 1] |= ~chosen.any(1) & words[:, 1]  # one at least in each text that has a word
        given = ids.masked_fill(chosen, self.hidden)
        if self.towers.seen is None:
            read = self.towers.words(given, mask)
        else:
            reader = self.network.reader
            read = reader(pixels, given, mask)[:, reader.image.count :]
        return functional.cross_entropy(self.head(read[chosen]), ids[chosen])


def lesson(ptm: PTM, source: Split) -> Lesson:
    """A head that guesses words, and the source's texts."""
    batch = encoded(texts_of(source), ptm.vocabulary)
    return Lesson(Guessing(ptm.network, ptm.vocabulary), batch, np.arange(len(source)))
