"""params.yaml: what is right is read, what is wrong is named, and the nearest right name with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

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
        ("targets", {"plain_tqa": {"train": 10, "test": 10}}, "no PTM can be fine-tuned to do its task, extractive_qa"),
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
