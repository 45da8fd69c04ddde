"""PTMs that a ranker never learned from: what it takes from their cards and evidence, and what is lost by that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from orbweaver.core.errors import UserError
from orbweaver.core.settings import RankerSettings, SpiderSettings
from orbweaver.models.card import Card
from orbweaver.spider import checkpoint, newcomers, training
from orbweaver.spider.card import SpiderCard
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.inference import Batcher, episode_of, scores_at
from orbweaver.spider.newcomers import Exam, tau_lost
from orbweaver.spider.strangers import Strangers, facts_of, some_strangers
from tests.spider.conftest import card_of
from tests.spider.test_spider import of_the_zoo

PTMS = [f"p{i}" for i in range(6)]
SPEC = RankerSettings(supervision=["held_out"], evidence=["probe"], drop=0.5, seeds=1)
SPIDER = SpiderSettings(encoder="p0", width=16, epochs=30, batch_size=8, learning_rate=0.01, rankers={})
CPU = torch.device("cpu")


def cards() -> list[Card]:
    """The larger the better, on every episode."""
    return [card_of("a").model_copy(update={"name": ptm, "n_parameters": 10 ** (3 + i)}) for i, ptm in enumerate(PTMS)]


def some_episodes(count: int = 32) -> Episodes:
    random = np.random.default_rng(0)
    offsets = np.arange(0, 3 * count + 1, 3)
    tokens = {ptm: random.normal(size=(3 * count, 4)).astype(np.float32) for ptm in PTMS}
    truth = np.tile(np.arange(6.0), (count, 1))
    scores = np.stack([truth, truth + random.normal(size=truth.shape)], axis=2)
    return Episodes(PTMS, ["held_out", "probe"], ["s"], ["toys"], offsets, tokens, scores, np.arange(count) % 4 == 3,
                    np.arange(count), np.zeros((count, 1), bool))  # fmt: skip


def exam(target: str, seed: int) -> Exam:
    random = np.random.default_rng((1, seed))
    tokens = {ptm: random.normal(size=(3, 4)).astype(np.float32) for ptm in PTMS}
    truth = np.arange(6.0)
    return Exam(target, episode_of(PTMS, ["probe"], tokens, (truth + random.normal(size=6))[:, None]), truth)


def test_facts_are_what_cards_say() -> None:
    two = [card_of("a"), card_of("b").model_copy(update={"architecture": "test_resnet", "source_accuracy": None})]
    facts = facts_of(two)
    expected = [[np.log10(5000) - 6, np.log10(5) - 3, -1, 0.5, 1, 0, 1, 1],
                [np.log10(3000) - 6, np.log10(3) - 3, -1, 0, 0, 1, 0, 1]]  # fmt: skip
    np.testing.assert_allclose(facts.values, expected, rtol=1e-6)
    assert facts.source.tolist() == [0, 0] and len({*facts.architecture}) == 2


def test_strangers_are_some_or_all_of_a_kind() -> None:
    facts = facts_of(
        [card_of("a").model_copy(update={"architecture": f"test_{i % 2}", "source": f"s{i // 4}"}) for i in range(12)]
    )
    random = np.random.default_rng(0)
    drawn = [some_strangers(facts, 5, 0.3, random) for _ in range(300)]
    of_a_kind = {tuple(facts.source == s) for s in range(3)} | {tuple(facts.architecture == a) for a in range(2)}
    assert {tuple(each.ptms) for each in drawn} >= of_a_kind
    assert np.mean([each.evidence for each in drawn]) == pytest.approx(0.3, abs=0.05)
    assert not any(some_strangers(facts, 5, 0.0, np.random.default_rng(2)).evidence)


def test_of_a_stranger_neither_token_nor_projection_is_looked_at() -> None:
    found, facts = some_episodes(), facts_of(cards()).values
    torch.manual_seed(0)
    ranker = checkpoint.empty_ranker(found.widths, 4, 16, SPEC, facts=facts.shape[1]).eval()
    torch.nn.init.normal_(ranker.from_card.weight)
    strangers = Strangers(np.arange(6) == 2, np.zeros(1, bool), facts)

    def said(strangers: Strangers | None) -> np.ndarray:
        batcher = Batcher(found, "p0", SPEC, CPU, strangers)
        return scores_at([ranker], batcher, np.arange(5), [0, 6])

    before, known = said(strangers), said(None)
    others = np.arange(6) != 2
    np.testing.assert_allclose(before[..., others], known[..., others], atol=1e-5)
    assert (before[..., 2] != known[..., 2]).all() and (before[0] != before[1]).all(), "its evidence is looked at"
    with torch.no_grad():
        ranker.model_tokens[2] += 1
        ranker.specific["p2"].weight += 1
    np.testing.assert_array_equal(said(strangers), before)
    silent = Strangers(strangers.ptms, np.ones(1, bool), facts)
    found.scores[:] = np.nan
    np.testing.assert_array_equal(said(silent), said(strangers))


def test_what_a_newcomer_loses_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    found, seen, real = some_episodes(), [], training.train

    def train(episodes, truth, *given, **named):
        seen.append(np.isnan(truth).all(0))
        return real(episodes, truth, *given, **named)

    monkeypatch.setattr(newcomers.training, "train", train)
    exams = [exam("x", 0), exam("y", 1)]
    table = tau_lost(found, cards(), exams, SPEC, SPIDER, 0, 1, 3)
    assert [each.nonzero()[0].tolist() for each in seen] == [[], [0], [2], [5]]
    assert table[["ptm", "target", "k"]].drop_duplicates().shape == (3 * 2 * 2, 3) == (len(table), 3)
    assert (table["known"] > 0.9).all(), "the order is the same on every episode"
    np.testing.assert_allclose(table["lost"], table["known"] - table["new"])
    between = table[(table["ptm"] == "p2") & (table["k"] == 0)]
    assert (between["new"] > 0.7).all(), "its card says where it stands"
    with pytest.raises(UserError, match="give it 'drop'"):
        tau_lost(found, cards(), exams, SPEC.model_copy(update={"drop": 0.0}), SPIDER, 0, 1)


def test_a_newcomer_needs_no_training_where_the_evidence_is_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newcomers.training, "train", lambda *_: pytest.fail("a network was trained"))
    found = some_episodes()
    found = replace(found, means={"p0": {"s": np.ones((2, 4), np.float32)}})
    spec = SPEC.model_copy(update={"drop": 0.0, "first": "evidence"})
    table = tau_lost(found, cards(), [exam("x", 0), exam("y", 1)], spec, SPIDER, 0, 1, 3)
    assert len(table) == 3 * 2 * 2
    assert (table["known"] > 0.9).all(), "the order is the same on every episode"
    lost = table.groupby("k")["lost"].mean()
    assert 0 <= lost[6] < lost[0], "without a mean place, what it shows when it is forwarded helps"


def test_a_ranker_that_drops_is_loaded_again(tmp_path) -> None:
    found = some_episodes()
    facts = facts_of(cards())
    spider = SPIDER.model_copy(update={"epochs": 1})
    truth = training.supervision(found, SPEC, ["s"] * 6)
    ranker = training.train(found, truth, SPEC, spider, 0, CPU, facts=facts).ranker
    card = SpiderCard(
        name="one", encoder="p0", checkpoints=dict.fromkeys(PTMS, "sha"), widths=found.widths, sources=["s"], spec=SPEC,
        width=16, bins=10, k=2, validation_tau=[0.1] * 7, constant=dict.fromkeys(PTMS, 0.5), digest="",
        **of_the_zoo(PTMS, [0.4, 0.6]),
    )  # fmt: skip
    checkpoint.save(checkpoint.Spider(card, [ranker]), tmp_path)
    again = checkpoint.load(tmp_path).rankers[0].state_dict()
    assert all(torch.equal(again[name], value) for name, value in ranker.state_dict().items())
    assert "from_card.weight" in again and again["from_card.weight"].abs().sum() > 0
