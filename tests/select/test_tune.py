"""Fine-tuning the first places: the recipe, and a checkpoint that its own lines load without us."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from orbweaver.core.cache import Cache
from orbweaver.core.errors import UserError
from orbweaver.data.split import Split
from orbweaver.models import networks
from orbweaver.models.vocabulary import build_vocabulary
from orbweaver.select import arguments, tune
from orbweaver.select.data import Data
from orbweaver.select.order import order
from orbweaver.select.ranking import rank
from orbweaver.select.settings import Settings
from orbweaver.select.told import snippets
from orbweaver.select.zoo import named as zoo_module
from orbweaver.tasks import task
from orbweaver.tasks.base import PTM
from orbweaver.tasks.stored import stored
from tests.select.conftest import picture
from tests.select.test_doctor import card
from tests.select.test_ranking import PUBLIC, stand_in


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "HALVES", 6)
    monkeypatch.setattr(tune, "FEWEST_STEPS", 4)
    monkeypatch.setattr(tune, "EPOCHS", 2)


def lines_of(folder: Path) -> dict:
    """What the lines in README.md define when they are run."""
    code = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)[1]
    found: dict = {}
    exec(code, found)  # the lines are ours, and that they run is what is tested
    return found


def test_the_best_is_left_with_lines_that_load_it(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(zoo_module, "fetched", stand_in)
    ranking = rank(pictures, ptms=[PUBLIC], budget=16, tune=1, tune_to=tmp_path / "mine", cache=Cache(tmp_path / "c"))
    assert ranking.checkpoint == tmp_path / "mine" and ranking.table["rate"][0] in tune.RATES["images"]
    about = json.loads((tmp_path / "mine/card.json").read_text())
    assert about["fine_tuned_from"] == PUBLIC and about["classes"] == ["dogs", "Äpfel & Birnen"]
    outputs = lines_of(tmp_path / "mine")["outputs"]
    shares = [outputs(path) for path in sorted(pictures.rglob("*.png"))[:4]]
    assert all([*each] == about["classes"] and sum(each.values()) == pytest.approx(1) for each in shares)
    assert "README.md" in ranking.advice[-1]


def test_a_folder_that_no_checkpoint_can_be_left_in_is_named_before_anything_runs(
    pictures: Path, zoo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "fine_tuned", None)
    (tmp_path / "file").touch()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "README.md").write_text("mine")
    for folder, message in [
        ("file", r"file: the checkpoint cannot be written there \(not a folder\); name a folder with --tune-to"),
        ("file/deep", r"deep: the checkpoint cannot be written there \(not a folder\)"),
        ("full", "full: holds files that are no checkpoint; name a new folder with --tune-to"),
    ]:
        with pytest.raises(UserError, match=message):
            rank(pictures, ptms="vit_sprites", budget=8, tune=1, tune_to=tmp_path / folder)
    assert (tmp_path / "full" / "README.md").read_text() == "mine"
    (tmp_path / "full" / "card.json").touch()
    for usable in ("full", "new/er"):
        assert arguments.checkpoint_folder("x", tmp_path / usable) == tmp_path / usable
    monkeypatch.setattr(arguments.os, "access", lambda *_: False)
    with pytest.raises(UserError, match="no permission"):
        arguments.checkpoint_folder("x", tmp_path / "new")


def test_of_values_the_lines_give_values_in_their_unit(tmp_path: Path, zoo: Path) -> None:
    paths = [picture(tmp_path / "v" / f"{i}.png", i, colour=i) for i in range(24)]
    pd.DataFrame({"path": paths, "price": 1000.5 + 50 * (np.arange(24) % 3)}).to_csv(tmp_path / "v.csv", index=False)
    rank(tmp_path / "v.csv", label_column="price", ptms=["vit_sprites"], tune=1, tune_to=tmp_path / "v tuned")
    value = lines_of(tmp_path / "v tuned")["outputs"](paths[0])
    assert 900 < value[0] < 1200
    about = json.loads((tmp_path / "v tuned/card.json").read_text())
    assert about["metric"] == "RMSE" and about["measured"] > 0


def test_the_lines_of_a_text_encoder_give_what_was_measured(tmp_path: Path) -> None:
    """The same probabilities as our own network gives, from transformers alone."""
    texts, targets = ["a good film", "a dull one", "well made", "bad"], np.array([0, 1, 0, 1])
    split = Split("films", "text_classification", ["good", "bad"], [], targets, "", "", texts={"text": texts})
    of, vocabulary = task("text_classification"), build_vocabulary(texts)
    torch.manual_seed(0)
    network = of.network("bert_tiny", 1, vocabulary, split.classes, None)
    ptm = PTM(network.eval(), card("x", "y").preprocessing, vocabulary)
    code = snippets.save(ptm, card("bert", "here"), split, tmp_path / "t")
    found: dict = {}
    exec(code, found)
    (_, ours), *_ = of.features(ptm, split, Cache(tmp_path), 4)
    theirs = [[*found["outputs"](text).values()] for text in texts]
    assert np.array(theirs) == pytest.approx(ours.numpy(), abs=1e-5)


@pytest.mark.parametrize("name", ["text_multilabel", "text_regression"])
def test_the_lines_give_shares_of_several_labels_and_values_in_their_unit(tmp_path: Path, name: str) -> None:
    """As our own network and its task's truth have them: what they give leaves no error."""
    texts, several = ["a good film", "a dull one", "well made", "bad"], name == "text_multilabel"
    targets = np.array([[1, 0], [0, 1], [1, 1], [0, 0]], bool) if several else np.array([2.5, 7.0, 1.5, 9.0])
    classes = ["good {x}", "bad"] if several else []
    split = Split("films", name, classes, [], targets, "", "", texts={"text": texts})
    of, vocabulary = task(name), build_vocabulary(texts)
    torch.manual_seed(0)
    ptm = PTM(of.network("bert_tiny", 1, vocabulary, [], None).eval(), card("x", "y").preprocessing, vocabulary)
    of.adapt(ptm, split, np.arange(4))
    with torch.inference_mode():
        ours = ptm.network.outputs(torch.zeros(4, 3, 1, 1), of.batch(split, vocabulary))
    found: dict = {}
    exec(snippets.save(ptm, card("bert", "here"), split, tmp_path / "t"), found)
    theirs = [found["outputs"](text) for text in texts]
    if several:
        assert all([*each] == classes for each in theirs)
        assert np.array([[*each.values()] for each in theirs]) == pytest.approx(ours.sigmoid().numpy(), abs=1e-5)
    else:
        assert np.array(theirs) == pytest.approx(ours.numpy() * targets.std() + targets.mean(), abs=1e-4)


def test_the_lines_of_a_torchvision_model_run(tmp_path: Path) -> None:
    name = "torchvision/mobilenet_v2.IMAGENET1K_V2"
    of = card(name, "imagenet").model_copy(update={"architecture": name})
    torch.manual_seed(0)
    ptm = PTM(networks.build(name, 2, None).eval(), of.preprocessing)
    split = Split("s", "image_classification", ["a", "b"], [b""] * 2, np.array([0, 1]), "", "")
    found: dict = {}
    exec(snippets.save(ptm, of, split, tmp_path / "t"), found)
    Image.new("RGB", (40, 40), "red").save(tmp_path / "red.png")
    assert sum(found["outputs"](tmp_path / "red.png").values()) == pytest.approx(1)


def test_public_weights_get_small_rates_and_the_benchmarks_own_its_protocol(zoo: Path, tmp_path: Path) -> None:
    from orbweaver.core.workspace import Workspace
    from orbweaver.select.settings import settings_of

    settings, own = settings_of(Workspace(zoo)), stored(Workspace(zoo), "vit_sprites")
    split = Split("s", "image_classification", ["a", "b"], [b"x"] * 60, np.arange(60) % 2, "", "")
    data = Data(split, np.arange(60), settings, Cache(tmp_path))
    assert tune.recipe(own, data) == settings.finetune
    public = zoo_module.Stored(own.card.model_copy(update={"name": "timm/x"}), own.folder)
    assert tune.recipe(public, data).learning_rates == [1e-4, 3e-4, 1e-3]
    texts = Split("t", "text_classification", ["a", "b"], [], np.arange(60) % 2, "", "", texts={"text": ["x"] * 60})
    how = tune.recipe(public, Data(texts, np.arange(60), Settings(), Cache(tmp_path)))
    assert max(how.learning_rates) <= 1e-4 and how.epochs * int(np.ceil(48 / how.batch_size)) >= tune.FEWEST_STEPS
