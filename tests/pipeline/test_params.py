"""params.yaml: what is right is read, what is wrong is named, and the nearest right name with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from orbweaver.core.cache import fingerprint
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline import params
from orbweaver.pipeline.known import load_checked
from tests.conftest import ROOT

READER = {"task": "extractive_qa", "architecture": "bert_tiny", "source": "sprites_shape"}


def load(tmp_path: Path, values: dict) -> params.Params:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(values))
    return load_checked(Workspace(ROOT), path)


def test_the_default_benchmark_is_valid() -> None:
    p = load_checked(Workspace(ROOT))
    assert len(p.ptms) >= 12
    assert len(p.targets) >= 5
    assert not p.sources.keys() & p.targets.keys()


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        (
            "targets",
            {"digitz": {"train": 10, "test": 10}},
            "unknown dataset 'digitz' in 'targets': did you mean 'digits'?",
        ),
        ("ptms", {"x": {"architecture": "test_vit", "source": "sprites_shap"}}, "did you mean 'sprites_shape'?"),
        ("finetune", {"epoch": 3}, "unknown key 'finetune.epoch': did you mean 'epochs'?"),
        ("finetune", {"epochs": "three"}, "'finetune.epochs': Input should be a valid integer, got 'three'"),
        ("finetune", {"epochs": True}, "'finetune.epochs': Input should be a valid integer"),
        ("finetune", {"validation_fraction": 1.5}, "'finetune.validation_fraction'"),
        ("targets", {"digits": {"train": 10, "tets": 10}}, "unknown key 'targets.digits.tets': did you mean 'test'?"),
        ("targets", {"digits": {"train": 10}}, "'targets.digits' needs 'train' and 'test'"),
        ("ptms", {"x": {"architecture": "test_vit", "source": "imagenet"}}, "unknown source 'imagenet'"),
        ("targets", {"plain_tqa": {"train": 10, "test": 10}}, "no candidate among PTMs can be fine-tuned"),
        ("targets", {"pet": {"image_size": 64}}, "its images keep their published size; remove 'image_size'"),
        (
            "targets",
            {"digits": {"train": 9, "test": 9, "task": "vqa"}},
            "its task is image_classification; remove 'task'",
        ),
        (
            "ptms",
            {"x": {"architecture": "test_vit", "source": "sprites_shape", "task": "tqa"}},
            "no PTM is pre-trained to do 'tqa'",
        ),
        (
            "ptms",
            {"x": {"architecture": "bert_tiny", "source": "sprites_shape", "task": "extractive_qa"}},
            "its task is extractive_qa, but that of its source 'sprites_shape' is image_classification",
        ),
        (
            "ptms",
            {"x": READER | {"objective": "masked_word"}},
            "unknown objective 'masked_word': did you mean 'masked_words'",
        ),
        (
            "ptms",
            {"x": READER | {"objective": "detection"}},
            "a PTM of extractive_qa cannot learn by 'detection'; it can by contrastive, masked_words, classification",
        ),
        (
            "ptms",
            {"x": READER | {"objective": "masked_words"}},
            "'masked_words' is learnt on extractive_qa, text_classification, caption, vqa, but its source",
        ),
        ("ptms", {"A B": {"architecture": "test_vit", "source": "sprites_shape"}}, "'ptms.A B"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, tiny: dict, section: str, change: dict, message: str) -> None:
    tiny[section] |= change
    with pytest.raises(params.ParamsError) as error:
        load(tmp_path, tiny)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"encoder": "vit_sprite"}, "'spider.encoder': unknown PTM 'vit_sprite': did you mean 'vit_sprites'?"),
        (
            {"rankers": {"x": {"supervision": ["logme"], "encoder": "vit_sprite"}}},
            "'spider.rankers.x.encoder': unknown",
        ),
        ({"rankers": {"x": {"supervision": ["logme"], "encoder": "reader"}}}, "'reader' does not do the task"),
        ({"rankers": {"x": {"supervision": ["finetuned"]}}}, "'spider.rankers.x': 'finetuned' supervises it, so"),
        ({"rankers": {}}, "ptms.eye: it is no candidate and no encoder of Model Spider"),
        ({"encoder": "vit_sprites"}, "ptms.eye: it is no candidate and no encoder of Model Spider"),
        (
            {"episodes": {"mixtures": [{"sprites_shap": 3}, {"sprites_shape": 3}]}},
            "'spider.episodes.mixtures': unknown source 'sprites_shap': did you mean 'sprites_shape'?",
        ),
    ],
)
def test_what_is_wrong_about_encoders_is_named(tmp_path: Path, tiny: dict, change: dict, message: str) -> None:
    vit = tiny["ptms"]["vit_sprites"]
    tiny["ptms"] |= {"eye": vit | {"candidate": False}, "reader": vit | {"task": "caption"}}
    tiny["spider"]["encoder"] = "eye"
    p = params.Params.model_validate(tiny)
    assert sorted(p.ranked_by_spiders) == ["byobnet_sprites", "vit_sprites"]
    tiny["spider"] |= change
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny))
    with pytest.raises(params.ParamsError) as error:
        params.load(tmp_path / "params.yaml")
    assert message in str(error.value)


def test_an_encoder_without_a_candidate_has_nothing_to_rank(tmp_path: Path, tiny: dict) -> None:
    tiny["ptms"] = {"eye": tiny["ptms"]["vit_sprites"] | {"candidate": False}}
    tiny["spider"]["encoder"] = "eye"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny))
    with pytest.raises(params.ParamsError, match="'eye' has no candidate of its task beside it to rank"):
        params.load(tmp_path / "params.yaml")
    tiny["spider"] |= {"encoder": "", "rankers": {}}
    tiny["ptms"]["eye"]["candidate"] = True
    assert params.Params.model_validate(tiny).ranked_by_spiders == []


def test_to_be_a_candidate_changes_no_weights() -> None:
    """A key of kept results that took it in would have every PTM trained again."""
    one, other = (params.PtmSettings(architecture="x", source="s", candidate=each) for each in (True, False))
    assert one != other and fingerprint(one) == fingerprint(other)
    assert fingerprint(one) == {key: value for key, value in one.model_dump().items() if key != "candidate"}
    assert fingerprint(one) != fingerprint(one.model_copy(update={"input_size": 32}))


def test_a_ranker_takes_from_all_what_it_does_not_say(tiny: dict) -> None:
    tiny["spider"]["rankers"]["paper"] = {"supervision": ["logme"], "width": 32, "encoder": "byobnet_sprites"}
    spider = params.Params.model_validate(tiny).spider
    one, paper = (spider.filled(spider.rankers[name]) for name in ("spider", "paper"))
    assert (one.encoder, one.width, one.epochs, one.learning_rate) == ("vit_sprites", 8, 1, 0.001)
    assert (paper.encoder, paper.width, paper.epochs, paper.learning_rate) == ("byobnet_sprites", 32, 1, 0.001)
    assert spider.encoders == ["vit_sprites", "byobnet_sprites"]


def test_unknown_method_and_top_level_key(tmp_path: Path, tiny: dict) -> None:
    with pytest.raises(params.ParamsError, match="unknown method 'logm' in 'methods': did you mean 'logme'"):
        load(tmp_path, tiny | {"methods": ["logm"]})
    with pytest.raises(params.ParamsError, match="unknown key 'method': did you mean 'methods'"):
        load(tmp_path, tiny | {"method": []})
    del tiny["seed"]
    with pytest.raises(params.ParamsError, match="missing key 'seed'"):
        load(tmp_path, tiny)


@pytest.mark.parametrize("text", ["a: [", "\x00", "- 1", ""])
def test_what_is_not_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(params.ParamsError, match=r"params\.yaml"):
        params.load(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(params.ParamsError, match="run from the root"):
        params.load(tmp_path / "params.yaml")
