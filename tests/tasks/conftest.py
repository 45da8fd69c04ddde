"""PTMs that several tests look at, trained once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from orbweaver.core.cache import Cache
from orbweaver.core.workspace import Workspace
from orbweaver.tasks import ZOO

from .examples import MakePtm, trained


@pytest.fixture
def store(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "store")


@pytest.fixture(scope="session")
def ptm_for(tmp_path_factory: pytest.TempPathFactory) -> MakePtm:
    """Gives a PTM for targets of a task. Do not write into its folder."""
    workspace = Workspace(tmp_path_factory.mktemp("zoo"))
    made = cache(lambda of: trained(workspace, of, of))
    return lambda name: made(ZOO[name])
