"""extractive_qa: the words of a passage that answer a question. No picture.

One encoder reads the question, then the passage; from its last layer comes where the answer begins and ends. Feature:
mean of that layer over real tokens. Fine-tuning keeps all weights, since a span means the same on every dataset.
Truth: F1 over words; beside it exact match. Where a dataset has questions without an answer, the first token stands for
the empty answer.

Public PTMs are text encoders of the Hugging Face hub or in a folder, with the head that they bring or with a fresh one.
Passages are cut to what is left of the vocabulary's limit. An answer behind the cut is not trained on, but is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoModelForQuestionAnswering, PreTrainedModel

from orbweaver.core.settings import PtmSettings
from orbweaver.data.split import Split
from orbweaver.models import hub
from orbweaver.models.card import Card
from orbweaver.models.text import config, masked_mean, padded, trimmed, with_public_weights
from orbweaver.models.vocabulary import Vocabulary, of_tokenizer
from orbweaver.tasks._measures import exact_match, f1
from orbweaver.tasks._text import NOTHING, Batch, TextTask, in_batches
from orbweaver.tasks.base import PTM, Measured, Public

LONGEST = 30  # tokens of an answer


class Reader(nn.Module):
    def __init__(self, network: PreTrainedModel) -> None:
        super().__init__()
        self.network = network
        self.width = network.config.hidden_size
        # Some encoders tell the two texts apart, others have no such input.
        self.parted = (getattr(network.config, "type_vocab_size", 0) or 0) > 1

    def forward(self, batch: Batch):
        parts = {"token_type_ids": batch["passage"]} if self.parted else {}
        return self.network(batch["ids"], attention_mask=batch["mask"], output_hidden_states=True, **parts)

    def spans(self, batch: Batch) -> Tensor:
        """(B, 2, L) logits of first and last token, minus infinity where no answer may be."""
        out = self(batch)
        return torch.stack([out.start_logits, out.end_logits], 1).masked_fill(batch["open"][:, None] == 0, -1e9)

    def loss(self, pixels: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of first and last token; answers that are not in the passage are not trained on."""
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
        network = AutoModelForQuestionAnswering.from_config(config(architecture, vocabulary))
        return Reader(with_public_weights(network, architecture, raw))

    def public(self, spec: PtmSettings, raw: Path) -> Public:
        network = hub.model_of(AutoModelForQuestionAnswering, spec.architecture, raw)
        vocabulary = of_tokenizer(hub.tokenizer_of(spec.architecture), network.config)
        ptm = PTM(Reader(network), NOTHING, vocabulary, hub.described(network.config))
        return Public(ptm, None, "as its model card says", hub.origin(spec.architecture))

    def of_card(self, card: Card, vocabulary: Vocabulary) -> nn.Module:
        if card.config is None:
            return super().of_card(card, vocabulary)
        return Reader(hub.built(AutoModelForQuestionAnswering, card.config))

    def batch(self, split: Split, vocabulary: Vocabulary) -> Batch:
        encoded, spans = _encoded(split, vocabulary), []
        none = any(starts[0] < 0 for starts in split.texts["starts"])
        for (_, passage, places), answers, starts in zip(
            encoded, split.texts["answers"], split.texts["starts"], strict=True
        ):
            first, last = starts[0], starts[0] + len(answers[0])
            inside = [i for i, (a, b) in enumerate(places) if passage[i] and a < last and b > first and starts[0] >= 0]
            spans.append([inside[0], inside[-1]] if inside else [0, 0] if starts[0] < 0 else [-1, -1])
        ids, mask = padded([tokens for tokens, _, _ in encoded], vocabulary.pad)
        passage = padded([part for _, part, _ in encoded], 0)[0]
        allowed = passage.clone()
        allowed[:, 0] = int(none)
        return {"ids": ids, "mask": mask, "passage": passage, "open": allowed, "span": torch.tensor(spans)}

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
    """For each sample: tokens; 1 for those of the passage, else 0; their begin and end in the passage's characters."""
    found = []
    for question, context in zip(split.texts["question"], split.texts["context"], strict=True):
        asked = vocabulary.tokens(question)[: vocabulary.limit // 2]
        ask = [vocabulary.start, *asked, *[vocabulary.end] * vocabulary.between]
        told = vocabulary.tokenizer.encode(context, add_special_tokens=False)
        room = vocabulary.limit - len(ask) - 1
        ids, places = told.ids[:room], told.offsets[:room]
        none = [(0, 0)]
        found.append(
            (ask + ids + [vocabulary.end], [0] * len(ask) + [1] * len(ids) + [0], none * len(ask) + places + none)
        )
    return found


TASK = ExtractiveQA()
