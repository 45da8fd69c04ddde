"""What fine-tuning public PTMs gave, and what is expected of others by it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy import stats
from scipy.special import expit, logit

from orbweaver.core.errors import UnknownName
from orbweaver.data.datasets import DATASETS
from orbweaver.data.readers import own
from orbweaver.data.split import Split
from orbweaver.select.measured import tuned
from orbweaver.select.order import calibrated, expected
from tests.conftest import ROOT

KNOWN = {"gain": 0.5, "slope": 0.25, "width": 0.7, "inside": 0.8, "families": 9, "targets": ["a", "b"], "samples": 300}


def runs(above: list[float]) -> pd.DataFrame:
    """A target of each family, whose accuracy lies so far above the probe's, in logits."""
    probe = np.linspace(0.3, 0.8, len(above))
    names = [f"t{k}" for k in range(len(above))]
    table = {"task": "image_classification", "target": names, "family": [f"f{k}" for k in range(len(above))]}
    return pd.DataFrame(table | {"probe": probe, "real": expit(logit(probe) + above)})


def test_gain_is_the_mean_and_width_comes_from_families_left_out() -> None:
    above = [0.1, 0.4, 0.7, 0.8]
    found = tuned.calibration(runs(above), slope=0.3)
    assert found.gain == pytest.approx(0.5)
    left_out = [one - np.mean(above[:i] + above[i + 1 :]) for i, one in enumerate(above)]
    assert found.width == pytest.approx(stats.t.ppf(0.9, 3) * np.sqrt(np.mean(np.square(left_out))))
    assert (found.slope, found.regret, found.found, found.families) == (0.3, {}, {}, 4)
    assert found.targets == ["t0", "t1", "t2", "t3"]
    assert 0 <= found.inside <= 1


def test_one_that_is_far_from_all_others_is_outside() -> None:
    assert tuned.calibration(runs([0.5, 0.5, 0.52, 0.48, 3.0]), 0.0).inside == pytest.approx(0.8)


def test_errors_are_calibrated_by_their_logarithm() -> None:
    """Fine-tuning makes errors of any size a half, or a third."""
    probe, factor = np.array([0.01, 5.0, 700.0, 2.0]), np.array([2.0, 3.0, 2.0, 3.0])
    names = [*"abcd"]
    table = pd.DataFrame(
        {"task": "regression", "target": names, "family": names, "probe": probe, "real": probe / factor}
    )
    found = tuned.calibration(table, 0.0)
    assert found.error and found.gain == pytest.approx(np.log(6) / 2)
    middle, low, high = expected.ranges(found, np.array([8.0]), np.array([0.3]))
    assert middle == pytest.approx(8 / np.sqrt(6)) and low < middle < high
    assert (low, high) == (pytest.approx(middle * np.exp(-found.width)), pytest.approx(middle * np.exp(found.width)))


def test_a_split_becomes_a_folder_that_is_read_as_it_was(tmp_path: Path) -> None:
    def encoded(value: int) -> bytes:
        Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(made := io.BytesIO(), "PNG")
        return made.getvalue()

    split = Split(name="x", task="image_classification", licence="", origin="", classes=["a cat", "a dog"],
                  targets=np.array([0, 1, 0]),
                  images=[encoded(value) for value in (1, 2, 3)])  # fmt: skip
    listing = own.read(tuned.written(split, tmp_path))
    assert listing.classes == split.classes
    assert sorted(listing.targets) == [0, 0, 1]


def test_a_split_of_texts_becomes_a_table(tmp_path: Path) -> None:
    texts = ['a, b "c"', "it's\ntwo lines", "x"]
    split = Split(name="x", task="text_classification", licence="", origin="", classes=["one", "two"],
                  targets=np.array([0, 1, 0]), images=[], texts={"text": texts})  # fmt: skip
    listing = own.read(tuned.written(split, tmp_path))
    assert (listing.texts["text"], listing.classes, listing.targets.tolist()) == (texts, ["one", "two"], [0, 1, 0])


def test_pictures_with_a_value_become_a_table(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(made := io.BytesIO(), "PNG")
    split = Split(name="x", task="regression", licence="", origin="", classes=[], targets=np.array([0.5, 1.25]),
                  images=[made.getvalue()] * 2)  # fmt: skip
    listing = own.read(tuned.written(split, tmp_path))
    assert (listing.task, listing.targets.tolist()) == ("regression", [0.5, 1.25])
    assert listing.load(np.arange(2)).at_hand()[1] == made.getvalue()


@pytest.mark.parametrize("task", tuned.EXAMINED)
def test_targets_are_one_of_each_family(task: str) -> None:
    of = [DATASETS[target] for target in tuned.EXAMINED[task].targets]
    assert len({one.family for one in of}) == len(of) >= 9
    assert {one.task for one in of} == {task}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def say(ptms: list[str], task: str = "image_classification", **changed: object) -> tuple:
        (tmp_path / "tuned.json").write_text(json.dumps({"image_classification": KNOWN | changed}))
        monkeypatch.setattr(calibrated, "OF_PUBLIC", tmp_path / "tuned.json")
        data = SimpleNamespace(split=SimpleNamespace(task=task, images=[b""]), benchmark=None, settings=None)
        return calibrated.calibrated(data, ["probe", "probe_inner"], None, ptms, "accuracy")

    return say


def test_public_ptms_have_a_calibration_of_their_own(told) -> None:
    found, said = told(["timm/one", "hub/some/other"])
    assert "calibrated on 2 targets of 300 images, on each of which one public PTM was fine-tuned" in said
    assert "80% of the values fell into the range" in said
    middle, low, high = expected.ranges(found, np.array([0.6, 0.8]), np.array([0.0, 1.0]))
    logits = logit([0.6, 0.8])
    assert middle == pytest.approx(expit(logits.mean() + 0.5 + 0.25 * logits.std() * np.array([-1, 1])))
    assert (low, high) == (pytest.approx(expit(logit(middle) - 0.7)), pytest.approx(expit(logit(middle) + 0.7)))


@pytest.mark.parametrize(
    ("ptms", "task", "inside", "why"),
    [
        (["timm/one"], "image_classification", 0.5, "50% fell into ranges that should hold 80%"),
        (["timm/one"], "multilabel", 0.8, "no public PTM was fine-tuned on multilabel targets"),
        (["timm/one"], "regression", 0.8, "no public PTM was fine-tuned on regression targets"),
        (["own"], "regression", 0.8, "only tasks that are measured between 0 and 1"),
        (["timm/one", "own"], "image_classification", 0.8, "rank either alone"),
        (["own"], "image_classification", 0.8, "there is no benchmark"),
    ],
)
def test_where_nothing_can_be_expected_it_says_why(told, ptms: list[str], task: str, inside: float, why: str) -> None:
    found, said = told(ptms, task, inside=inside)
    assert found is None
    assert said.startswith("no expected accuracy: ") and why in said


def test_what_the_package_holds_can_be_trusted_and_is_that_of_the_committed_runs() -> None:
    known = json.loads(calibrated.OF_PUBLIC.read_text())
    runs = pd.read_csv(ROOT / "docs/public/tuned.csv")
    assert {*known} == {*runs["task"]} <= {*tuned.EXAMINED}
    for task, rows in runs.groupby("task"):
        found = tuned.calibration(rows, tuned.slope_of(ROOT, task))
        for name in ("gain", "slope", "width", "inside"):
            assert known[task][name] == pytest.approx(getattr(found, name), abs=1e-4)
        assert known[task]["targets"] == rows["target"].tolist()
        assert known[task]["inside"] >= calibrated.TRUSTED


def test_what_is_in_the_table_is_not_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measured(target: str, ptm: str, cache: object) -> dict:
        asked.append(target)
        about = {"task": DATASETS[target].task, "target": target, "family": DATASETS[target].family, "ptm": ptm}
        return about | {"samples": 300, "held_out": 100, "probe": 0.5, "real": 0.5 + len(asked) / 100, "rate": 0.001}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tuned, "measured", measured)
    monkeypatch.setattr(tuned, "OF_PUBLIC", tmp_path / "tuned.json")
    monkeypatch.setattr(tuned, "slope_of", lambda root, task: 0.25)
    tuned.main(["digits", "textures"])
    assert json.loads((tmp_path / "tuned.json").read_text()) == {}  # of two families nothing is known of a third
    tuned.main(["photographs", "digits", "colours_hue"])
    assert asked == ["digits", "textures", "photographs", "colours_hue"]
    table = pd.read_csv(tmp_path / "docs/public/tuned.csv")
    assert table["target"].tolist() == ["photographs", "digits", "textures", "colours_hue"]
    (task, known), = json.loads((tmp_path / "tuned.json").read_text()).items()  # fmt: skip
    assert (task, known["families"], known["slope"]) == ("image_classification", 3, 0.25)
    with pytest.raises(UnknownName, match="did you mean 'digits'"):
        tuned.main(["digit"])
