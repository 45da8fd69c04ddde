"""extractive_qa: a passage and a question, to the words of the passage that answer it. No picture.

The question, then the passage through one encoder, whose last layer says where the answer begins and ends. Feature:
mean of that layer over real tokens. Fine-tuning keeps all weights, since a span means the same on every dataset.
Truth: F1 over words; beside it exact match.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModelForQuestionAnswering

from orbweaver.data.split import Split
from orbweaver.models.text import config, masked_mean, padded, trimmed
from orbweaver.models.vocabulary import LIMIT, Vocabulary
from orbweaver.tasks._measures import exact_match, f1
from orbweaver.tasks._text import Batch, TextTask, in_batches
from orbweaver.tasks.base import PTM, Measured

LONGEST = 12  # tokens of an answer


class Reader(nn.Module):
    def __init__(self, architecture: str, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.network = AutoModelForQuestionAnswering.from_config(config(architecture, vocabulary))
        self.width = self.network.config.hidden_size

    def forward(self, batch: Batch):
        return self.network(batch["ids"], attention_mask=batch["mask"], token_type_ids=batch["passage"],
                            output_hidden_states=True)  # fmt: skip

    def spans(self, batch: Batch) -> Tensor:
        """(B, 2, L) logits of first and last token, minus infinity outside the passage."""
        out = self(batch)
        return torch.stack([out.start_logits, out.end_logits], 1).masked_fill(batch["passage"][:, None] == 0, -1e9)

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of first and last token; answers that are not in the passage teach nothing."""
        batch = trimmed(batch)
        return functional.cross_entropy(self.spans(batch).transpose(1, 2), batch["span"], ignore_index=-1)

    def features(self, pixels: Tensor, batch: Batch) -> tuple[Tensor, None]:
        batch = trimmed(batch)
        return masked_mean(self(batch).hidden_states[-1], batch["mask"]), None


class ExtractiveQA(TextTask):
    name, metric, second_metric, label_rows = "extractive_qa", "F1", "exact match", "sample"
    pictures = False

    def label_texts(self, split: Split, template: str) -> list[str]:
        return [answers[0] for answers in split.texts["answers"]]

    def example(self, split: Split, sample: int) -> str:
        return f"{split.texts['question'][sample]} {split.texts['answers'][sample][0]}"

    def network(
        self, architecture: str, input_size: int, vocabulary: Vocabulary, classes: list[str], raw: Path | None
    ) -> Reader:
        return Reader(architecture, vocabulary)

    def batch(self, split: Split, vocabulary: Vocabulary) -> Batch:
        encoded, spans = _encoded(split, vocabulary), []
        for (_, passage, places), answers, starts in zip(
            encoded, split.texts["answers"], split.texts["starts"], strict=True
        ):
            first, last = starts[0], starts[0] + len(answers[0])
            inside = [i for i, (a, b) in enumerate(places) if passage[i] and a < last and b > first and starts[0] >= 0]
            spans.append([inside[0], inside[-1]] if inside else [-1, -1])
        ids, mask = padded([tokens for tokens, _, _ in encoded], vocabulary.pad)
        passage = padded([part for _, part, _ in encoded], 0)[0]
        return {"ids": ids, "mask": mask, "passage": passage, "span": torch.tensor(spans)}

    def measured(self, ptm: PTM, split: Split, pixels: Callable[[slice], Tensor]) -> Measured:
        encoded, answers = _encoded(split, ptm.vocabulary), []
        for some, batch in in_batches(self.batch(split, ptm.vocabulary)):
            first, last = ptm.network.spans(trimmed(batch)).unbind(1)
            both = first[:, :, None] + last[:, None]
            allowed = torch.ones(both.shape[1:], device=both.device).triu().tril(LONGEST - 1).bool()
            best = both.masked_fill(~allowed, -torch.inf).flatten(1).argmax(1)
            begin, end = (places.tolist() for places in (best // both.shape[2], best % both.shape[2]))
            for row, (i, j) in enumerate(zip(begin, end, strict=True), some.start):
                places = encoded[row][2]
                answers.append(split.texts["context"][row][places[i][0] : places[j][1]])
        pairs = list(zip(answers, split.texts["answers"], strict=True))
        return Measured(float(np.mean([f1(*p) for p in pairs])), float(np.mean([exact_match(*p) for p in pairs])))


def _encoded(split: Split, vocabulary: Vocabulary) -> list[tuple[list[int], list[int], list[tuple[int, int]]]]:
    """Of each sample: tokens; 1 where they are the passage's; what characters of it they are."""
    found = []
    for question, context in zip(split.texts["question"], split.texts["context"], strict=True):
        ask = [vocabulary.start, *vocabulary.tokens(question)[: LIMIT // 2], vocabulary.end]
        told = vocabulary.tokenizer.encode(context, add_special_tokens=False)
        room = LIMIT - len(ask) - 1
        ids, places = told.ids[:room], told.offsets[:room]
        none = [(0, 0)]
        found.append(
            (ask + ids + [vocabulary.end], [0] * len(ask) + [1] * len(ids) + [0], none * len(ask) + places + none)
        )
    return found


TASK = ExtractiveQA()
