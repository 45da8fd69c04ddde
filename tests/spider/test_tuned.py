"""PTMs fine-tuned on episodes: which rows they learn from and are measured on, and what is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from orbweaver.core.cache import Cache
from orbweaver.core.settings import EpisodeSettings, TunedSettings
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split
from orbweaver.spider import tuned as module
from orbweaver.spider.draws import Draw, plan
from orbweaver.spider.tuned import Tuning, chosen, episode, tuned
from orbweaver.tasks import task
from orbweaver.tasks.finetune import Run
from orbweaver.tasks.stored import Stored
from tests.spider.conftest import SOURCES, card_of
from tests.tasks.examples import FINETUNE, pictures, texts, trained

FAMILIES = dict.fromkeys(SOURCES, "toys")
PLAN = EpisodeSettings(mixtures=8, draws=4, shots=10)
TUNED = TunedSettings(**FINETUNE.model_dump(), draws=5)


def source(name: str, codes: np.ndarray) -> Split:
    images = [f"{name} {row}".encode() for row in range(len(codes))]
    return Split(name, "image_classification", [str(c) for c in range(8)], images, codes, "", "", family="toys")


@pytest.fixture
def splits() -> dict[str, Split]:
    return {name: source(name, codes) for name, codes in SOURCES.items()}


def test_an_episode_is_trained_on_its_rows_and_tested_on_others_of_its_classes(splits: dict[str, Split]) -> None:
    draw = Draw(0, False, [("t", np.array([3, 1]), np.array([2])), ("s", np.array([40]), np.array([31, 59]))])
    train, test = episode(draw, splits, "image_classification")
    assert train.images == [b"t 3", b"t 1", b"s 40"] and train.targets.tolist() == [0, 0, 1]
    assert test.images == [b"t 2", b"s 31", b"s 59"] and test.targets.tolist() == [0, 1, 1]
    assert train.classes == test.classes and len({*train.classes}) == 2


def test_episodes_are_chosen_at_random_and_have_something_to_be_measured_on() -> None:
    draws = plan(SOURCES, FAMILIES, PLAN, 0)
    draws[0].classes[0] = (*draws[0].classes[0][:2], np.zeros(0, int))
    some = chosen(draws, 10, 0)
    assert len(some) == 10 and (np.diff(some) > 0).all() and 0 not in chosen(draws, len(draws), 0)
    assert some.tolist() == chosen(draws, 10, 0).tolist() != chosen(draws, 10, 1).tolist()
    assert {*some} <= {*chosen(draws, 20, 0)}, "more episodes keep those that were fine-tuned on"


def test_the_truth_of_an_episode_is_that_of_a_target(splits: dict[str, Split], tmp_path: Path, monkeypatch) -> None:
    draws, asked = plan(SOURCES, FAMILIES, PLAN, 0), []

    def fake(of, ptm, train, test, how, seed, threads, cache):
        asked.append((of.name, ptm.card.name, len(train), len(test), how, seed))
        value = len(train) / 1000
        chosen = [Run(0.001, 0.0, seed, 0.0, value + 0.002 * seed, chosen=True) for seed in (0, 1)]
        return [*chosen, Run(0.01, 0.0, 0, 0.0, 9.0)]

    monkeypatch.setattr(module, "finetune", fake)
    tuning = Tuning(splits, TUNED)
    found = tuned(draws, Stored(card_of("a"), tmp_path), tuning, 0, Cache(tmp_path), task("image_classification"))
    which = chosen(draws, 5, 0)
    assert np.isnan(np.delete(found, which)).all()
    sizes = [sum(len(drawn) for _, drawn, _ in draws[t].classes) for t in which]
    np.testing.assert_allclose(found[which], np.array(sizes) / 1000 + 0.001)
    assert [each[:3] for each in asked] == [("image_classification", "a", size) for size in sizes]
    assert all(each[4] is TUNED for each in asked)


def test_what_it_depends_on_is_its_fingerprint(splits: dict[str, Split]) -> None:
    one = Tuning(splits, TUNED)
    other = Tuning({**splits, "t": source("t", 1 - np.minimum(SOURCES["t"], 1))}, TUNED)
    longer = Tuning(splits, TUNED.model_copy(update={"epochs": 9}))
    more = Tuning(splits, TUNED.model_copy(update={"draws": 6}))
    assert one.fingerprint == Tuning(dict(splits), TUNED).fingerprint
    assert one.fingerprint not in (other.fingerprint, longer.fingerprint, more.fingerprint)


@pytest.mark.parametrize("of", ["image_classification", "text_classification"])
def test_a_real_ptm_is_fine_tuned_and_every_run_is_kept(of: str, tmp_path: Path, monkeypatch) -> None:
    workspace = Workspace(tmp_path)
    ptm = trained(workspace, of, of)
    known = {"p": pictures(of, 60), "q": pictures(of, 60, seed=1)} if of == "image_classification" else {"p": texts(60)}
    settings = PLAN.model_copy(update={"mixtures": 4, "draws": 2})
    draws = plan({name: split.targets for name, split in known.items()}, dict.fromkeys(known, ""), settings, 0)
    tuning = Tuning(known, TUNED.model_copy(update={"seeds": 1, "draws": 2}))
    found = tuned(draws, ptm, tuning, 0, workspace.cache, task(of))
    there = found[~np.isnan(found)]
    assert len(there) == 2 and ((there >= 0) & (there <= 1)).all()

    def again(*_: object) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(type(task(of)), "fit", again)
    np.testing.assert_array_equal(tuned(draws, ptm, tuning, 0, workspace.cache, task(of)), found)
    more = Tuning(known, tuning.how.model_copy(update={"draws": 3}))
    with pytest.raises(AssertionError, match="trained again"):
        tuned(draws, ptm, more, 0, workspace.cache, task(of))
