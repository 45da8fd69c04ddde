"""A target like VOC2007, with several classes a picture, through the stages: fine-tuning, every score, the ranking."""

from __future__ import annotations

import importlib
import inspect
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from orbweaver.core.workspace import Workspace
from orbweaver.data.split import write_split
from orbweaver.methods import METHODS
from orbweaver.pipeline import params
from orbweaver.report import results
from orbweaver.report.evaluate import evaluate
from tests.tasks.examples import pictures


def test_a_multilabel_target_from_fine_tuning_to_its_ranking(
    workspace: Path, tiny: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"train": 200, "test": 40}  # more than features are wide, so that they do not fit whatever is asked
    tiny |= {"targets": {"voc2007": few}, "methods": [*METHODS, "spider"]}
    tiny["finetune"] |= {"learning_rates": [0.0003], "seeds": 1}
    (workspace / "params.yaml").write_text(yaml.safe_dump(tiny, sort_keys=False))
    here = Workspace(workspace)
    for seed, (split, count) in enumerate(few.items()):
        write_split(here.split("targets", "voc2007", split), pictures("multilabel", count, seed=seed))

    def run(stage: str, *arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", [stage, *arguments])
        importlib.import_module(f"stages.{stage}").main()

    run("source", "sprites_shape")
    for stage in ("zoo", "features", "finetune"):
        for ptm in tiny["ptms"]:
            run(stage, ptm)
    run("labels", "wordllama")
    run("draw")
    run("spider", "spider")
    run("scores", "voc2007")

    scores = pd.read_csv(here.scores("voc2007"))
    without = scores[scores["score"].isna()]
    asked = {name: inspect.signature(method).parameters for name, method in METHODS.items()}
    empty = inspect.Parameter.empty
    of_classes = {name for name, of in asked.items() if "labels" in of and of["labels"].default is empty}
    assert {*METHODS, "spider"} <= {*scores["method"]} and "logme" not in of_classes
    assert {*without["method"]} & {*METHODS} == of_classes, "what wants one class a sample has no score, all else has"
    assert without["reason"].notna().all()

    zoo = results.zoos(here, params.load(here.params))["image_classification"]
    assert {*zoo.truth["task"]} == {"multilabel"} and zoo.truth["value"].between(0.3, 1).all()
    rankings = evaluate(zoo, 0, 20).tau["voc2007"]
    ranked = {name for name, tau in rankings.items() if np.isfinite(tau)}
    assert {"parameters", "logme", "probe", "emms", "etran_regression", "spider"} <= ranked
    assert not ranked & of_classes
