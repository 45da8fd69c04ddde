"""The race: who is dropped and who never is, what is seen twice, what a failure costs, and what it loses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbweaver.core.errors import FileError
from orbweaver.core.formats import hdf5
from orbweaver.core.formats.features import writing_features
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import Split
from orbweaver.methods import ScoreInputs
from orbweaver.select import data, progress
from orbweaver.select.measured import replay
from orbweaver.select.order import order, race
from orbweaver.select.order.order import Scored
from orbweaver.tasks.inner import inner_file


def noisy(quality: dict[str, float], noise: float, asked: list | None = None):
    """Scores around each PTM's quality, less noisy with every look."""

    def scored(name: str, looks: int, many: int) -> Scored:
        if asked is not None:
            asked.append((name, looks))
        random = np.random.default_rng(looks)  # half-samples are paired: the same for all PTMs
        common = random.normal(0, noise, many)
        own = np.random.default_rng([looks, *name.encode()]).normal(0, noise / 4 / looks, many)
        return Scored({"probe": quality[name]}, {"probe": ""}, {"probe": (quality[name] + common + own).tolist()}, "")

    return scored


def test_the_hopeless_see_little_and_the_contenders_everything() -> None:
    quality = {f"good{i}": 0.9 + i / 1000 for i in range(6)} | {f"bad{i}": 0.3 + i / 1000 for i in range(6)}
    asked: list = []
    ran = race.race(list(quality), 3, noisy(quality, 0.2, asked), ["probe"], keep=3)
    assert {name for name, looks in ran.looks.items() if looks == 3} >= {"good3", "good4", "good5"}
    assert all(ran.looks[f"bad{i}"] == 1 for i in range(6))
    assert len(asked) == len({*asked})
    places = ran.places(["probe"])
    assert places["ptm"].tolist()[:3] == ["good5", "good4", "good3"] and places["looks"].is_monotonic_decreasing


def test_progress_by_ptm_and_look_shows_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    race.race("abcdef", 2, noisy({n: i for i, n in enumerate("abcdef")}, 0.1), ["probe"])
    said = capsys.readouterr().err
    assert "forwarding and scoring, look 1 of 2: 5 of 6 PTMs, " in said
    assert "forwarding and scoring, look 2 of 2: 1 of 5 PTMs, " in said


def test_no_more_ptms_than_are_kept_are_no_race() -> None:
    asked: list = []
    race.race(["a", "b"], 4, noisy({"a": 1, "b": 0}, 0.1, asked), ["probe"], keep=2)
    assert asked == [("a", 4), ("b", 4)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=6, max_size=12, unique=True), st.integers(1, 5))
def test_the_first_places_always_go_on(values: list[float], keep: int) -> None:
    found = {f"p{i}": noisy({f"p{i}": value}, 0.0)(f"p{i}", 1, 20) for i, value in enumerate(values)}
    first = sorted(found, key=lambda name: -found[name].scores["probe"])[:keep]
    assert race.survivors(found, ["probe"], keep) == first  # without noise whoever is behind is behind on all of them


def test_a_ptm_that_fails_is_left_out_and_the_rest_is_ranked() -> None:
    good = noisy({name: i for i, name in enumerate("abcdefg")}, 0.1)

    def scored(name: str, looks: int, many: int) -> Scored:
        if name == "c" and looks == 2:
            raise FileError("c: the hub is gone\nand more")
        return good(name, looks, many)

    ran = race.race("abcdefg", 2, scored, ["probe"])
    assert ran.left_out == {"c": "c: the hub is gone"} and "c" not in ran.scored
    assert ran.places(["probe"])["ptm"].tolist()[0] == "g"

    def fails(name: str, looks: int, many: int) -> Scored:
        raise FileError(f"{name} is damaged")

    with pytest.raises(FileError, match="a is damaged"):
        race.race("ab", 1, fails, ["probe"])


def test_a_full_disk_stops_the_race() -> None:
    def scored(name: str, looks: int, many: int) -> Scored:
        raise RuntimeError("Unable to write: No space left on device")

    with pytest.raises(RuntimeError, match="No space left"):
        race.race("ab", 1, scored, ["probe"])


def test_when_time_is_up_what_was_seen_is_ranked() -> None:
    left = iter([9, 9, 9, 9, 0])
    ran = race.race("abcdefgh", 2, noisy({n: i for i, n in enumerate("abcdefgh")}, 0.1), ["probe"],
                    time_left=lambda: next(left, 0))  # fmt: skip
    assert ran.stopped and {*ran.scored} == {*"abcdef"}
    assert {*ran.left_out} == {*"gh"} and all("--budget" in why for why in ran.left_out.values())


def test_a_look_that_only_some_had_time_for_puts_nobody_first() -> None:
    left = iter([9] * 8 + [0])  # six are asked for in the first look, two in the second
    ran = race.race("abcdefgh", 2, noisy({n: i for i, n in enumerate("abcdefgh")}, 0.1), ["probe"], keep=7,
                    time_left=lambda: next(left, 0))  # fmt: skip
    assert ran.stopped and not ran.left_out and {*ran.looks.values()} == {1}
    assert ran.places(["probe"])["ptm"].tolist() == [*"hgfedcba"]


def classes_of(n: int, counts: list[int]) -> Split:
    targets = np.repeat(np.arange(len(counts)), counts)[np.random.default_rng(1).permutation(n)]
    return Split("s", "image_classification", [f"c{i}" for i in range(len(counts))], [], targets, "", "")


def test_looks_are_disjoint_and_each_union_has_the_classes_shares() -> None:
    split = classes_of(1600, [800, 600, 200])
    parts = data.looks(split, 0)
    assert sorted(np.concatenate(parts).tolist()) == list(range(1600))
    assert np.cumsum([len(part) for part in parts]).tolist() == [200, 400, 800, 1600]
    for looks in range(1, 5):
        seen = split.targets[np.concatenate(parts[:looks])]
        assert np.abs(np.bincount(seen) - len(seen) * np.array([0.5, 0.375, 0.125])).max() <= 2
    assert len(data.looks(classes_of(150, [100, 50]), 0)) == 1  # too few to look twice


def test_a_replay_on_stored_features_says_what_is_lost_and_saved() -> None:
    """Twelve PTMs whose features tell two classes apart the better, the later they stand."""
    random = np.random.default_rng(0)
    labels = np.arange(400) % 2
    inputs = {
        f"p{i:02d}": ScoreInputs(features=random.normal(size=(400, 8)) + (i / 4) * labels[:, None], labels=labels)
        for i in range(12)
    }
    truth = {name: i / 12 for i, name in enumerate(inputs)}
    found = replay.replay(inputs, truth, keep=4, shares=(8, 4, 2, 1))
    assert 0.125 < found["forwards"] < 1  # somebody was dropped
    assert found["lost"] == pytest.approx(found["tau_all"] - found["tau_race"]) and found["tau_race"] > 0.7
    everyone = replay.replay(inputs, truth, keep=12)
    assert everyone["forwards"] == 1 and everyone["lost"] == pytest.approx(0, abs=1e-12)
    assert everyone["looks"] == "400"
    assert replay.replay(inputs, truth, keep=4)["looks"] == "100 200 400"  # as `rank` looks at so many of two classes


def test_a_replay_counts_what_looks_inside_where_it_is_asked_for() -> None:
    """Two PTMs that cannot be told apart see everything. By default only the last look is inside: 3 x 40 passes each,
    as without a race; by what looks inside alone each look is: 40 + 2 x (20 + 40)."""
    random = np.random.default_rng(0)
    labels = np.arange(40) % 2
    some = ScoreInputs(features=random.normal(size=(40, 4)) + labels[:, None], labels=labels, inner=np.eye(40))
    found = replay.replay(dict.fromkeys("ab", some), {"a": 1, "b": 0}, order.DEFAULT, keep=1, shares=(2, 1))
    assert found["looks"] == "20 40" and found["forwards"] == 1
    found = replay.replay(dict.fromkeys("ab", some), {"a": 1, "b": 0}, ["probe_inner"], keep=1, shares=(2, 1))
    assert found["forwards"] == pytest.approx(160 / 120)


def test_who_is_dropped_is_decided_without_looking_inside() -> None:
    """Of eight PTMs three are hopeless by the last layer; only the five that are left are asked for the other."""
    quality, asked = {name: i for i, name in enumerate("abcdefgh")}, []
    good = noisy(quality, 0.1)

    def scored(name: str, looks: int, many: int) -> Scored:
        found, methods = good(name, looks, many), ["probe", "probe_inner"] if looks == 2 else ["probe"]
        asked.extend((name, method) for method in methods)
        parts = (found.scores, found.reasons, found.halves)
        return Scored(*({method: part["probe"] for method in methods} for part in parts), "")

    ran = race.race("abcdefgh", 2, scored, order.DEFAULT, early=order.before_the_last(order.DEFAULT))
    assert {name for name, method in asked if method == "probe_inner"} == {*"defgh"}
    places = ran.places(order.DEFAULT)
    assert places["ptm"].tolist() == [*"hgfedcba"] and places["score"].notna().all()
    assert order.before_the_last(["probe_inner"]) == ["probe_inner"]


def written(zoo: Path) -> Workspace:
    """The two PTMs of the tiny benchmark with features written here, of which one tells the classes apart."""
    benchmark, labels, random = Workspace(zoo), np.arange(160) % 2, np.random.default_rng(0)
    for target in ("digits", "sprites_scale"):
        for ptm, apart in (("vit_sprites", 4.0), ("byobnet_sprites", 0.0)):
            features = (random.normal(size=(160, 4)) + apart * labels[:, None]).astype(np.float32)
            for path in (benchmark.features(ptm, target), inner_file(benchmark.features(ptm, target))):
                with writing_features(path, 160, labels, "image_classification", {}) as file:
                    hdf5.put(file, "features", features)
    for ptm, value in (("vit_sprites", 0.9), ("byobnet_sprites", 0.6)):
        one = {"learning_rate": 0.1, "seed": 0, "validation": 0.5, "test": value, "chosen": 1}
        rows = [{"dataset": target, "task": "image_classification", **one} for target in ("digits", "sprites_scale")]
        benchmark.truth(ptm).parent.mkdir(parents=True, exist_ok=True)
        pd.DataFrame(rows).to_csv(benchmark.truth(ptm), index=False)
    return benchmark


def test_a_whole_benchmark_is_replayed(zoo: Path) -> None:
    benchmark = written(zoo)
    found = replay.of_benchmark(benchmark, [order.LEVEL], keep=1, shares=(8, 1))
    assert found["target"].tolist() == ["digits", "sprites_scale"] and found["ptms"].tolist() == [2, 2]
    assert (found["tau_race"] == 1).all() and found["forwards"].to_numpy() == pytest.approx((1 + 1 / 8) / 2)


def test_the_methods_that_rank_by_default_are_replayed_by_a_command(zoo: Path, tmp_path: Path) -> None:
    written(zoo)
    replay.main([str(zoo), str(tmp_path / "race.csv"), "--share", "8", "--share", "1"])
    table = pd.read_csv(tmp_path / "race.csv")
    assert table["target"].tolist() == ["digits", "sprites_scale"] and (table["looks"] == 160).all()
    # two PTMs are no race: each sees all at once
    assert (table["forwards"] == 1).all() and (table["lost"] == 0).all() and (table["tau_all"] == 1).all()


def test_ahead_counts_ties_by_half_and_nothing_as_behind() -> None:
    halves = pd.DataFrame({"a": [1.0, 1.0, 2.0, 1.0], "b": [2.0, 1.0, 1.0, np.nan]})
    assert order.ahead(halves, "a").to_dict() == {"a": 0.5, "b": 0.375}
