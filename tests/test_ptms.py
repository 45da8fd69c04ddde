"""The catalogue of PTMs: each at its real architecture and input size, with random weights.

Two or three small ones run by default, all of them with `make test-catalogue`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from torchvision.models import get_model

from stages import files
from stages.data import download
from stages.params import ParamsError
from stages.zoo import models, public
from stages.zoo.catalogue import catalogue, find

SMALL = {"torchvision/mobilenet_v2", "deit_tiny_patch16_224.fb_in1k", "transformers/Zetatech/pvt-tiny-224"}
ALL = [pytest.param(name, marks=() if name in SMALL else pytest.mark.slow) for name in catalogue()]
CNNS = [name for name in catalogue() if name.startswith(models.TORCHVISION)]
# Parameters in millions as the papers print them, with the head; torchvision's own counts for its CNNs.
PRINTED = {
    "deit_tiny_patch16_224.fb_in1k": 5.7, "deit_small_patch16_224.fb_in1k": 22.1, "deit_base_patch16_224.fb_in1k": 86.6,
    "vit_small_patch16_224.dino": 21.7, "vit_base_patch16_224.dino": 85.8, "vit_small_patch16_224.mocov3": 21.7,
    "pvt_v2_b2.in1k": 25.4, "pvt_v2_b3.in1k": 45.2, "transformers/Zetatech/pvt-tiny-224": 13.2,
    "transformers/Zetatech/pvt-small-224": 24.5, "transformers/Zetatech/pvt-medium-224": 44.2,
    "swin_tiny_patch4_window7_224.ms_in1k": 28.3, "swin_small_patch4_window7_224.ms_in1k": 49.6,
}  # fmt: skip


@pytest.mark.parametrize("name", ALL)
@torch.inference_mode()
def test_every_ptm_has_the_width_and_the_head_of_the_catalogue(name: str) -> None:
    entry = catalogue()[name]
    config = models.preprocessing(name, None)
    torch.manual_seed(0)
    model = models.build(name, entry.head, config.input_size[1]).eval()
    model.rule = entry.features
    images = models.normalise(torch.randint(0, 256, (2, *config.input_size), dtype=torch.uint8), config)
    features, logits = models.features_and_logits(model, images)
    assert features.shape == (2, entry.width)
    assert models.width(model) == entry.width
    assert torch.isfinite(features).all()
    if entry.head:
        assert logits.shape == (2, entry.head)
        torch.testing.assert_close(logits, model(images))
    else:
        assert logits is None
    if name in PRINTED:
        assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(PRINTED[name], abs=0.06)
    models.new_head(model, 7)
    assert model(images).shape == (2, 7)
    print(f"{name}: input {config.input_size[1]}, features {features.shape[1]}, head {entry.head}")


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in SMALL else pytest.mark.slow) for n in CNNS])
def test_torchvision_weights_load_strictly_and_give_the_same_outputs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state dict of torchvision's own model, auxiliary heads and all, in its file of the published name."""
    monkeypatch.chdir(tmp_path)
    bare = name.removeprefix(models.TORCHVISION)
    more = {"transform_input": True, "init_weights": False} if bare in models.NORMALISES_AGAIN else {}
    theirs = get_model(bare, weights=None, **more).eval()
    state = theirs.state_dict()
    if bare.startswith("densenet"):  # as the published files name them
        state = {k.replace("norm1.", "norm.1.").replace("conv1.", "conv.1.").replace("norm2.", "norm.2.")
                 .replace("conv2.", "conv.2.") if "denselayer" in k else k: v for k, v in state.items()}  # fmt: skip
    weights = models._weights(name)
    path = files.raw_path("weights") / Path(weights.url).name
    path.parent.mkdir(parents=True)
    torch.save(state, path)
    monkeypatch.setattr(download, "verify", lambda *_, **__: None)  # the published checksum is of other tensors
    ours, origin = public.public(name, None)
    assert origin == weights.url
    side = models.preprocessing(name, None).input_size[1]
    images = torch.rand(1, 3, side, side)
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(images), theirs(images))


def test_torchvision_weights_are_verified_by_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = files.raw_path("weights") / "mobilenet_v2-b0353104.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(download.DownloadError, match="not b0353104"):
        public.public("torchvision/mobilenet_v2", None)


@pytest.mark.parametrize("name", CNNS)
def test_the_first_weights_of_torchvision(name: str) -> None:
    weights = models._weights(name)
    assert weights.name == "IMAGENET1K_V1"
    config = models.preprocessing(name, None)
    assert models.transform(config).transforms[0].size == weights.transforms().resize_size[0]
    assert config.input_size[1] == weights.transforms().crop_size[0]
    assert 0.69 < public.source_accuracy(name) < 0.79


def test_weights_at_an_address_are_cut_out_and_loaded_strictly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "vit_small_patch16_224.mocov3"
    inner = models.build(name, 0, None)
    assert inner.blocks[0].attn.num_heads == 12
    state = {f"module.base_encoder.{key}": tensor for key, tensor in inner.state_dict().items()}
    state |= {"module.base_encoder.head.0.weight": torch.zeros(2), "module.momentum_encoder.norm.bias": torch.zeros(2)}
    path = files.raw_path("weights") / "vit-s-300ep.pth.tar"
    path.parent.mkdir(parents=True)
    torch.save({"epoch": 300, "state_dict": state}, path)
    model, origin = public.public(name, None)
    assert origin.startswith("https://dl.fbaipublicfiles.com/moco-v3/")
    torch.testing.assert_close(model.state_dict(), inner.state_dict())
    torch.save({"epoch": 300, "state_dict": {k: v + 1 for k, v in state.items()}}, path)
    with pytest.raises(download.DownloadError, match="as it had the first time"):
        public.public(name, None)


def test_a_transformers_model_is_taken_from_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not in the catalogue: its config says what it is, and the first weights are the measure."""
    from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorFast

    monkeypatch.chdir(tmp_path)
    tiny = ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32,
                     num_labels=3)  # fmt: skip
    theirs = ViTForImageClassification(tiny).eval()
    theirs.save_pretrained("owner/tiny")
    ViTImageProcessorFast(size={"height": 32, "width": 32}).save_pretrained("owner/tiny")
    name = "transformers/owner/tiny"
    model, origin = public.public(name, None)
    assert origin == "hf-hub:owner/tiny"
    config = models.preprocessing(name, None)
    assert (config.input_size, config.crop_mode) == ((3, 32, 32), "squash")
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(model.eval()(images), theirs(images).logits)
        again = models.build(name, 3, None, model.config)
        again.load_state_dict(model.state_dict())
        assert models.features_and_logits(again.eval(), images)[0].shape == (2, 16)
    nn.init.zeros_(theirs.classifier.weight)
    theirs.save_pretrained("owner/tiny")
    with pytest.raises(files.FileError, match="not the weights that were downloaded the first time"):
        public.public(name, None)


def test_unknown_names_are_told() -> None:
    with pytest.raises(ParamsError, match="unknown architecture 'torchvision/resnet5': did you mean 'resnet50'"):
        models.build("torchvision/resnet5", 3, None)
    with pytest.raises(ParamsError, match="is not in the catalogue"):
        models.build("transformers/nobody/nothing", 3, None)
    with pytest.raises(ParamsError, match=r"did you mean 'vit_small_patch16_224\.mocov3'"):
        public.public("vit_small_patch16_224.mocov", None)


def test_every_name_exists() -> None:
    for name, entry in catalogue().items():
        if not entry.weights and "/" not in name:
            assert name in timm.list_pretrained()
        assert public.licence(name)
    assert find("resnet18.a1_in1k") is None


PICTURES = {"vit": ("ViTConfig", {}), "swin": ("SwinConfig", {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]}),
            "swin2": ("Swinv2Config", {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]})}  # fmt: skip
TEXTS = {"bert": "BertConfig", "roberta": "RobertaConfig", "bart": "BartConfig"}


@pytest.mark.parametrize(
    ("picture", "text"), [("vit", "bert"), ("swin", "roberta"), ("swin2", "bart")], ids=lambda name: name
)
def test_a_captioner_is_put_together_of_two_public_models(
    picture: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The families of the nine captioners at a tiny size: an encoder and a decoder, saved as the hub has them."""
    import tokenizers
    import transformers

    from stages.zoo.tasks import captioner

    monkeypatch.chdir(tmp_path)
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    kind, more = PICTURES[picture]
    sizes = small if picture == "vit" else {"window_size": 4}
    config = getattr(transformers, kind)(**sizes, **more, image_size=32, patch_size=4)
    encoder = transformers.AutoModel.from_config(config)
    encoder.save_pretrained("hub/encoder")
    transformers.ViTImageProcessorFast(size={"height": 32, "width": 32}).save_pretrained("hub/encoder")
    if text == "bart":
        small = {"d_model": 16, "decoder_layers": 1, "encoder_layers": 1, "decoder_attention_heads": 2,
                 "encoder_attention_heads": 2, "decoder_ffn_dim": 16, "encoder_ffn_dim": 16}  # fmt: skip
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    decoder = getattr(transformers, TEXTS[text])(vocab_size=9, max_position_embeddings=64, **ids, **small)
    transformers.AutoModel.from_config(decoder).save_pretrained("hub/decoder")
    names = {name: i for i, name in enumerate(["<pad>", "<s>", "</s>", "<unk>", "a", "dog", "cat", "runs", "sits"])}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(names, unk_token="<unk>"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    special = {"pad": "<pad>", "bos": "<s>", "eos": "</s>", "unk": "<unk>", "cls": "<s>", "sep": "</s>"}
    marks = {f"{name}_token": token for name, token in special.items()}
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, **marks).save_pretrained("hub/decoder")
    model, written, preprocessing, described = captioner.pair("hub/encoder+hub/decoder")
    assert preprocessing.input_size == (3, 32, 32)
    assert (written.pad, written.start, written.end) == (0, 1, 2)
    assert model.width == 16
    for key, tensor in encoder.state_dict().items():
        assert torch.equal(model.image.encoder.state_dict()[key], tensor)
    batch = {"ids": torch.tensor([[1, 4, 5], [1, 4, 0]]), "mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
             "following": torch.tensor([[4, 5, 2], [4, 2, 0]])}  # fmt: skip
    pixels = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        assert model.eval().features(pixels, batch)[0].shape == (2, 16)
        first = model.loss(pixels, batch)
    Path("again").mkdir()
    Path("again/config.json").write_text(described)
    again = captioner.build_public(Path("again"))
    again.load_state_dict(model.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(again.eval().loss(pixels, batch), first)
