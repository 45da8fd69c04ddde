"""Pruning: what params.yaml no longer names goes, nothing that it names is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orbweaver.core.files import write_text
from orbweaver.core.workspace import Workspace
from orbweaver.pipeline.params import load
from orbweaver.pipeline.plan import without
from orbweaver.pipeline.prune import human, stale_outputs, stale_results
from tests.conftest import change, digests, run

ENTRY = """  {}:
    cmd: run
    deps:
    - path: in
      md5: 5d41402a.dir
    params:
      params.yaml:
        seed: 0
"""
NAMES = st.lists(st.from_regex(r"[a-z]+(@[a-z0-9_-]+)?", fullmatch=True), min_size=1, max_size=8, unique=True)


@settings(max_examples=25, deadline=None)
@given(NAMES, st.data())
def test_only_the_named_entries_leave_the_lock(names: list[str], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(names)))
    quoted = [f"'{name}'" if name in ("true", "null", "yes", "no", "on", "off", "y", "n") else name for name in names]
    text = "schema: '2.0'\nstages:\n" + "".join(map(ENTRY.format, quoted))
    left = without(text, gone)
    assert {*(yaml.safe_load(left)["stages"] or {})} == {*names} - gone
    assert without(text, []) == text


PATHS = st.sets(st.from_regex(r"[ab]/[ab](/[ab])?(/[ab]\.csv)?", fullmatch=True), max_size=6)


@settings(max_examples=25, deadline=None)
@given(named=PATHS, lying=PATHS)
def test_nothing_named_is_stale_and_everything_else_is(
    named: set[str], lying: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rooms")
    for name in lying | named:
        path = folder / name / "file"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    outputs = {folder / name for name in named}
    stale = [*stale_outputs([folder / "a", folder / "b"], outputs)]
    for path in folder.rglob("file"):
        is_named = any(output in path.parents for output in outputs)
        assert is_named != any(gone in path.parents or gone == path for gone in stale)


def test_sizes_are_readable() -> None:
    assert [human(n) for n in (0, 999, 1000, 2_500_000, 10**15)] == ["0 B", "999 B", "1 kB", "2 MB", "1000.0 TB"]


def test_only_what_a_stage_of_the_benchmark_noted_stays_in_the_store(workspace: Path) -> None:
    place = Workspace(workspace)
    cache, p = place.cache, load(place.params)

    def used(stage: str, *keys: str) -> None:
        with cache.noting(stage):
            for key in keys:
                write_text(cache.path("features", ".h5", key), key)

    used("features@gone", "shared", "of the gone")
    used("features@vit_sprites", "shared", "of before")
    used("features@vit_sprites", "shared", "own")  # again, after a change: what it used before is nobody's
    with pytest.raises(KeyError), cache.noting("features@vit_sprites"):
        cache.path("features", ".h5", "unfinished")
        raise KeyError
    write_text(cache.path("images", ".rgb", "of nobody"), "")
    for path in (place.log("zoo@gone"), place.log("scores@digits"), place.seconds("gone"), place.seconds("digits")):
        write_text(path, "")
    write_text(place.run_lock(), "")
    write_text(place.store / "used/features@vit_sprites.12345", "")  # of a stage that was killed
    stale = stale_results(place, ["features@vit_sprites", "scores@digits"], p)
    assert {path.relative_to(place.store).as_posix() for path in stale} == {
        "features/of/of before.h5",
        "features/of/of the gone.h5",
        "images/of/of nobody.rgb",
        "logs/zoo@gone.log",
        "seconds/gone.csv",
        "used/features@gone",
        "used/features@vit_sprites.12345",
    }


@pytest.mark.slow
def test_what_is_dropped_goes_and_the_rest_is_not_computed_again(benchmark: Path) -> None:
    def kept() -> set[Path]:
        return {path for path in (benchmark / ".store").rglob("*") if path.is_file() and path.suffix != ".log"}

    prune = ("python", "-m", "orbweaver.pipeline.prune")
    assert "Nothing to remove" in run(benchmark, *prune, "--yes")
    change(benchmark, lambda p: p["ptms"].update(renamed=p["ptms"].pop("byobnet_sprites")))
    change(benchmark, lambda p: p["targets"].pop("digits"))
    assert "not up to date" in run(benchmark, *prune, "--yes", fails=True)
    run(benchmark, "python", "-m", "orbweaver.pipeline.run")
    before, all_kept = digests(benchmark, "data", "features", "scores", "reports"), kept()

    shown = run(benchmark, *prune, fails=True)  # nobody answers
    for line in ("dvc.lock: zoo@byobnet_sprites", "data/targets/digits: ", "features/byobnet_sprites: "):
        assert line in shown
    assert digests(benchmark, "data", "features", "scores", "reports") == before
    assert "Removed." in run(benchmark, *prune, "--yes")

    after = digests(benchmark, "data", "features", "scores", "reports")
    assert after.items() <= before.items()
    assert not [name for name in after if "byobnet" in name or "/targets/digits" in name]
    assert "byobnet_sprites" not in (benchmark / "dvc.lock").read_text()
    pruned = kept()
    rooms = {path.relative_to(benchmark).parts[1] for path in all_kept - pruned}
    # Nothing of the zoo: its training is the renamed one's.
    assert rooms == {"seconds", "features", "finetune", "scores", "spider", "used"}
    run(benchmark, "dvc", "repro", "-q")  # stages look at a smaller folder
    assert kept() == pruned  # and compute nothing
    # They note less than before: what was of the dropped target alone goes now.
    after = digests(benchmark, "data", "features", "scores", "reports")
    assert "Removed." in run(benchmark, *prune, "--yes")
    assert {path.relative_to(benchmark).parts[1] for path in pruned - kept()} == {
        "features", "finetune", "labels", "pixels"}  # fmt: skip
    assert digests(benchmark, "data", "features", "scores", "reports") == after
    assert "Nothing to remove" in run(benchmark, *prune, "--yes")
