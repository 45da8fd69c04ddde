"""Files cut short or with a bit turned over: a reader gives what was written, or says in a sentence what is wrong."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orbweaver.core.errors import UserError
from orbweaver.core.formats.features import read_features
from orbweaver.core.formats.tables import read_csv
from orbweaver.core.workspace import Workspace
from orbweaver.data.split import read_split
from orbweaver.models import networks
from orbweaver.models.card import read_card
from orbweaver.pipeline import params
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
def place(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the tiny benchmark."""
    return Workspace(Path(shutil.copytree(built, tmp_path_factory.mktemp("damage") / "benchmark", symlinks=True)))


@DAMAGE
@given(data=st.data())
def test_parquet(place: Workspace, data: st.DataObject) -> None:
    path = place.split("targets", "digits", "train")
    whole = path.read_bytes()

    def read() -> tuple:
        found = read_split(path, place.cache)
        return (
            found.name,
            found.task,
            found.classes,
            [*found.images],
            found.targets.tolist(),
            found.licence,
            found.origin,
        )

    told_or_equal(path, whole, data, read)


@DAMAGE
@given(data=st.data())
def test_hdf5(place: Workspace, data: st.DataObject) -> None:
    path = place.features("vit_sprites", "digits")

    def read() -> tuple:
        found = read_features(path, {"ptm": "vit_sprites"})
        arrays = [np.asarray(array).tobytes() for array in (found.features, found.probabilities, found.targets)]
        return *arrays, found.task, found.made_from["checkpoint"]

    told_or_equal(path, path.read_bytes(), data, read)


@DAMAGE
@given(data=st.data())
def test_safetensors(place: Workspace, data: st.DataObject) -> None:
    path = place.ptm("vit_sprites") / "model.safetensors"
    card = read_card(place, "vit_sprites")
    told_or_equal(
        path,
        path.read_bytes(),
        data,
        lambda: [float(tensor.double().sum()) for tensor in networks.load(card, path.parent).state_dict().values()],
    )


@DAMAGE
@given(data=st.data())
def test_params(place: Workspace, data: st.DataObject) -> None:
    """Another valid benchmark is what the user asked for: nobody can tell it from a change by hand."""
    path = place.params
    whole = path.read_bytes()
    path.write_bytes(damaged(data, whole))
    try:
        assert isinstance(params.load(path), params.Params)
    except UserError as error:
        assert "params.yaml" in str(error)
    finally:
        path.write_bytes(whole)


@DAMAGE
@given(data=st.data())
def test_csv(place: Workspace, data: st.DataObject) -> None:
    """A table has no checksum of its own, DVC's apart (below): readable or told, never a traceback."""
    path = place.scores("digits")
    whole = path.read_bytes()
    path.write_bytes(damaged(data, whole))
    try:
        read_csv(path, ["dataset", "ptm", "method", "score", "reason"])
    except UserError as error:
        assert "digits.csv" in str(error)
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("seed", range(6))
def test_a_run_puts_every_damaged_output_right(place: Workspace, seed: int) -> None:
    """All outputs and dvc.lock damaged at once: the next run ends with the bytes there were, from DVC's cache."""
    rooms, chance = ("data/sources", "data/targets", "data/zoo", "features", "scores", "reports"), random.Random(seed)
    root = place.root
    expected, before = digests(root, *rooms), lock(root)
    for name in [*expected, "dvc.lock"]:
        path = root / name
        if path.stat().st_size and path.suffix in (".parquet", ".h5", ".safetensors", ".csv", ".json", ".lock"):
            whole = path.read_bytes()
            path.unlink()  # it may be a hard link into the store
            at, bit = chance.randrange(len(whole)), chance.randrange(9)
            path.write_bytes(turned_over(whole, at, bit) if bit < 8 else whole[:at])  # cut, one time in nine
    run(root, "python", "-m", "orbweaver.pipeline.run", "--jobs", "2")
    assert digests(root, *rooms) == expected
    # A stage whose very name was damaged stays in dvc.lock beside the right one; `orbweaver.pipeline.prune` removes it.
    assert lock(root)["stages"].items() >= before["stages"].items()
