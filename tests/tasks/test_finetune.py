"""Fine-tuning: the learning rate is chosen without the test split, runs are kept, and what cannot be is named."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from orbweaver.core.cache import Cache
from orbweaver.core.errors import TargetError, UserError
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.settings import FinetuneSettings
from orbweaver.data.split import Split
from orbweaver.models.training import Fit
from orbweaver.tasks import TASKS, ZOO, task
from orbweaver.tasks.finetune import (
    Run,
    best_run,
    finetune,
    protocol,
    published_runs,
    published_truth,
    runs_of,
    truth_rows,
)

from .examples import FINETUNE, MakePtm, both, pictures, scenes, texts

ROOT = Path(__file__).parents[2]
LONGER = FINETUNE.model_copy(update={"epochs": 15, "learning_rates": [0.003], "seeds": 1})


def target(targets: list, of: str = "image_classification", classes: int = 3) -> Split:
    names = [f"class {c}" for c in range(classes)] if "regression" not in of else []
    return Split("toy", of, names, [b""] * len(targets), np.asarray(targets), "", "")


def finetuned(of: str, ptm_for: MakePtm, store: Cache, p: FinetuneSettings = FINETUNE, data=None) -> list[Run]:
    train, test = data or both(of)
    return finetune(task(of), ptm_for(of), train, test, p, 0, 1, store)


# --- which run counts ------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_the_test_split_never_chooses(metrics: list[tuple[float, float]]) -> None:
    runs = [Run(10.0**-i, 0.05, 0, *pair) for i, pair in enumerate(metrics)]
    blind = [dataclasses.replace(run, test=0.0) for run in runs]
    best = best_run(runs)
    assert best.learning_rate == best_run(blind).learning_rate
    assert best.validation == max(run.validation for run in runs)


def test_of_equal_learning_rates_the_smallest_counts() -> None:
    assert best_run([Run(0.1, 0.05, 0, 0.5, 1), Run(0.01, 0.05, 0, 0.5, 0)]).learning_rate == 0.01
    assert best_run([Run(0.1, 1e-3, 0, 0.5, 1), Run(0.1, 1e-4, 0, 0.5, 1)]).weight_decay == 1e-4


def test_the_grid_then_the_best_with_further_seeds(ptm_for: MakePtm, store: Cache) -> None:
    p = FINETUNE.model_copy(update={"weight_decay": [0.0, 0.05], "seeds": 3})
    runs = finetuned("image_classification", ptm_for, store, p)
    settings = [(run.learning_rate, run.weight_decay, run.seed) for run in runs]
    assert settings[:4] == [(0.001, 0.0, 0), (0.001, 0.05, 0), (0.01, 0.0, 0), (0.01, 0.05, 0)]
    best = best_run(runs[:4])
    assert settings[4:] == [(best.learning_rate, best.weight_decay, seed) for seed in (1, 2)]
    chosen = {(best.learning_rate, best.weight_decay, seed) for seed in (0, 1, 2)}
    assert {setting for setting, run in zip(settings, runs, strict=True) if run.chosen} == chosen
    assert sum(run.chosen for run in runs) == 3
    rows = truth_rows(runs, "toy", task("image_classification"), "abc")
    assert [row["chosen"] for row in rows] == [int(run.chosen) for run in runs]
    assert {(row["dataset"], row["task"]) for row in rows} == {("toy", "image_classification")}
    assert [*rows[0]] == [
        "dataset", "learning_rate", "weight_decay", "seed", "validation", "test", "second", "chosen", "task",
        "protocol",
    ]  # fmt: skip


# --- runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("of", ZOO)
def test_runs_are_kept_and_done_again_are_equal(
    of: str, ptm_for: MakePtm, store: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = finetuned(of, ptm_for, store)
    assert len(runs) == 3
    assert len(list((store.root / "finetune").rglob("*.json"))) == 3
    assert all(0 <= run.test <= 1 if TASKS[of].fraction else run.test <= 0 for run in runs)
    assert all((run.second is not None) == bool(task(of).second_metric) for run in runs)
    assert finetuned(of, ptm_for, Cache(tmp_path / "elsewhere")) == runs

    def computed(*_: object, **__: object) -> None:
        raise AssertionError("a run that was kept is done again")

    monkeypatch.setattr(task(of), "fit", computed)
    assert finetuned(of, ptm_for, store) == runs
    with pytest.raises(AssertionError, match="done again"):
        finetuned(of, ptm_for, store, FINETUNE.model_copy(update={"epochs": 2}))


def test_classes_are_learnt(ptm_for: MakePtm, store: Cache) -> None:
    (run,) = finetuned("image_classification", ptm_for, store, LONGER)
    assert run.test > 0.9


def test_texts_with_values_are_learnt_in_any_unit_and_in_two_columns(ptm_for: MakePtm, store: Cache) -> None:
    data = [texts(count, seed, "text_regression") for count, seed in ((48, 0), (20, 1))]
    other = [replace(split, targets=1000 + 100 * split.targets, digest=f"{split.digest} x 100") for split in data]
    two = [replace(s, targets=np.stack([s.targets, 1 - s.targets], 1), digest=f"{s.digest} two") for s in data]
    one, large, both_columns = (
        finetuned("text_regression", ptm_for, store, LONGER, d)[0].test for d in (data, other, two)
    )
    spread = data[1].targets.std()
    assert -0.7 * spread < one < 0 and -0.7 * spread < both_columns < 0  # better than saying the mean
    assert large == pytest.approx(100 * one, rel=1e-3)


def test_texts_with_several_labels_are_learnt(ptm_for: MakePtm, store: Cache) -> None:
    data = [texts(count, seed, "text_multilabel") for count, seed in ((48, 0), (20, 1))]
    (run,) = finetuned("text_multilabel", ptm_for, store, LONGER, data)
    assert run.test > 0.95 > data[1].targets.mean(0).max()


def test_a_target_of_several_labels_goes_all_the_way(ptm_for: MakePtm, store: Cache) -> None:
    """As VOC2007: from pictures with the classes that apply to rows of truth, in mean average precision."""
    (run,) = runs = finetuned("multilabel", ptm_for, store, LONGER)
    (row,) = truth_rows(runs, "voc", task("multilabel"), "abc")
    assert (row["task"], row["chosen"], row["test"], row["second"]) == ("multilabel", 1, run.test, None)
    shares = pictures("multilabel", 20, seed=1).targets.mean(0)
    assert run.test > 0.9 > shares.max()
    unseen = replace(pictures("multilabel"), targets=np.zeros((32, 3), bool), digest="none")
    with pytest.raises(TargetError, match="target 'multilabel': all its values are equal"):
        finetuned("multilabel", ptm_for, store, data=(unseen, unseen))


def test_values_are_learnt_in_one_column_or_more(ptm_for: MakePtm, store: Cache) -> None:
    tests = {}
    for columns in (None, 1, 2):
        data = [pictures("regression", count, columns, seed) for count, seed in ((48, 0), (20, 1))]
        (run,) = finetuned("regression", ptm_for, store, LONGER, data)
        assert -0.7 * data[1].targets.std(0).mean() < run.test < 0  # better than saying the mean
        tests[columns] = run.test
    assert tests[None] == tests[1]


def test_targets_in_another_unit_are_learnt_alike(ptm_for: MakePtm, store: Cache) -> None:
    data = [pictures("regression", count, None, seed) for count, seed in ((48, 0), (20, 1))]
    other = [replace(split, targets=1000 + 100 * split.targets, digest=f"{split.digest} x 100") for split in data]
    runs = [finetuned("regression", ptm_for, store, LONGER, each)[0] for each in (data, other)]
    assert runs[1].test == pytest.approx(100 * runs[0].test, rel=1e-3)


def test_pictures_with_several_captions(ptm_for: MakePtm, store: Cache) -> None:
    made = scenes("caption", 16)
    p = LONGER.model_copy(update={"epochs": 20})
    (run,) = finetuned("caption", ptm_for, store, p, (made["train"], made["test"]))
    assert 0 < run.test <= 1  # BLEU
    assert 0 <= run.second <= 10  # CIDEr-D
    one = replace(
        made["train"], texts={"captions": [texts[:1] for texts in made["train"].texts["captions"]]}, digest="1"
    )
    assert finetuned("caption", ptm_for, store, p, (one, made["test"]))[0] != run


def test_steps_count_instead_of_epochs(ptm_for: MakePtm, store: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """24 of 32 samples are fitted on: two batches of 16 an epoch, by samples 1.5."""
    seen: list[Fit] = []
    of = task("image_classification")
    monkeypatch.setattr(of, "fit", lambda ptm, split, samples, how, cache, progress=None: seen.append(how))
    finetuned("image_classification", ptm_for, store, FINETUNE.model_copy(update={"steps": 9, "seeds": 1}))
    assert {how.epochs for how in seen} == {6}


# --- targets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (target([0] * 10), "target 'toy' has one class"),
        (target([0] * 5 + [1] * 5 + [2]), "class 'class 2' has one sample"),
        (target([0, 1, 2]), "class 'class 0' has one sample"),
        (target([0.5] * 5, "regression"), "all its values are equal"),
        (target([[0.5, 0.1]] * 5, "regression"), "all its values are equal"),
        (target([0, 0, 1, 1, 2, 2]), None),
        (target([0, 0, 1, 1]), None),
        (target([0.1], "regression"), "all its values are equal"),
        (target([0.5] * 5, "text_regression"), "all its values are equal"),
        (target([[True, False]] * 5, "text_multilabel"), "all its values are equal"),
        (target([0] * 10, "text_classification"), "target 'toy' has one class"),
        (target([0.1, 0.2, 0.3, 0.4], "text_regression"), None),
    ],
)
def test_targets_that_cannot_be_ranked_are_named(split: Split, message: str | None) -> None:
    if message is None:
        task(split.task).hold_out(split, 0.2)
        return
    with pytest.raises(TargetError, match=message):
        task(split.task).hold_out(split, 0.2)


@pytest.mark.parametrize("of", ["caption", "grounding"])
def test_texts_that_are_too_few_are_named(of: str) -> None:
    with pytest.raises(TargetError, match="has 2 samples, too few to fit on some and choose on others"):
        task(of).hold_out(scenes(of)["train"].take(np.arange(2)), 0.25)


def test_validation_is_stratified_and_disjoint() -> None:
    labels = [0] * 40 + [1] * 20 + [2] * 2
    fit, validation = task("image_classification").hold_out(target(labels), 0.25)
    assert sorted([*fit, *validation]) == list(range(62))
    assert len(validation) == 16
    assert set(np.take(labels, fit)) == {0, 1, 2}


def test_a_new_head_fits_the_target(ptm_for: MakePtm) -> None:
    for of, outputs in (("image_classification", 3), ("multilabel", 3), ("regression", 2)):
        split = pictures(of, columns=2)
        ptm = ptm_for(of)
        model = task(of).load(ptm.card, ptm.folder)
        task(of).adapt(model, split, np.arange(len(split)))
        assert model.network(torch.zeros(2, 3, 32, 32)).shape == (2, outputs)


# --- published truth -------------------------------------------------------------------------------------------------


def test_published_truth_stands_in_the_truths_unit(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("dataset,ptm,accuracy_percent\nPets,resnet,84.06\n")
    (tmp_path / "truth_regression.csv").write_text("dataset,ptm,negative_error\ndSprites,resnet,-0.045\n")
    (row,) = published_truth(tmp_path, "resnet", "pets", "image_classification")
    assert (row["dataset"], row["test"], row["chosen"], row["task"]) == ("pets", 0.8406, 1, "image_classification")
    assert {row[name] for name in ("learning_rate", "weight_decay", "seed", "validation", "second")} == {""}
    assert row.keys() == truth_rows([Run(0.1, 0, 0, 0.5, 0.5)], "pets", task("image_classification"), "abc")[0].keys()
    assert published_truth(tmp_path, "resnet", "dsprites", "regression")[0]["test"] == -0.045
    with pytest.raises(UserError, match=r"has no value of PTM 'resnet' on target 'cars'; remove one of them, or"):
        published_truth(tmp_path, "resnet", "cars", "image_classification")


def test_a_table_of_runs_is_added_to(ptm_for: MakePtm, store: Cache, tmp_path: Path, monkeypatch) -> None:
    """What a table of runs has is not done again; what it lacks, further seeds or a whole pair, is done as ever."""
    of, data = task("image_classification"), both("image_classification")
    p = FINETUNE.model_copy(update={"learning_rates": [0.001, 0.01]})
    runs, name = finetuned("image_classification", ptm_for, store, p), protocol(p, *map(len, data))
    table = pd.DataFrame([{"ptm": "lite", **row} for row in truth_rows(runs, "pets", of, name)])
    write_csv(table, tmp_path / "truth.csv")
    known = runs_of(published_runs(tmp_path), "lite", "pets", name)
    assert [dataclasses.replace(run, validation=0, test=0) for run in known] == [
        dataclasses.replace(run, validation=0, test=0) for run in runs
    ]
    np.testing.assert_allclose([run.test for run in known], [run.test for run in runs], rtol=1e-11)
    more = finetune(of, ptm_for("image_classification"), *data, p, 0, 1, store, known[:2] + known[3:])
    assert runs_of(published_runs(tmp_path), "lite", "cars", name) == []

    def computed(*_: object, **__: object) -> None:
        raise AssertionError("a run that is known is done again")

    monkeypatch.setattr(of, "fit", computed)
    nowhere = Cache(tmp_path / "empty")
    assert finetune(of, ptm_for("image_classification"), *data, p, 0, 1, nowhere, known) == known
    assert sorted(run.seed for run in more if run.chosen) == sorted(run.seed for run in runs if run.chosen)
    further = p.model_copy(update={"seeds": p.seeds + 1})
    with pytest.raises(AssertionError, match="done again"):
        finetune(of, ptm_for("image_classification"), *data, further, 0, 1, nowhere, known)


def test_runs_of_another_protocol_are_refused(tmp_path: Path) -> None:
    assert protocol(FINETUNE, 80, 400) == protocol(FINETUNE.model_copy(update={"seeds": 9}), 80, 400)
    others = {protocol(FINETUNE, 81, 400), protocol(FINETUNE, 80, 401)}
    others.add(protocol(FINETUNE.model_copy(update={"batch_size": 7}), 80, 400))
    assert len(others | {protocol(FINETUNE, 80, 400)}) == 4
    row = truth_rows([Run(0.1, 0, 0, 0.5, 0.5)], "pets", task("image_classification"), "abc")[0]
    write_csv(pd.DataFrame([{"ptm": "lite", **row}]), tmp_path / "truth.csv")
    with pytest.raises(UserError, match=r"PTM 'lite' on target 'pets' were made with other settings under 'finetune'"):
        runs_of(published_runs(tmp_path), "lite", "pets", "another")


def test_a_papers_table_is_no_table_of_runs(tmp_path: Path) -> None:
    (tmp_path / "truth.csv").write_text("dataset,ptm,accuracy_percent\nPets,resnet,84.06\n")
    assert published_runs(tmp_path) is None
    assert published_runs(tmp_path / "nothing") is None


def test_published_truth_of_a_paper() -> None:
    folder = ROOT / "data" / "published" / "emms_caption"
    assert published_truth(folder, "vit_bert", "flickr8k", "caption")[0]["test"] == 0.18513
