"""tqa: a passage and a question, to the words of the passage that answer it. No picture.

The question, then the passage through one encoder, whose last layer says where the answer begins and ends. Feature:
mean of that layer over real tokens. Fine-tuning keeps all weights, since a span means the same on every dataset.
Truth: F1 over words.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModelForQuestionAnswering

from stages.files import Images
from stages.zoo.tasks.metrics import Measured, exact_match, f1
from stages.zoo.tasks.words import LIMIT, Words, config, masked_mean, padded, trimmed

LONGEST = 12  # tokens of an answer


class Reader(nn.Module):
    def __init__(self, architecture: str, words: Words) -> None:
        super().__init__()
        self.network = AutoModelForQuestionAnswering.from_config(config(architecture, words))
        self.width = self.network.config.hidden_size

    def forward(self, batch: dict[str, torch.Tensor]):
        return self.network(batch["ids"], attention_mask=batch["mask"], token_type_ids=batch["passage"],
                            output_hidden_states=True)  # fmt: skip

    def spans(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """(B, 2, L) logits of first and last token, minus infinity outside the passage."""
        out = self(batch)
        return torch.stack([out.start_logits, out.end_logits], 1).masked_fill(batch["passage"][:, None] == 0, -1e9)

    def loss(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """Cross-entropy of first and last token; answers that are not in the passage teach nothing."""
        batch = trimmed(batch)
        return functional.cross_entropy(self.spans(batch).transpose(1, 2), batch["span"], ignore_index=-1)

    def features(self, pixels: torch.Tensor, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, None]:
        batch = trimmed(batch)
        return masked_mean(self(batch).hidden_states[-1], batch["mask"]), None

    def adapt(self, split: Images) -> None:
        pass


def build(architecture: str, input_size: int, words: Words, classes: list[str], weights: bool = False) -> Reader:
    return Reader(architecture, words)


def _encoded(split: Images, words: Words) -> list[tuple[list[int], list[int], list[tuple[int, int]]]]:
    """Of each sample: tokens; 1 where they are the passage's; what characters of it they are."""
    found = []
    for question, context in zip(split.texts["question"], split.texts["context"], strict=True):
        ask = [words.start, *words.ids(question)[: LIMIT // 2], words.end]
        told = words.tokenizer.encode(context, add_special_tokens=False)
        room = LIMIT - len(ask) - 1
        ids, places = told.ids[:room], told.offsets[:room]
        none = [(0, 0)]
        found.append((ask + ids + [words.end], [0] * len(ask) + [1] * len(ids) + [0], none * len(ask) + places + none))
    return found


def rows(split: Images, words: Words) -> dict[str, torch.Tensor]:
    encoded, spans = _encoded(split, words), []
    for (_, passage, places), answers, starts in zip(
        encoded, split.texts["answers"], split.texts["starts"], strict=True
    ):
        first, last = starts[0], starts[0] + len(answers[0])
        inside = [i for i, (a, b) in enumerate(places) if passage[i] and a < last and b > first and starts[0] >= 0]
        spans.append([inside[0], inside[-1]] if inside else [-1, -1])
    ids, mask = padded([tokens for tokens, _, _ in encoded], words.pad)
    return {"ids": ids, "mask": mask, "passage": padded([p for _, p, _ in encoded], 0)[0], "span": torch.tensor(spans)}


@torch.inference_mode()
def measure(
    model: Reader, pixels: Callable[[slice], torch.Tensor], split: Images, words: Words, batch_size: int = 100
) -> Measured:
    asked, encoded, answers = rows(split, words), _encoded(split, words), []
    for start in range(0, len(split), batch_size):
        first, last = model.spans(
            trimmed({name: tensor[start : start + batch_size] for name, tensor in asked.items()})
        ).unbind(1)
        both = first[:, :, None] + last[:, None]
        allowed = torch.ones(both.shape[1:]).triu().tril(LONGEST - 1).bool()
        best = both.masked_fill(~allowed, -torch.inf).flatten(1).argmax(1)
        for row, (i, j) in enumerate(
            zip(*(t.tolist() for t in (best // both.shape[2], best % both.shape[2])), strict=True)
        ):
            places = encoded[start + row][2]
            answers.append(split.texts["context"][start + row][places[i][0] : places[j][1]])
    pairs = list(zip(answers, split.texts["answers"], strict=True))
    return Measured(float(np.mean([f1(*p) for p in pairs])), float(np.mean([exact_match(*p) for p in pairs])))
