"""Models of the hub of every kind that the benchmark `transfergraph` names: fetched, kept, read back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

from orbweaver.core.settings import PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.models import networks
from orbweaver.models.card import read_card
from orbweaver.tasks import task
from orbweaver.tasks.zoo import fetch_ptm
from tests.conftest import ROOT

SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 32}
KINDS = {
    "vit": SMALL,
    "beit": SMALL,
    "data2vec-vision": SMALL,
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2, "image_size": 32},
    "convnext": {"hidden_sizes": [8, 8, 8, 16], "depths": [1, 1, 1, 1], "image_size": 32},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"},
}


def test_the_benchmark_has_no_other_kinds_and_all_its_truth() -> None:
    ptms = pd.read_csv(ROOT / "data/published/transfergraph/ptms.csv").set_index("ptm")
    benchmark = yaml.safe_load((ROOT / "orbweaver/pipeline/benchmarks/transfergraph.yaml").read_text())
    named = benchmark["ptms"]
    truth = pd.read_csv(ROOT / "data/published/transfergraph/truth.csv")
    truth = truth.pivot(index="ptm", columns="dataset", values="accuracy_percent")
    assert truth.loc[list(named), list(benchmark["targets"])].notna().all(axis=None)
    assert {*ptms.loc[list(named), "architecture"]} == {*KINDS}
    for name, spec in named.items():
        assert spec["architecture"] == f"transformers/{ptms.loc[name, 'model']}"


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_hub_model_keeps_a_head_of_its_own(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three classes, where its source, as far as anybody knows, has none."""
    from transformers import AutoConfig, AutoModelForImageClassification, ViTImageProcessorFast

    monkeypatch.chdir(tmp_path)  # where transformers looks for a repository before it asks the hub
    torch.manual_seed(0)
    theirs = AutoModelForImageClassification.from_config(AutoConfig.for_model(kind, num_labels=3, **KINDS[kind])).eval()
    theirs.save_pretrained("owner/tiny")
    ViTImageProcessorFast(size={"height": 32, "width": 32}).save_pretrained("owner/tiny")
    workspace = Workspace(tmp_path)
    spec = PtmSettings(architecture="transformers/owner/tiny", source="hub")
    fetch_ptm("tiny", task("image_classification"), spec, [], workspace.ptm("tiny"), workspace.raw("weights"))
    card = read_card(workspace, "tiny")
    assert (card.source, card.source_classes) == ("hub", ["class 0", "class 1", "class 2"])
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        features, logits = networks.features_and_logits(networks.load(card, workspace.ptm("tiny")), images)
        torch.testing.assert_close(logits, theirs(images).logits)
    assert features.shape == (2, card.feature_width)
