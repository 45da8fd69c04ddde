"""Model Spider: its parts against plain definitions, what must not change, and what must be refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from orbweaver.core.errors import FileError, TargetError, UserError
from orbweaver.core.settings import EpisodeSettings, RankerSettings, SpiderSettings
from orbweaver.methods._probe import held_out_accuracy
from orbweaver.spider import checkpoint, episodes, inference, tokens, training
from orbweaver.spider.card import SpiderCard, check_zoo
from orbweaver.spider.draws import plan
from orbweaver.spider.episode_file import Episodes, read_episodes, write_episodes
from orbweaver.spider.evidence import Evidence
from orbweaver.spider.ranker import Ranker, plackett_luce
from tests.spider.conftest import WIDTHS, card_of

SPEC = RankerSettings(supervision=["held_out"], evidence=["probe", "logme"], weight_decay=0.1)
SPIDER = SpiderSettings(encoder="a", width=16, epochs=3, batch_size=8, learning_rate=0.003, dropout=0.1, rankers={})


def some_episodes(count: int = 24, seed: int = 0, ptms: dict[str, int] = WIDTHS) -> Episodes:
    """Episodes on which a PTM's rank depends on the general tokens, and is told by the evidence."""
    random = np.random.default_rng(seed)
    classes = random.integers(2, 6, count)
    offsets = np.concatenate([[0], np.cumsum(classes)])
    means = {ptm: random.normal(size=(offsets[-1], width)).astype(np.float32) for ptm, width in ptms.items()}
    sign = np.array([means["a"][a:b, 0].mean() > 0 for a, b in itertools.pairwise(offsets)])
    truth = np.where(sign[:, None], np.arange(len(ptms)), -np.arange(len(ptms))).astype(float)
    scores = np.stack([truth, truth + random.normal(size=truth.shape), -truth], axis=2)
    validation = np.arange(count) % 4 == 3
    return Episodes(list(ptms), ["held_out", "probe", "logme"], ["s"], ["letters"], offsets, means, scores, validation,
                 np.arange(count) // 2, np.zeros((count, 1), bool))  # fmt: skip


def fresh_ranker(spec: RankerSettings = SPEC, dropout: float = 0.0, seed: int = 0) -> Ranker:
    torch.manual_seed(seed)
    return checkpoint.empty_ranker(WIDTHS, WIDTHS["a"], 16, spec, dropout).eval()


def batcher_of(found: Episodes, spec: RankerSettings = SPEC) -> inference.Batcher:
    return inference.Batcher(found, "a", spec, torch.device("cpu"))


def plain_score(
    ranker: Ranker, found: Episodes, episode: int, m: int, forwarded: np.ndarray, spec: RankerSettings
) -> float:
    """One PTM's score by a full self-attention over its whole sequence, of which only the first place is read."""
    ptm = found.ptms[m]

    def projected(layer: torch.nn.Linear, means: np.ndarray, kind: int) -> torch.Tensor:
        means = torch.from_numpy(means)
        out = layer(means / means.norm(dim=1, keepdim=True)) if spec.normalise else layer(means)
        return out + ranker.prompts[kind] if spec.prompts else out

    sequence = [ranker.model_tokens[m][None]]
    if not (spec.specific == "replace" and forwarded[m]):
        sequence.append(projected(ranker.general, found.tokens_of("a", episode), 0))
    shortcut = 0.0
    if forwarded[m]:
        sequence.append(projected(ranker.specific[ptm], found.tokens_of(ptm, episode), 1))
        columns = [found.methods.index(method) for method in spec.evidence]
        values = found.scores[episode][forwarded][:, columns]
        spread = values.std(0)
        z = (found.scores[episode][m, columns] - values.mean(0)) / np.where(spread > 0, spread, 1)
        z = torch.tensor(z, dtype=torch.float32)
        token = ranker.evidence(z)[None]
        sequence.append(token + ranker.prompts[2] if spec.prompts else token)
        shortcut = ranker.shortcut(z)
    x = torch.cat(sequence)
    q, k, v = ranker.query(x), ranker.key(x), ranker.value(x)
    attended = torch.softmax(q @ k.T / x.shape[1] ** 0.5, dim=-1) @ v
    hidden = ranker.norm(x + ranker.out(attended))[0]
    return (ranker.head(ranker.head_norm(hidden)) + shortcut).item()


@pytest.mark.parametrize("specific", ["append", "replace"])
@pytest.mark.parametrize("prompts", [True, False])
def test_one_query_equals_full_self_attention(specific, prompts):
    spec = SPEC.model_copy(update={"specific": specific, "prompts": prompts, "normalise": prompts})
    found, ranker = some_episodes(6), fresh_ranker(spec)
    forwarded = np.random.default_rng(1).random((6, 4)) < 0.5
    with torch.inference_mode():
        scores = batcher_of(found, spec).scores(ranker, np.arange(6), forwarded)
        plain = [[plain_score(ranker, found, t, m, forwarded[t], spec) for m in range(4)] for t in range(6)]
    np.testing.assert_allclose(scores.numpy(), plain, atol=1e-5)


def test_an_episode_scores_the_same_alone_and_in_a_batch():
    found, ranker = some_episodes(8), fresh_ranker()
    forwarded = np.random.default_rng(2).random((8, 4)) < 0.6
    with torch.inference_mode():
        together = batcher_of(found).scores(ranker, np.arange(8), forwarded)
        alone = [batcher_of(found).scores(ranker, np.array([t]), forwarded[[t]])[0] for t in range(8)]
    torch.testing.assert_close(together, torch.stack(alone), atol=1e-6, rtol=1e-6)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_order_of_classes_does_not_matter(seed):
    found, ranker = some_episodes(2), fresh_ranker()
    order = np.random.default_rng(seed).permutation(int(found.offsets[1]))
    rows = np.concatenate([order, np.arange(found.offsets[1], found.offsets[-1])])
    shuffled = Episodes(**{**vars(found), "tokens": {ptm: means[rows] for ptm, means in found.tokens.items()}})
    everyone = np.ones((2, 4), bool)
    with torch.inference_mode():
        one, other = (batcher_of(t).scores(ranker, np.arange(2), everyone) for t in (found, shuffled))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def literal_plackett_luce(scores: np.ndarray, truth: np.ndarray) -> float:
    order = np.argsort(-truth)
    s = scores[order]
    return sum(np.log(np.exp(s[t:]).sum()) - s[t] for t in range(len(s) - 1)) / (len(s) - 1)


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
@settings(max_examples=25, deadline=None)
def test_loss_is_the_literal_sum(seed, count):
    random = np.random.default_rng(seed)
    scores, truth = random.normal(size=(3, count)), random.permuted(np.tile(np.arange(count), (3, 1)), axis=1)
    expected = np.mean([literal_plackett_luce(s, t) for s, t in zip(scores, truth, strict=True)])
    loss = plackett_luce(torch.from_numpy(scores), torch.from_numpy(truth.astype(float)))
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_ties_are_symmetric_and_unknown_ptms_take_no_part():
    scores = torch.tensor([[0.3, -1.0, 2.0, 5.0]])
    truth = torch.tensor([[1.0, 1.0, 0.0, torch.nan]])
    swapped = plackett_luce(scores[:, [1, 0, 2, 3]], truth)
    loss = plackett_luce(scores, truth)
    assert loss == swapped
    assert loss == plackett_luce(scores[:, :3], truth[:, :3])
    both = torch.logsumexp(scores[0, :3], 0)
    assert loss.item() == pytest.approx((2 * both - scores[0, 0] - scores[0, 1]).item() / 2)


def test_loss_has_finite_gradients_where_an_episode_has_one_ptm():
    scores = torch.zeros(2, 3, requires_grad=True)
    truth = torch.tensor([[1.0, torch.nan, torch.nan], [0.0, 1.0, 2.0]])
    plackett_luce(scores, truth).backward()
    assert torch.isfinite(scores.grad).all()
    assert (scores.grad[0] == 0).all()


def test_a_few_episodes_can_be_learned_by_heart_from_the_encoder_alone():
    found = some_episodes(8)
    spec = RankerSettings(supervision=["held_out"])
    spec = spec.model_copy(update={"epochs": 70, "learning_rate": 0.01})
    truth = training.supervision(found, spec, ["x"] * 4)
    learn = np.flatnonzero(~found.validation)
    ranker = fresh_ranker(spec)
    optimizer = torch.optim.Adam(ranker.parameters(), 0.01)
    trained = training._fit(ranker, optimizer, batcher_of(found, spec), truth, learn, learn, spec, 8, 0, None)
    assert trained.log[-1]["tau_k0"] > 0.99
    assert trained.log[-1]["loss"] < trained.log[0]["loss"]


def test_training_repeats_under_a_seed_and_not_under_another():
    found = some_episodes()
    truth = training.supervision(found, SPEC, ["x"] * 4)
    one, again, other = (
        training.train(found, truth, SPEC, SPIDER, seed, torch.device("cpu")).ranker.state_dict() for seed in (1, 1, 2)
    )
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_random_ptms_are_forwarded_and_the_last_epoch_is_kept_on_request(monkeypatch):
    found = some_episodes()
    truth = training.supervision(found, SPEC, ["x"] * 4)
    spec = SPEC.model_copy(update={"forwards": "random", "keep": "last", "width": 4, "epochs": 2})
    asked = []

    def nothing(rankers, batcher, which, ks):
        asked.append(ks)
        return np.zeros((len(ks), len(which), 4))

    monkeypatch.setattr(training, "scores_at", nothing)
    taus = iter([1.0, 1.0, 0.0, 0.0])  # the first epoch validates better
    monkeypatch.setattr(training, "mean_tau", lambda *_: next(taus))
    done = training.train(found, truth, spec, SPIDER, 0, torch.device("cpu"))
    assert done.ranker.model_tokens.shape == (4, 4) and len(done.log) == 2
    assert asked == [[0, 4], [0, 4]], "nobody asks who scores highest but to validate"
    taus = iter([1.0, 1.0, 0.0, 0.0])
    best = training.train(found, truth, spec.model_copy(update={"keep": "best"}), SPIDER, 0, torch.device("cpu"))
    assert not torch.equal(best.ranker.model_tokens, done.ranker.model_tokens)
    taus = iter([0.0, 0.0, 1.0, 1.0])
    later = training.train(found, truth, spec.model_copy(update={"keep": "best"}), SPIDER, 0, torch.device("cpu"))
    assert torch.equal(later.ranker.model_tokens, done.ranker.model_tokens)


def test_episodes_on_which_all_ptms_tie_validate_nothing():
    found = some_episodes()
    truth = training.supervision(found, SPEC, ["x"] * 4)
    tied, *others = np.flatnonzero(found.validation)
    truth[tied] = 0.5
    assert training.parts(found, truth)[1].tolist() == others
    truth[found.validation] = 0.5
    with pytest.raises(UserError, match="and 0 to validate on"):
        training.train(found, truth, SPEC, SPIDER, 0, torch.device("cpu"))


def test_a_new_ptm_changes_no_score_of_the_others():
    widths = WIDTHS | {"new": 6}
    more = some_episodes(ptms=widths)
    found = Episodes(**{**vars(more), "ptms": list(WIDTHS), "tokens": {p: more.tokens[p] for p in WIDTHS},
                     "scores": more.scores[:, :4]})  # fmt: skip
    truth = training.supervision(more, SPEC, ["x"] * 5)
    old = training.train(found, truth[:, :4], SPEC, SPIDER, 0, torch.device("cpu")).ranker
    grown = training.with_one_more(old, more, truth, SPEC, SPIDER, 0, torch.device("cpu")).ranker
    which = np.arange(8)
    for k in (0, 4):
        ran = np.zeros((8, 5), bool)
        ran[:, :k] = True
        with torch.inference_mode():
            before = batcher_of(found).scores(old, which, ran[:, :4])
            after = batcher_of(more).scores(grown, which, ran)
        torch.testing.assert_close(before, after[:, :4], atol=1e-6, rtol=1e-6)  # a wider product rounds otherwise
    kept, now = old.state_dict(), grown.state_dict()
    assert torch.equal(now.pop("model_tokens")[:4], kept.pop("model_tokens"))
    assert all(torch.equal(now[name], value) for name, value in kept.items())
    start = checkpoint.empty_ranker(widths, 5, 16, SPEC)
    assert not torch.equal(grown.model_tokens[4], start.model_tokens[4])
    with pytest.raises(ValueError, match="then the new one"):
        training.with_one_more(grown, more, truth, SPEC, SPIDER, 0, torch.device("cpu"))


def test_own_source_is_left_out_on_request():
    found = some_episodes(4)
    found = Episodes(**{**vars(found), "has_source": np.array([[True], [False], [True], [False]])})
    spec = SPEC.model_copy(update={"own_source": False})
    truth = training.supervision(found, spec, ["s", "x", "x", "x"])
    assert np.isnan(truth[[0, 2], 0]).all()
    assert not np.isnan(truth[[1, 3]]).any()
    assert not np.isnan(training.supervision(found, SPEC, ["s", "x", "x", "x"])).any()


def test_a_family_can_be_left_out():
    found = some_episodes(4)
    found = Episodes(**{**vars(found), "has_source": np.array([[True], [False], [True], [False]])})
    truth = training.supervision(found, SPEC.model_copy(update={"without": "letters"}), ["s", "x", "x", "x"])
    assert np.isnan(truth[[0, 2]]).all()
    assert not np.isnan(truth[[1, 3]]).any()
    with pytest.raises(UserError, match=r"family of sources 'lettres'.*letters"):
        training.supervision(found, SPEC.model_copy(update={"without": "lettres"}), ["s", "x", "x", "x"])


def test_borda_supervises_when_there_are_several_methods():
    found = some_episodes(3)
    opposed = training.supervision(found, RankerSettings(supervision=["held_out", "logme"]), ["x"] * 4)
    np.testing.assert_allclose(np.ptp(opposed, axis=1), 0, atol=1e-9)  # the two contradict each other
    found.scores[:, :, found.methods.index("logme")] *= -1
    agreed = training.supervision(found, RankerSettings(supervision=["held_out", "logme"]), ["x"] * 4)
    assert (np.ptp(agreed, axis=1) > 1).all()
    alone = training.supervision(found, RankerSettings(supervision=["held_out"]), ["x"] * 4)
    assert np.array_equal(agreed.argsort(axis=1), alone.argsort(axis=1))


@given(st.integers(2, 6), st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_evidence_is_standardised_over_the_forwarded(count, seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=(3, 6, 2))
    values[0, 0, 0] = np.nan
    forwarded = np.zeros((3, 6), bool)
    forwarded[:, :count] = True
    z = inference.standardise(values, forwarded)
    assert z.dtype == np.float32
    assert np.isfinite(z).all()
    assert (z[:, count:] == 0).all()
    assert np.abs(z.sum(1)).max() < 1e-5
    shifted = inference.standardise(3 * values + 7, forwarded)
    np.testing.assert_allclose(z, shifted, atol=1e-4, rtol=1e-4)


# --- episodes ------------------------------------------------------------------------------------------------------

CODES = {"s": np.repeat(np.arange(8), 30), "t": np.repeat(np.arange(4), 12), "u": np.repeat(np.arange(3), 50)}
FAMILIES = {"s": "one", "t": "another", "u": "one"}
PLAN = EpisodeSettings(mixtures=8, draws=6, shots=20, ways=7)


def test_draws_are_what_they_promise():
    draws = plan(CODES, FAMILIES, PLAN, 0)
    seen = {False: set(), True: set()}
    for draw in draws:
        classes = [(source, CODES[source][rows[0]]) for source, rows, _ in draw.classes]
        assert 2 <= len(set(classes)) == len(classes) <= PLAN.ways
        seen[draw.validation] |= set(classes)
        for source, drawn, rest in draw.classes:
            assert len({*CODES[source][drawn], *CODES[source][rest]}) == 1
            assert not {*drawn} & {*rest} and len({*drawn}) == len(drawn) <= PLAN.shots
    assert seen[True] and seen[False] and not seen[True] & seen[False]
    again = plan(CODES, FAMILIES, PLAN, 0)
    assert all(
        np.array_equal(a[1], b[1]) for x, y in zip(draws, again, strict=True)
        for a, b in zip(x.classes, y.classes, strict=True)
    )  # fmt: skip
    with pytest.raises(UserError, match="sources"):
        plan({}, {}, PLAN, 0)


@pytest.mark.parametrize("classes", [2, 3, 4, 10])
def test_one_source_is_enough(classes):
    draws = plan({"a": np.arange(80) % classes}, {"a": "one"}, PLAN, 0)
    rows = {side: np.concatenate([np.concatenate(c[1:]) for d in draws if d.validation == side for c in d.classes])
            for side in (True, False)}  # fmt: skip
    assert len(rows[True]) and len(rows[False])
    assert not {*rows[True]} & {*rows[False]}


def test_a_share_of_mixtures_is_of_one_family():
    def mixed(alone: float) -> list[set[str]]:
        settings = PLAN.model_copy(update={"alone": alone, "mixtures": 40})
        return [{FAMILIES[s] for s in draw.sources} for draw in plan(CODES, FAMILIES, settings, 0)]

    assert all(len(families) == 1 for families in mixed(1.0))
    assert {"one"} in mixed(1.0) and {"another"} in mixed(1.0)
    some = [sum(len(families) == 2 for families in mixed(alone)) for alone in (0.0, 0.5, 1.0)]
    assert some[0] > some[1] > some[2] == 0


def test_mixtures_can_be_listed():
    listed = [{"s": 3, "u": 1}, {"t": 4, "u": 3}] * 2
    settings = PLAN.model_copy(update={"mixtures": listed})
    draws = plan(CODES, FAMILIES, settings, 0)
    seen = [{(s, CODES[s][rows[0]]) for d in draws if d.mixture == m for s, rows, _ in d.classes} for m in range(4)]
    assert {s for s, _ in seen[0]} == {"s", "u"} and sum(s == "s" for s, _ in seen[0]) == 3
    assert {s for s, _ in seen[1]} == {"t", "u"} and {d.mixture for d in draws if d.validation} == {3}
    assert not seen[3] & (seen[0] | seen[1] | seen[2])
    with pytest.raises(UserError, match=r"unknown source in a mixture.*'v'"):
        plan(CODES, FAMILIES, PLAN.model_copy(update={"mixtures": [{"v": 1}, {"s": 2}]}), 0)


def test_answers_are_class_means_and_scores():
    random = np.random.default_rng(0)
    features = {s: random.normal(size=(len(c), 6)) + 3 * np.eye(8)[c, :6] for s, c in CODES.items()}
    draws = plan(CODES, FAMILIES, PLAN, 0)[:5]
    means, scores = episodes.answers_to(
        draws, ["held_out", "probe", "nce"], features, dict.fromkeys(CODES), {"seed": 0}
    )
    row = 0
    for draw, values in zip(draws, scores, strict=True):
        for source, drawn, _ in draw.classes:
            np.testing.assert_allclose(means[row], features[source][drawn].mean(axis=0), rtol=1e-5)
            row += 1
        assert 0 <= values[0] <= 1 and np.isfinite(values[1]) and np.isnan(values[2])  # no source head, no NCE
    assert row == len(means)


def test_answers_look_inside_where_there_is_something():
    random = np.random.default_rng(0)
    last, inner = ({s: random.normal(size=(len(c), 6)) for s, c in CODES.items()} for _ in range(2))
    draws, asked = plan(CODES, FAMILIES, PLAN, 0)[:5], ["held_out_inner", "probe_inner"]
    _, found = episodes.answers_to(draws, asked, last, dict.fromkeys(CODES), {}, inner)
    _, same = episodes.answers_to(draws, ["held_out", "probe"], inner, dict.fromkeys(CODES), {})
    np.testing.assert_array_equal(found, same)
    _, nothing = episodes.answers_to(draws, asked, last, dict.fromkeys(CODES), {})
    assert np.isnan(nothing).all()


def test_held_out_accuracy_is_that_of_a_ridge_classifier():
    random = np.random.default_rng(0)
    for shape in ((60, 8), (30, 50)):
        x, y = random.normal(size=shape), np.repeat([0, 3, 7], shape[0] // 3)
        x[y == 3, 0] += 3
        x[y == 7, 1] += 3
        far, far_y = x * 50, y  # the sign of each direction decides, whatever the ridge
        assert held_out_accuracy(x, y, far - x.mean(0) * 49, far_y) > 0.6
        assert held_out_accuracy(x, y, x, y) > held_out_accuracy(x, y, x, random.permutation(y))


@given(st.integers(2, 12), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_pseudo_classes_are_ordered_and_balanced(bins, seed):
    values = np.random.default_rng(seed).normal(size=120)
    codes = tokens.pseudo_classes(values, bins)
    assert set(codes) == set(range(bins))
    counts = np.bincount(codes)
    assert counts.max() - counts.min() <= 2
    assert (np.diff(codes[np.argsort(values)]) >= 0).all()


def test_equal_targets_share_a_bin():
    assert set(tokens.pseudo_classes(np.array([0.0] * 50 + [1.0] * 3), 10)) <= {0, 1}
    with pytest.raises(ValueError, match="no sample"):
        tokens.class_means(np.zeros((2, 3)), np.array([0, 2]))


def test_published_regressions_have_their_published_bins():
    ages = np.array([1, 5, 6, 20, 21, 70, 71, 116.0])
    assert tokens.codes_of(ages, 3, "utkface").tolist() == [0, 0, 1, 2, 3, 4, 5, 5]
    assert tokens.codes_of(np.arange(1, 117.0), 3, "utkface").max() == 9
    grid = np.stack(np.meshgrid(range(6), range(40), range(32)), -1).reshape(-1, 3)
    latents = np.random.default_rng(0).permutation(grid)
    codes = tokens.codes_of(latents.astype(float), 10, "dsprites")
    assert codes.max() == 99 and np.ptp(np.bincount(codes)) <= 1
    in_order = np.lexsort(latents.T[::-1])
    assert (np.diff(codes[in_order]) >= 0).all()
    assert tokens.codes_of(latents.astype(float), 10, "others").max() == 9


def test_what_targets_are_says_what_their_classes_are():
    assert tokens.codes_of(np.array([7, 2, 7, 5]), 2).tolist() == [2, 0, 2, 1]
    several = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 0, 0]], bool)
    assert tokens.codes_of(several, 2).tolist() == [1, 0, 2, 0]
    for values in (np.arange(4.0), np.stack([np.arange(4.0), -np.arange(4.0)], axis=1)):
        assert tokens.codes_of(values, 2).tolist() == [0, 0, 1, 1]
    for texts in (np.zeros((4, 0)), np.zeros((4, 2), int)):
        with pytest.raises(TargetError, match="by its classes or values"):
            tokens.codes_of(texts, 2)


def test_episode_file_round_trip_and_damage(tmp_path):
    path = tmp_path / "episodes.h5"
    found = some_episodes(5)
    write_episodes(path, found)
    back = read_episodes(path)
    assert back.ptms == found.ptms and back.methods == found.methods
    np.testing.assert_array_equal(back.tokens_of("c", 2), found.tokens_of("c", 2))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FileError, match=r"episodes\.h5"):
        read_episodes(path)
    with pytest.raises(FileError, match="not found"):
        read_episodes(tmp_path / "none.h5")


# --- checkpoint -----------------------------------------------------------------------------------------------------


def a_spider() -> checkpoint.Spider:
    card = SpiderCard(
        name="spider", encoder="a", checkpoints={p: f"sha-{p}" for p in WIDTHS}, widths=WIDTHS, sources=["s"],
        spec=SPEC.model_copy(update={"seeds": 2}), width=16, bins=10, k=2, validation_tau=[0.1] * 5,
        constant=dict.fromkeys(WIDTHS, 0.5), digest="", **of_the_zoo(WIDTHS, [0.4, 0.6]),
    )  # fmt: skip
    return checkpoint.Spider(card, [fresh_ranker(seed=0), fresh_ranker(seed=1)])


def of_the_zoo(ptms: Iterable[str], weights: list[float]) -> dict[str, object]:
    """Fields of a spider's card: all PTMs are of the source s and of architectures of their own."""
    ptms = list(ptms)
    model = Evidence(weights=weights, slopes=[[0.5, 0.2], [0.4, 0.1]], shared=[[0.4, 0.1, 0.2], [0.5, 0.1, 0.3]])
    return {"trained_on": dict.fromkeys(ptms, "s"), "architectures": {p: p for p in ptms}, "evidence": model}


def test_checkpoint_round_trip_and_damage(tmp_path):
    spider = a_spider()
    checkpoint.save(spider, tmp_path)
    back = checkpoint.load(tmp_path)
    found = some_episodes(3)
    one, other = (
        inference.scores_at(s.rankers, batcher_of(found), np.arange(3), [0, 2, 4]) for s in (spider, back)
    )  # fmt: skip
    np.testing.assert_array_equal(one, other)
    weights = tmp_path / "ranker.safetensors"
    data = bytearray(weights.read_bytes())
    data[-5] ^= 1
    weights.write_bytes(data)
    with pytest.raises(FileError, match=r"ranker\.safetensors: not the weights"):
        checkpoint.load(tmp_path)
    (tmp_path / "card.json").write_text("{}")
    with pytest.raises(FileError, match="not a spider's card"):
        checkpoint.load(tmp_path)
    with pytest.raises(FileError, match="not found"):
        checkpoint.load(tmp_path / "nothing")


def test_unknown_ptm_other_checkpoint_and_other_encoder_are_refused():
    card, a = a_spider().card, card_of("a")
    check_zoo(card, {"a": "sha-a"}, a)
    with pytest.raises(UserError, match=r"does not know PTM 'e'.*stages\.spider spider --add e"):
        check_zoo(card, {"e": "sha-e"}, a)
    with pytest.raises(UserError, match="another checkpoint of PTM 'b'"):
        check_zoo(card, {"b": "else"}, a)
    with pytest.raises(UserError, match="trained with the encoder 'a', not 'b'"):
        check_zoo(card, {"a": "sha-a"}, card_of("b"))
    with pytest.raises(UserError, match="another checkpoint of PTM 'a'"):
        check_zoo(card, {"b": "sha-b"}, a.model_copy(update={"checkpoint": "else"}))


def test_a_target_of_one_class_is_refused():
    with pytest.raises(ValueError, match="two classes or more"):
        inference.episode_of(["a"], [], {"a": np.zeros((1, 5), np.float32)}, np.zeros((1, 0)))


def test_forwarding_changes_only_who_was_forwarded():
    found, rankers = some_episodes(4), a_spider().rankers
    first, second = inference.scores_at(rankers, batcher_of(found), np.arange(4), [0, 2])
    chosen = inference.top(first, 2)
    assert (chosen.sum(1) == 2).all()
    np.testing.assert_allclose(first[~chosen], second[~chosen], atol=1e-6)
    assert (first[chosen] != second[chosen]).all()
