"""The stages draw, spider and scores, run in this process on a workspace that has all that they read."""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import yaml

from orbweaver.core.errors import UnknownName, UserError
from orbweaver.core.files import digest
from orbweaver.core.formats.tables import write_csv
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split, write_split
from orbweaver.pipeline import newcomers
from orbweaver.pipeline.choose import known
from orbweaver.spider.card import load_card
from orbweaver.spider.episode_file import read_episodes
from stages import draw, finetune, scores, spider
from tests.conftest import TINY
from tests.spider.conftest import put_features


@pytest.fixture
def stage(stocked: Workspace, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a stage's main with arguments, with a params.yaml of the given PTMs."""
    monkeypatch.chdir(stocked.root)

    def run(main: Callable[[], None], *arguments: str, ptms: str = "abc", **changed: dict) -> None:
        spec = {"architecture": "test_vit", "source": "s"}
        values = TINY | {
            "sources": {"s": {}, "none": {}, "t": {}},
            "targets": {"x": {}},
            "ptms": {ptm: spec for ptm in ptms} | {"other": {**spec, "task": "caption"}} | changed.pop("ptms_too", {}),
            "encoders": {"words": {"model": "wordllama"}},
            "methods": ["parameters", "logme", "emms", "one"],
            "truth": "elsewhere",
            "spider": {
                "encoder": "a",
                "episodes": {"mixtures": 8, "draws": 4, "shots": 10},
                "width": 8,
                "epochs": 1,
                "rankers": {"one": {"supervision": ["held_out"], "evidence": ["probe"]}},
            },
        }
        for section, change in changed.items():
            values[section] = values[section] | change
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


def test_the_encoder_of_a_ranker_need_not_be_a_candidate(stocked: Workspace, stage: Callable[..., None]) -> None:
    """Every stage agrees that `d` is there to see with, and nobody ranks it."""
    rankers = {
        "one": {"supervision": ["held_out"], "evidence": ["probe"]},
        "two": {
            "supervision": ["logme"],
            "encoder": "d",
            "width": 4,
            "epochs": 2,
            "forwards": "random",
            "keep": "last",
        },
    }
    of = {"ptms_too": {"d": {"architecture": "test_vit", "source": "s", "candidate": False}}}
    of |= {"spider": {"rankers": rankers}}
    stage(draw.main, ptms="ab", **of)
    found = read_episodes(stocked.episodes())
    assert found.ptms == [*"ab"] and {*found.tokens} == {*"abd"} and found.scores.shape[1] == 2
    for ranker in rankers:
        stage(spider.main, ranker, ptms="ab", **of)
    one, two = (load_card(stocked.ranker(name)) for name in rankers)
    assert (one.encoder, one.width, two.encoder, two.width) == ("a", 8, "d", 4)
    assert one.ptms == two.ptms == [*"ab"] and [*one.widths] == [*"ab"] and two.checkpoints["d"] == "sha-d"
    assert len(pd.read_csv(stocked.ranker("two") / "training.csv")) == 2
    stage(spider.main, "two", "--add", "c", ptms="abc", **of)
    assert load_card(stocked.ranker("two")).ptms == [*"abc"]
    stage(spider.main, "one", "--add", "c", ptms="abc", **of)
    stage(scores.main, "x", ptms="abc", **of)
    assert {*pd.read_csv(stocked.scores("x"))["ptm"]} == {*"abc"}
    assert {*pd.read_csv(stocked.rankers("x"))["ranker"]} == {"one", "two"}
    stage(finetune.main, "d", ptms="abc", **of)  # no table of a truth names it
    assert not stocked.truth("d").read_text().strip()


def test_single_source_on_stand_ins(stocked: Workspace, stage: Callable[..., None]) -> None:
    """Sources that have as many classes as the six of Model Spider's release, and its mixtures of them."""
    settings = yaml.safe_load(known()["single_source"].read_text())
    classes = {"eurosat": 10, "officehome": 65, "pacs": 7, "smallnorb": 5, "stl10": 10, "vlcs": 5}
    for source, count in classes.items():
        codes = np.repeat(np.arange(count), 4)
        names = [str(c) for c in range(count)]
        split = Split(source, "image_classification", names, [b"nobody looks"] * len(codes), codes, "", "", family="")
        write_split(stocked.split("sources", source, "train"), split)
        known_as = digest(stocked.split("sources", source, "train"))
        for seed, ptm in enumerate("abd"):
            put_features(stocked, ptm, source, codes, seed, known_as)
    episodes = settings["spider"]["episodes"] | {"draws": 2}
    paper = settings["spider"]["rankers"]["spider_paper"] | {"width": 8, "epochs": 1, "encoder": "d"}
    of = {"ptms_too": {"d": {"architecture": "test_vit", "source": "s", "candidate": False}}}
    of |= {"spider": {"rankers": {"one": paper}, "episodes": episodes}}
    of |= {"sources": {"s": {}, **{source: {} for source in classes}}}
    stage(draw.main, ptms="ab", **of)
    found = read_episodes(stocked.episodes())
    assert len(found.offsets) == 2 * 13 + 1 and found.validation.sum() == 2
    for t, which in enumerate(found.has_source):
        here = {found.sources[s] for s in which.nonzero()[0]}
        assert here <= {*episodes["mixtures"][found.mixture[t]]}
    stage(spider.main, "one", ptms="ab", **of)
    stage(scores.main, "x", ptms="ab", **of)
    assert {"one", "one_k0", "one_constant"} <= {*pd.read_csv(stocked.scores("x"))["method"]}


def test_newcomers_are_measured_by_one_command(stocked: Workspace, stage: Callable[..., None], capsys) -> None:
    def ranker(evidence: str, drop: float = 0.5) -> dict:
        rankers = {"one": {"supervision": ["held_out"], "evidence": [evidence], "drop": drop}}
        return {"spider": {"encoder": "d", "rankers": rankers},
                "ptms_too": {"d": {"architecture": "test_vit", "source": "s", "candidate": False}}}  # fmt: skip

    stage(draw.main, **ranker("logme"))
    stage(spider.main, "one", **ranker("logme"))
    stage(scores.main, "x", **ranker("logme"))
    for value, ptm in enumerate("abc"):
        run = {"dataset": "x", "learning_rate": 0.1, "seed": 0, "validation": 0.5, "test": value / 10, "chosen": 1}
        write_csv(pd.DataFrame([run | {"task": "image_classification"}]), stocked.truth(ptm))
    stage(newcomers.main, "one", "--ptms", "2", **ranker("logme"))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines if len(line) == 5] == ["a", "c"] and ["ptm", "k"] in lines
    assert [line[0] for line in lines if line[1:2] and line[1][:1] in "+-" and len(line) == 4][-2:] == ["0", "3"]
    with pytest.raises(UserError, match=r"x\.csv has no 'probe', which is evidence of ranker 'one'"):
        stage(newcomers.main, "one", **ranker("probe"))
    with pytest.raises(UserError, match="give it 'drop'"):
        stage(newcomers.main, "one", **ranker("logme", drop=0.0))
