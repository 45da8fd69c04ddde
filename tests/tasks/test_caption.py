"""Captioners: greedy sentences, and models as the hub has them, put into our shape with the same outputs."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from torch import Tensor
from transformers import (
    BertConfig,
    GenerationConfig,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessor,
)

from orbweaver.core.cache import Cache
from orbweaver.core.errors import FileError
from orbweaver.core.formats.features import read_features
from orbweaver.core.settings import PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.models.card import TokenIds
from orbweaver.models.networks import normalise
from orbweaver.models.pixels import images, look
from orbweaver.models.training import Fit
from orbweaver.models.vocabulary import Vocabulary, build_vocabulary
from orbweaver.tasks import task
from orbweaver.tasks.caption import Captioner
from orbweaver.tasks.extract import extract
from orbweaver.tasks.finetune import finetune
from orbweaver.tasks.stored import stored
from orbweaver.tasks.zoo import fetch_ptm, train_ptm

from .examples import FINETUNE, PRETRAIN, MakePtm, scenes

CAPTION = task("caption")


def greedy(network: Captioner, pixels: Tensor, vocabulary: Vocabulary, longest: int) -> list[list[int]]:
    """The likeliest next token again and again, all of the sentence anew each time: tokens without first and last."""
    said = []
    for picture in pixels:
        seen, tokens = network.see(picture[None]), [vocabulary.start]
        for _ in range(longest):
            ids = torch.tensor([tokens])
            tokens.append(int(network(seen, ids, torch.ones_like(ids)).logits[0, -1].argmax()))
            if tokens[-1] == vocabulary.end:
                break
        said.append([token for token in tokens[1:] if token != vocabulary.end])
    return said


@pytest.mark.parametrize("text", ["gpt2_small", "bert_small"])
def test_sentences_are_the_greedy_ones(text: str, tmp_path: Path, store: Cache) -> None:
    split = scenes("caption")["train"]
    spec = PtmSettings(task="caption", architecture=f"test_vit+{text}", source="x", input_size=32)
    torch.manual_seed(0)
    ptm = CAPTION.build(spec, split, tmp_path)
    pixels = normalise(look(images(split, ptm.preprocessing, store), slice(6)), ptm.preprocessing)
    lengths = set()
    for epochs in (0, 5, 25):  # sentences that never end, that end at once, and of many lengths
        if epochs:
            CAPTION.fit(ptm, split, np.arange(len(split)), Fit(epochs, 4, 1e-3, 0.0, 0), store)
        ptm.network.eval()
        with torch.inference_mode():
            found = ptm.network.generate(pixels, ptm.vocabulary, 14)
            assert found == greedy(ptm.network, pixels, ptm.vocabulary, 14)
        lengths |= {*map(len, found)}
    assert len({tuple(tokens) for tokens in found}) > 1
    assert 14 in lengths
    assert min(lengths) < 14


def test_what_a_hub_says_of_generation_does_not_count(ptm_for: MakePtm, store: Cache) -> None:
    split, ptm = scenes("caption")["train"], ptm_for("caption")
    model = CAPTION.load(ptm.card, ptm.folder)
    pixels = normalise(look(images(split, model.preprocessing, store), slice(None)), model.preprocessing)
    decoder = model.network.decoder
    decoder.generation_config = GenerationConfig(num_beams=4, no_repeat_ngram_size=1, repetition_penalty=9.0,
                                                 min_new_tokens=9, suppress_tokens=[5])  # fmt: skip
    again = Captioner(model.network.image, model.network.bridge, decoder).eval()
    with torch.inference_mode():
        assert again.generate(pixels, model.vocabulary, 10) == greedy(again, pixels, model.vocabulary, 10)


# --- captioners of the hub -------------------------------------------------------------------------------------------


@pytest.fixture
def hub_captioner(tmp_path: Path) -> Path:
    """A VisionEncoderDecoder with random weights as the hub would have it: model, tokenizer and image processor."""
    vocabulary = build_vocabulary(["a small red square is above a large blue circle ."])
    size = vocabulary.tokenizer.get_vocab_size()
    vision = ViTConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, image_size=32,
                       patch_size=16)  # fmt: skip
    text = BertConfig(vocab_size=size, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(vision, text)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 0, 3
    torch.manual_seed(0)
    VisionEncoderDecoderModel(config).save_pretrained(tmp_path / "hub")
    PreTrainedTokenizerFast(tokenizer_object=vocabulary.tokenizer, pad_token="[PAD]", cls_token="[CLS]",
                            sep_token="[SEP]").save_pretrained(tmp_path / "hub")  # fmt: skip
    ViTImageProcessor(size={"height": 32, "width": 32}, image_mean=[0.5] * 3, image_std=[0.25] * 3).save_pretrained(
        tmp_path / "hub"
    )
    return tmp_path / "hub"


def test_a_captioner_of_the_hub_goes_the_same_way(tmp_path: Path, hub_captioner: Path) -> None:
    workspace, made = Workspace(tmp_path), scenes("caption")
    train, spec = made["train"], PtmSettings(task="caption", architecture=str(hub_captioner), source="plain_caption")
    assert CAPTION.is_public(spec)
    fetch_ptm("public", CAPTION, spec, [], workspace.ptm("public"), workspace.raw("weights"))
    ptm = stored(workspace, "public")
    card = ptm.card
    assert (card.preprocessing.mean, card.preprocessing.input_size) == ((0.5, 0.5, 0.5), (3, 32, 32))
    assert (card.source_accuracy, card.samples, card.origin) == (None, None, f"hf-hub:{hub_captioner}")
    model = CAPTION.load(card, ptm.folder)
    assert (model.vocabulary.pad, model.vocabulary.start, model.vocabulary.end) == (0, 2, 3)
    batch, rows = CAPTION.batch(train, model.vocabulary), CAPTION.rows(train)
    pixels = normalise(look(images(train, card.preprocessing, workspace.cache), rows), card.preprocessing)
    theirs = VisionEncoderDecoderModel.from_pretrained(hub_captioner).eval()
    with torch.inference_mode():
        found = model.network.features(pixels, batch)[0]
        for row in range(3):  # teacher forcing by transformers itself, one caption at a time, without padding
            length = int(batch["mask"][row].sum())
            out = theirs(pixel_values=pixels[row : row + 1], decoder_input_ids=batch["ids"][row : row + 1, :length],
                         output_hidden_states=True)  # fmt: skip
            torch.testing.assert_close(found[row], out.decoder_hidden_states[-1][0].mean(0), atol=1e-5, rtol=1e-4)
        assert model.network.generate(pixels[:3], model.vocabulary, 8) == greedy(
            model.network, pixels[:3], model.vocabulary, 8
        )
    assert 0 <= CAPTION.measure(model, train, np.arange(12), workspace.cache, "float32").truth <= 1
    stored_features = read_features(extract(workspace.cache, CAPTION, ptm, train, 16, 1)).features
    np.testing.assert_allclose(stored_features, found.numpy(), atol=1e-5)
    runs = finetune(CAPTION, ptm, train, made["test"], FINETUNE, 0, 1, workspace.cache)
    assert len(runs) == 3


def test_a_captioner_that_cannot_be_had_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hub_captioner: Path
) -> None:
    def fetch(architecture: str) -> None:
        spec = PtmSettings(task="caption", architecture=architecture, source="x")
        fetch_ptm("c", CAPTION, spec, [], tmp_path / "c", tmp_path)

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(FileError, match=r"ptms.c: 'nobody/captioner' cannot be loaded .*HF_HOME"):
        fetch("nobody/captioner")
    with pytest.raises(FileError, match=r"ptms.c: 'nobody/encoder\+nobody/decoder' cannot be loaded .*HF_HOME"):
        spec = PtmSettings(task="caption", architecture="nobody/encoder+nobody/decoder", source="x", init="public")
        split = scenes("caption")["train"]
        train_ptm("c", CAPTION, spec, split, split, PRETRAIN, 0, 1, Cache(tmp_path), tmp_path / "c", tmp_path)
    ViTConfig().save_pretrained(tmp_path / "vit")
    with pytest.raises(FileError, match=r"vit' is a vit; a captioner is a vision-encoder-decoder"):
        fetch(str(tmp_path / "vit"))
    assert not (tmp_path / "c").exists()


PICTURES = {"vit": ("ViTConfig", {}), "swin": ("SwinConfig", {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]}),
            "swin2": ("Swinv2Config", {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]})}  # fmt: skip
TEXTS = {"bert": "BertConfig", "roberta": "RobertaConfig", "bart": "BartConfig"}


def save_parts(picture: str, text: str, hub: Path) -> torch.nn.Module:
    """An encoder, which is returned, and a decoder, each in its folder as the hub has it."""
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    kind, more = PICTURES[picture]
    sizes = small if picture == "vit" else {"window_size": 4}
    config = getattr(transformers, kind)(**sizes, **more, image_size=32, patch_size=4)
    encoder = transformers.AutoModel.from_config(config)
    encoder.save_pretrained(hub / "encoder")
    transformers.ViTImageProcessorFast(size={"height": 32, "width": 32}).save_pretrained(hub / "encoder")
    if text == "bart":
        small = {"d_model": 16, "decoder_layers": 1, "encoder_layers": 1, "decoder_attention_heads": 2,
                 "encoder_attention_heads": 2, "decoder_ffn_dim": 16, "encoder_ffn_dim": 16}  # fmt: skip
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    decoder = getattr(transformers, TEXTS[text])(vocab_size=9, max_position_embeddings=64, **ids, **small)
    transformers.AutoModel.from_config(decoder).save_pretrained(hub / "decoder")
    names = {name: i for i, name in enumerate(["<pad>", "<s>", "</s>", "<unk>", "a", "dog", "cat", "runs", "sits"])}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(names, unk_token="<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = {"pad": "<pad>", "bos": "<s>", "eos": "</s>", "unk": "<unk>", "cls": "<s>", "sep": "</s>"}
    marks = {f"{name}_token": token for name, token in special.items()}
    PreTrainedTokenizerFast(tokenizer_object=words, **marks).save_pretrained(hub / "decoder")
    return encoder


@pytest.mark.parametrize(
    ("picture", "text"), [("vit", "bert"), ("swin", "roberta"), ("swin2", "bart")], ids=lambda name: name
)
def test_a_captioner_is_put_together_of_two_public_models(
    picture: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The families of the nine captioners at a tiny size: an encoder and a decoder, saved as the hub has them."""
    monkeypatch.chdir(tmp_path)  # where transformers looks for a repository before it asks the hub
    encoder = save_parts(picture, text, tmp_path / "hub")
    spec = PtmSettings(task="caption", architecture="hub/encoder+hub/decoder", source="x", init="public")
    assert not CAPTION.is_public(spec)
    split = scenes("caption")["train"]
    ptm = CAPTION.build(spec, split, tmp_path)
    network, vocabulary = ptm.network, ptm.vocabulary
    assert ptm.preprocessing.input_size == (3, 32, 32)
    assert (vocabulary.pad, vocabulary.start, vocabulary.end) == (0, 1, 2)
    assert network.width == 16
    for key, tensor in encoder.state_dict().items():
        assert torch.equal(network.image.encoder.state_dict()[key], tensor)
    batch = {"ids": torch.tensor([[1, 4, 5], [1, 4, 0]]), "mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
             "following": torch.tensor([[4, 5, 2], [4, 2, 0]])}  # fmt: skip
    pixels = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert network.eval().features(pixels, batch)[0].shape == (2, 16)
        first = network.loss(pixels, batch)
        assert network.generate(pixels, vocabulary, 8) == greedy(network, pixels, vocabulary, 8)

    workspace = Workspace(tmp_path)
    few = split.take(np.arange(4))
    texts = itertools.cycle([["a dog runs", "a cat"], ["a cat sits"]])
    few = replace(few, texts={"captions": [next(texts) for _ in few.targets]})
    how = PRETRAIN.model_copy(update={"learning_rate": 1e-12, "weight_decay": 0.0})
    train_ptm("pair", CAPTION, spec, few, few, how, 0, 1, workspace.cache, workspace.ptm("pair"), tmp_path)
    card = stored(workspace, "pair").card
    assert card.config["model_type"] == "vision-encoder-decoder"
    assert isinstance(card.tokens, TokenIds)
    again = CAPTION.load(card, workspace.ptm("pair"))
    assert again.vocabulary.tokenizer.to_str() == vocabulary.tokenizer.to_str()
    again.network.load_state_dict(network.state_dict())  # the same shape; what joins the two was drawn anew
    with torch.inference_mode():
        torch.testing.assert_close(again.network.loss(pixels, batch), first)
