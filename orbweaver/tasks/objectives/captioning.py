"""captioning: the caption of a picture, word by word, by a network that reads pictures and words together.

The words see the picture and the words before them (a prefix language model, as in SimVLM, arXiv 2108.10904); the loss
is the cross-entropy of each next word.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from orbweaver.data.split import Split
from orbweaver.models.text import trimmed
from orbweaver.tasks._text import Batch
from orbweaver.tasks.base import PTM
from orbweaver.tasks.caption import TASK
from orbweaver.tasks.objectives.base import Lesson


class Telling(nn.Module):
    def __init__(self, network: nn.Module, words: int) -> None:
        super().__init__()
        self.network = network
        self.head = nn.Linear(network.reader.width, words)

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        batch = trimmed(batch)
        reader = self.network.reader
        hidden = reader(pixels, batch["ids"], batch["mask"], forwards=True)[:, reader.image.count :]
        following = batch["following"].masked_fill(batch["mask"] == 0, -100)
        return functional.cross_entropy(self.head(hidden).transpose(1, 2), following)


def lesson(ptm: PTM, source: Split) -> Lesson:
    """A head that says the next word, and the source's captions."""
    words = ptm.vocabulary.tokenizer.get_vocab_size()
    return Lesson(Telling(ptm.network, words), TASK.batch(source, ptm.vocabulary), TASK.rows(source))
