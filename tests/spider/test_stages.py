"""The stages draw, spider and scores, run in this process on a workspace that has all that they read."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pandas as pd
import pytest
import yaml

from orbweaver.core.errors import UnknownName
from orbweaver.core.workspace import Workspace
from orbweaver.spider.episode_file import read_episodes
from stages import draw, scores, spider
from tests.conftest import TINY


@pytest.fixture
def stage(stocked: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a stage's main with arguments, with a params.yaml of the given PTMs."""
    monkeypatch.chdir(stocked.root)

    def run(main: Callable[[], None], *arguments: str, ptms: str = "abc") -> None:
        spec = {"architecture": "test_vit", "source": "s"}
        values = TINY | {
            "sources": {"s": {}, "none": {}, "t": {}},
            "targets": {"x": {}},
            "ptms": {ptm: spec for ptm in ptms} | {"other": {**spec, "task": "caption"}},
            "encoders": {"words": {"model": "wordllama"}},
            "methods": ["parameters", "logme", "emms", "one"],
            "spider": {
                "encoder": "a",
                "episodes": {"mixtures": 8, "draws": 4, "shots": 10},
                "width": 8,
                "epochs": 1,
                "rankers": {"one": {"supervision": ["held_out"], "evidence": ["probe"]}},
            },
        }
        stocked.params.write_text(yaml.safe_dump(values))
        monkeypatch.setattr(sys, "argv", ["stage", *arguments])
        main()

    return run


def test_from_features_to_scores_and_on_with_one_more_ptm(stocked: Workspace, stage: Callable[..., None]) -> None:
    stage(draw.main)
    assert read_episodes(stocked.episodes()).ptms == [*"abc"]  # not the captioning one
    stage(spider.main, "one")
    assert {path.name for path in stocked.ranker("one").iterdir()} == {
        "card.json",
        "ranker.safetensors",
        "training.csv",
    }
    stage(scores.main, "x")
    table = pd.read_csv(stocked.scores("x"))
    assert {*table["ptm"]} == {*"abc"} and {"logme", "emms", "borda_all", "one", "one_k0"} <= {*table["method"]}
    assert stocked.seconds("x").exists() and stocked.rankers("x").exists() and stocked.weights("x").exists()
    for used, count in (("draw", 3), ("spider@one", 0), ("scores@x", 3)):
        assert len(stocked.cache.used(used)) == count, used
    with pytest.raises(UnknownName, match=r"does not know PTM 'd'.*stages\.spider one --add d"):
        stage(scores.main, "x", ptms="abcd")
    with pytest.raises(UnknownName, match="unknown PTM 'e'"):
        stage(spider.main, "one", "--add", "e", ptms="abcd")
    stage(spider.main, "one", "--add", "d", ptms="abcd")
    stage(scores.main, "x", ptms="abcd")
    assert {*pd.read_csv(stocked.scores("x"))["ptm"]} == {*"abcd"}
    with pytest.raises(UnknownName, match="unknown ranker 'two'"):
        stage(spider.main, "two")
