"""From feature files to episodes, a trained spider, and one more PTM that it is taught."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from orbweaver.core.errors import FileError, UserError
from orbweaver.core.formats.features import read_features
from orbweaver.core.settings import EpisodeSettings, RankerSettings, SpiderSettings
from orbweaver.core.workspace import Workspace
from orbweaver.models.card import read_card, write_card
from orbweaver.spider import checkpoint, episodes, inference
from orbweaver.spider.draws import plan
from orbweaver.spider.episode_file import read_episodes, write_episodes
from orbweaver.spider.learning import learn, learn_ptm
from tests.spider.conftest import SOURCES, put_features

PLAN = EpisodeSettings(mixtures=8, draws=4, shots=10)
RANKER = RankerSettings(supervision=["held_out"], evidence=["logme"], seeds=2)
SPIDER = SpiderSettings(encoder="a", episodes=PLAN, width=8, epochs=2, learning_rate=0.003, rankers={"one": RANKER})
METHODS = episodes.wanted_methods([RANKER])
THREE, FAMILIES = ["a", "b", "c"], {"s": "one", "none": "one", "t": "another"}


def drawn(workspace: Workspace, ptms: list[str] = THREE, seed: int = 0) -> episodes.Episodes:
    cards = [read_card(workspace, ptm) for ptm in ptms]
    encoder = read_card(workspace, "a")
    return episodes.episodes_of(workspace, cards, FAMILIES, PLAN, METHODS, seed, encoders=[encoder])


def test_episodes_hold_each_ptms_answers(stocked: Workspace) -> None:
    found = drawn(stocked)
    assert (found.ptms, found.methods, found.sources) == (THREE, ["held_out", "logme"], ["s", "t"])
    assert found.families == ["one", "another"]
    draws = plan(SOURCES, FAMILIES, PLAN, 0)
    for m, ptm in enumerate(THREE):
        features = {source: read_features(stocked.features(ptm, source)).features for source in SOURCES}
        means, scores = episodes.answers_to(draws, METHODS, features, dict.fromkeys(SOURCES), {"seed": 0})
        np.testing.assert_array_equal(found.tokens[ptm], means)
        np.testing.assert_allclose(found.scores[:, m], scores, rtol=1e-9)
    of_encoder = {source: read_features(stocked.features("a", source)).features for source in SOURCES}
    assert {*found.means} == {"a"} and {*found.means["a"]} == {*SOURCES}
    for source, codes in SOURCES.items():
        np.testing.assert_allclose(found.means["a"][source][1], of_encoder[source][codes == 1].mean(0), rtol=1e-5)
    assert found.has_source.tolist() == [["s" in draw.sources, "t" in draw.sources] for draw in draws]


def test_answers_are_kept_until_something_they_depend_on_changes(stocked: Workspace, monkeypatch) -> None:
    first = drawn(stocked)

    def again(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(episodes, "answers_to", again)
    second = drawn(stocked)
    assert all(np.array_equal(first.tokens[ptm], second.tokens[ptm]) for ptm in THREE)
    assert np.array_equal(first.scores, second.scores)
    with pytest.raises(AssertionError, match="computed again"):
        drawn(stocked, seed=1)
    put_features(stocked, "b", "t", SOURCES["t"], 9, "t")  # of the same checkpoint, by other code
    with pytest.raises(AssertionError, match="computed again"):
        drawn(stocked)


def test_a_source_that_one_ptm_did_not_forward_is_missed(stocked: Workspace) -> None:
    stocked.features("b", "t").unlink()
    with pytest.raises(FileError, match=r"b/t\.h5: not found"):
        drawn(stocked)


def test_without_rankers_there_are_no_episodes(stocked: Workspace) -> None:
    write_episodes(stocked.episodes(), episodes.episodes_of(stocked, [], FAMILIES, PLAN, [], 0))
    assert read_episodes(stocked.episodes()).ptms == []


def test_a_spider_is_trained_and_taught_one_more_ptm(stocked: Workspace) -> None:
    with pytest.raises(FileError, match="not found"):
        learn(stocked, "one", THREE, SPIDER, 0, 1)
    write_episodes(stocked.episodes(), drawn(stocked))
    with pytest.raises(FileError, match="drawn for other PTMs"):
        learn(stocked, "one", [*THREE, "d"], SPIDER, 0, 1)
    spider, log = learn(stocked, "one", THREE, SPIDER, 0, 1)
    assert spider.card.ptms == THREE and 0 <= spider.card.k <= 3 and len(spider.card.validation_tau) == 4
    assert log[["seed", "epoch"]].to_numpy().tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]
    checkpoint.save(spider, stocked.ranker("one"))

    def teach(ptm: str, ptms: list[str]) -> checkpoint.Spider:
        return learn_ptm(stocked, "one", ptm, ptms, FAMILIES, SPIDER, 0, 1)

    more = teach("d", [*THREE, "d"])
    assert more.card.checkpoints == {ptm: f"sha-{ptm}" for ptm in (*THREE, "d")}
    assert {*more.card.constant} == {*THREE, "d"} and more.card.k == spider.card.k
    for old, new in zip(spider.rankers, more.rankers, strict=True):
        assert torch.equal(new.model_tokens[:3], old.model_tokens)
    with pytest.raises(UserError, match="knows PTM 'b' already"):
        teach("b", THREE)
    with pytest.raises(UserError, match="does not name 'c'"):
        teach("d", ["a", "b", "d"])
    write_card(read_card(stocked, "b").model_copy(update={"checkpoint": "else"}), stocked.ptm("b"))
    with pytest.raises(UserError, match="another checkpoint of PTM 'b'"):
        teach("d", [*THREE, "d"])


def test_a_spider_with_the_evidence_first_is_the_same_when_it_is_read_again(stocked: Workspace) -> None:
    found = drawn(stocked)
    write_episodes(stocked.episodes(), found)
    settings = SPIDER.model_copy(update={"rankers": {"one": RANKER.model_copy(update={"first": "evidence"})}})
    spider, log = learn(stocked, "one", THREE, settings, 0, 1)
    assert spider.card.evidence.gate == 0, "two families are too few for the network to show its worth"
    assert spider.rankers == [] and log.empty, "and then there is none"
    assert {*spider.means} == {*SOURCES} and spider.card.trained_on == {p: read_card(stocked, p).source for p in THREE}
    checkpoint.save(spider, stocked.ranker("one"))
    again = checkpoint.load(stocked.ranker("one"))
    assert again.rankers == [] and again.card.k == spider.card.k
    which = np.arange(len(found.scores))
    batchers = [
        inference.Batcher(found, "a", RANKER, torch.device("cpu"), first=each.first(found)) for each in (spider, again)
    ]
    one, other = (inference.scores_at([], batcher, which, [0, 1, 3]) for batcher in batchers)
    np.testing.assert_array_equal(one, other)
    assert np.ptp(one[2], axis=1).min() > 0, "what was forwarded ranks"
    more = learn_ptm(stocked, "one", "d", [*THREE, "d"], FAMILIES, settings, 0, 1)
    assert more.card.ptms == [*THREE, "d"] and more.rankers == []
