"""Files cut short or with a bit turned over: a reader gives what was written, or says in a sentence what is wrong."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages import files, params
from stages.errors import UserError
from stages.zoo import models
from stages.zoo.cards import read_card
from tests.conftest import digests, lock, run

pytestmark = pytest.mark.slow
DAMAGE = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def turned_over(whole: bytes, place: int, bit: int) -> bytes:
    return whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]


def damaged(data: st.DataObject, whole: bytes) -> bytes:
    """Cut anywhere, or one bit turned over anywhere."""
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        return whole[:place]
    return turned_over(whole, place, data.draw(st.integers(0, 7)))


def told_or_equal(path: Path, whole: bytes, data: st.DataObject, read: Callable[[], object]) -> None:
    """`read` of a damaged file gives a UserError or what it gives of the whole one."""
    path.write_bytes(whole)
    expected = read()
    path.write_bytes(damaged(data, whole))
    try:
        found = read()
    except UserError as error:
        assert len(str(error)) > 20
    else:
        assert repr(found) == repr(expected)
    finally:
        path.write_bytes(whole)


@pytest.fixture(scope="module")
def place(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny benchmark in which stages' readers work."""
    folder = Path(shutil.copytree(built, tmp_path_factory.mktemp("damage") / "benchmark", symlinks=True))
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@DAMAGE
@given(data=st.data())
def test_parquet(place: Path, data: st.DataObject) -> None:
    path = files.dataset_path("targets", "digits", "train")
    whole = path.read_bytes()

    def read() -> tuple:
        found = files.read_images(path)
        return found.name, found.kind, found.classes, found.images, found.targets.tolist(), found.licence, found.origin

    told_or_equal(path, whole, data, read)


@DAMAGE
@given(data=st.data())
def test_hdf5(place: Path, data: st.DataObject) -> None:
    path = files.features_path("vit_sprites", "digits")

    def read() -> tuple:
        found = files.read_features(path, {"ptm": "vit_sprites"})
        arrays = [np.asarray(array).tobytes() for array in (found.features, found.probabilities, found.targets)]
        return *arrays, found.kind, found.made_from["checkpoint"]

    told_or_equal(path, path.read_bytes(), data, read)


@DAMAGE
@given(data=st.data())
def test_safetensors(place: Path, data: st.DataObject) -> None:
    path = files.zoo_path("vit_sprites") / "model.safetensors"
    card = read_card("vit_sprites")
    told_or_equal(
        path,
        path.read_bytes(),
        data,
        lambda: [float(tensor.double().sum()) for tensor in models.load(card).state_dict().values()],
    )


@DAMAGE
@given(data=st.data())
def test_params(place: Path, data: st.DataObject) -> None:
    """Another valid benchmark is what the user asked for: nobody can tell it from a change by hand."""
    path = Path("params.yaml")
    whole = path.read_bytes()
    path.write_bytes(damaged(data, whole))
    try:
        assert isinstance(params.load(), params.Params)
    except UserError as error:
        assert "params.yaml" in str(error)
    finally:
        path.write_bytes(whole)


@DAMAGE
@given(data=st.data())
def test_csv(place: Path, data: st.DataObject) -> None:
    """A table has no checksum of its own, DVC's apart (below): readable or told, never a traceback."""
    path = files.scores_path("digits")
    whole = path.read_bytes()
    path.write_bytes(damaged(data, whole))
    try:
        files.read_csv(path, ["dataset", "ptm", "method", "score", "reason"])
    except UserError as error:
        assert "digits.csv" in str(error)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("seed", range(6))
def test_a_run_puts_every_damaged_output_right(place: Path, seed: int) -> None:
    """All outputs and dvc.lock damaged at once: the next run ends with the bytes there were, from DVC's cache."""
    rooms, chance = ("data/sources", "data/targets", "data/zoo", "features", "scores", "reports"), random.Random(seed)
    expected, before = digests(place, *rooms), lock(place)
    for name in [*expected, "dvc.lock"]:
        path = place / name
        if path.stat().st_size and path.suffix in (".parquet", ".h5", ".safetensors", ".csv", ".json", ".lock"):
            whole = path.read_bytes()
            path.unlink()  # it may be a hard link into the store
            at, bit = chance.randrange(len(whole)), chance.randrange(9)
            path.write_bytes(turned_over(whole, at, bit) if bit < 8 else whole[:at])  # cut, one time in nine
    run(place, "python", "-m", "stages.run", "--jobs", "2")
    assert digests(place, *rooms) == expected
    # A stage whose very name was damaged stays in dvc.lock beside the right one; `stages.prune` removes it.
    assert lock(place)["stages"].items() >= before["stages"].items()
