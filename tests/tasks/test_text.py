"""Tasks with text: the feature rules, learning, and PTMs that come back from their folders as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from orbweaver.core.cache import Cache
from orbweaver.core.device import repeatable
from orbweaver.core.errors import FileError, TargetError
from orbweaver.core.files import digest
from orbweaver.core.settings import PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split
from orbweaver.models.networks import normalise
from orbweaver.models.pixels import images, look
from orbweaver.models.training import Fit
from orbweaver.tasks import ZOO, task
from orbweaver.tasks.base import PTM
from orbweaver.tasks.finetune import finetune

from .examples import ARCHITECTURES, FINETUNE, TEXT_TASKS, MakePtm, scenes, trained

LEARNT = {"caption": 0.5, "vqa": 0.9, "extractive_qa": 0.7, "grounding": 0.5, "text_classification": 0.9,
          "text_multilabel": 0.9, "text_regression": -0.1}  # fmt: skip


def built(of: str, split: Split, raw: Path) -> PTM:
    zoo = ZOO[of]
    spec = PtmSettings(task=zoo, architecture=ARCHITECTURES[zoo], source="x", input_size=32)
    torch.manual_seed(0)
    ptm = task(zoo).build(spec, split, raw)
    if of != zoo:
        task(of).adapt(ptm, split, np.arange(len(split)))
    ptm.network.eval()
    return ptm


@pytest.mark.parametrize("of", TEXT_TASKS)
def test_padding_never_leaks_into_features(of: str, tmp_path: Path, store: Cache) -> None:
    split = scenes(of)["train"]
    ptm, rows = built(of, split, tmp_path), task(of).rows(split)
    pixels = normalise(look(images(split, ptm.preprocessing, store), rows), ptm.preprocessing)
    batch = task(of).batch(split, ptm.vocabulary)
    with torch.inference_mode():
        together = ptm.network.features(pixels, batch)[0]
        longer = {
            name: torch.nn.functional.pad(tensor, (0, 9))
            if name in ("ids", "mask", "following", "passage", "open")
            else tensor
            for name, tensor in batch.items()
        }
        padded = ptm.network.features(pixels, longer)[0]
        alone = [
            ptm.network.features(pixels[i : i + 1], {n: t[i : i + 1] for n, t in batch.items()})[0]
            for i in range(len(pixels))
        ]
    assert together.shape == (len(rows), task(of).width(ptm))
    torch.testing.assert_close(padded, together, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(torch.cat(alone), together, atol=1e-5, rtol=1e-4)
    assert together.std(0).max() > 1e-3


@pytest.mark.parametrize("of", TEXT_TASKS)
def test_a_handful_is_learnt_by_heart(of: str, tmp_path: Path, store: Cache) -> None:
    split = scenes(of)["train"]
    ptm, samples = built(of, split, tmp_path), np.arange(len(split))
    before = task(of).measure(ptm, split, samples, store, "float32").truth
    epochs, rate = (60, 1e-3) if of in ("vqa", "grounding") else (30, 3e-3)
    how = Fit(epochs, batch_size=4, learning_rate=rate, weight_decay=0.0, seed=0)
    task(of).fit(ptm, split, samples, how, store)
    after = task(of).measure(ptm, split, samples, store, "float32")
    assert after.truth >= LEARNT[of] > before, after


@pytest.mark.parametrize("of", TEXT_TASKS)
def test_some_samples_are_a_split_of_their_own(of: str, tmp_path: Path, store: Cache) -> None:
    """Rows of samples stay together: trained on, and measured, the same as a split that has no others."""
    split, some = scenes(of)["train"], np.array([9, 2, 4, 7])
    how = Fit(epochs=2, batch_size=4, learning_rate=1e-3, weight_decay=0.0, seed=0)
    found = []
    for part, samples in ((split, some), (split.take(some), np.arange(4))):
        repeatable(0, 1)
        ptm = built(of, split, tmp_path)
        task(of).fit(ptm, part, samples, how, store)
        found.append((task(of).measure(ptm, part, samples, store, "float32"), ptm.network.state_dict()))
    assert found[0][0] == found[1][0]
    assert all(torch.equal(tensor, found[1][1][name]) for name, tensor in found[0][1].items())


@pytest.mark.parametrize("of", TEXT_TASKS)
def test_low_precision_trains_nearly_the_same(of: str, tmp_path: Path, store: Cache) -> None:
    split, weights = scenes(of)["train"], []
    for precision in ("float32", "bfloat16"):
        ptm = built(of, split, tmp_path)
        start = torch.cat([p.detach().flatten() for p in ptm.network.parameters()])
        how = Fit(1, 4, learning_rate=1e-2, weight_decay=0.0, seed=0, optimizer="sgd", precision=precision)
        task(of).fit(ptm, split, np.arange(len(split)), how, store)
        assert all(p.dtype == torch.float32 for p in ptm.network.parameters())
        weights.append(torch.cat([p.detach().flatten() for p in ptm.network.parameters()]) - start)
    assert not torch.equal(*weights)
    assert torch.nn.functional.cosine_similarity(*weights, dim=0) > 0.95


def test_a_made_ptm_is_loaded_and_fine_tuned_alike(tmp_path: Path, store: Cache) -> None:
    """Written and read through its folder; an equal run gives equal figures; damage is refused."""
    workspace = Workspace(tmp_path)
    ptm = trained(workspace, "vqa", "v", architecture="test_vit+bert_tiny", samples=12)
    assert (ptm.card.task, ptm.card.samples, len(ptm.card.source_classes)) == ("vqa", 12, 16)
    first = digest(ptm.folder / "model.safetensors")
    for finished in (workspace.store / "zoo").rglob("*.*"):
        finished.unlink()
    trained(workspace, "vqa", "v", architecture="test_vit+bert_tiny", samples=12)
    assert digest(ptm.folder / "model.safetensors") == first
    target = scenes("vqa")
    caches = store, workspace.cache
    runs = [finetune(task("vqa"), ptm, target["train"], target["test"], FINETUNE, 0, 1, cache) for cache in caches]
    assert runs[0] == runs[1]
    with pytest.raises(TargetError, match="all its questions have one answer"):
        same = replace(target["train"], targets=np.zeros(12, np.int64))
        finetune(task("vqa"), ptm, same, target["test"], FINETUNE, 0, 1, store)
    path = ptm.folder / "tokenizer.json"
    path.write_text(path.read_text().replace("large", "gross"))
    with pytest.raises(FileError, match=r"tokenizer.json: not the one that card.json"):
        task("vqa").load(ptm.card, ptm.folder)


@pytest.mark.parametrize("of", TEXT_TASKS)
def test_a_checkpoint_of_another_network_is_refused(of: str, ptm_for: MakePtm) -> None:
    ptm = ptm_for(of)
    text = "gpt2_tiny" if of == "caption" else "bert_tiny"
    other = text if ARCHITECTURES[ZOO[of]] == "bert_small" else f"test_vit+{text}"
    with pytest.raises(FileError, match=r"model.safetensors: does not fit '.*_tiny'"):
        task(of).load(ptm.card.model_copy(update={"architecture": other}), ptm.folder)
