"""A tiny benchmark in a folder of its own: two sources, two targets, PTMs that train in a second."""

from __future__ import annotations

import gc
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

# Workers share the cores: one thread each, or they wait for one another. Read when numpy and torch load, after this.
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

ROOT = Path(__file__).parent.parent
TINY = {
    "seed": 0,
    "threads": 1,
    "sources": {"sprites_shape": {"train": 60, "test": 30, "image_size": 32}},
    "targets": {
        "digits": {"train": 60, "test": 40, "image_size": 32},
        "sprites_scale": {"train": 60, "test": 40, "image_size": 32},
    },
    "ptms": {
        "vit_sprites": {"architecture": "test_vit", "source": "sprites_shape", "input_size": 32},
        "byobnet_sprites": {"architecture": "test_byobnet", "source": "sprites_shape", "input_size": 32},
    },
    "pretrain": {"epochs": 1, "batch_size": 32, "learning_rate": 0.002, "weight_decay": 0.05},
    "features": {"batch_size": 32},
    "encoders": {"wordllama": {"model": "wordllama"}},
    "labels": {"pooling": "masked_mean", "template": "{}", "batch_size": 32},
    "truth": "finetune",
    "finetune": {
        "epochs": 1,
        "batch_size": 16,
        "learning_rates": [0.001, 0.01],
        "weight_decay": 0.05,
        "validation_fraction": 0.2,
        "seeds": 2,
    },
    "methods": ["parameters", "source_accuracy", "h_score", "nce", "leep", "logme", "emms", "spider"],
    "spider": {
        "encoder": "vit_sprites",
        "episodes": {"mixtures": 4, "draws": 6, "validation": 0.25, "ways": 100, "shots": 50, "bins": 10},
        "width": 8,
        "epochs": 1,
        "batch_size": 16,
        "learning_rate": 0.001,
        "dropout": 0.1,
        "rankers": {"spider": {"supervision": ["held_out"], "evidence": ["probe"]}},
    },
    "reports": {"bootstrap": 20},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes a pipeline first: no worker then waits for another's in the end."""
    items.sort(key=lambda item: not {"built", "benchmark"} & {*getattr(item, "fixturenames", ())})


def pytest_collection_finish() -> None:
    """What imports left stays to the end: nobody walks through half a million objects again to find what is free."""
    gc.freeze()


@pytest.fixture
def tiny() -> dict:
    """A copy of the tiny benchmark's parameters, to change at will."""
    return yaml.safe_load(yaml.safe_dump(TINY))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: dict) -> Path:
    """An empty working folder with the tiny params.yaml, made the current one."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tiny, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def clone_repository(folder: Path, params: dict) -> Path:
    """The repository's files as they are now, as a git repository of its own with the given parameters."""
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split("\n")
    for name in filter(None, tracked):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "dvc.lock")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    for command in (
        ["init", "-q", "-b", "main"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "tiny benchmark"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def run(folder: Path, *command: str, fails: bool = False, environment: dict[str, str] = ENVIRONMENT) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def hot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], dict[str, str]]]:
    """Gives the environment in which stages of any clone are forked from one process that has the libraries.

    It is started by the first who asks: stages then take a third of the time.
    """
    from orbweaver.core.workspace import Workspace  # loads numpy, which reads the lines above
    from orbweaver.pipeline.warm import warm

    root = tmp_path_factory.mktemp("hot")
    for name in ("orbweaver", "stages"):
        (root / name).symlink_to(ROOT / name)
    with ExitStack() as stack:

        @cache
        def environment() -> dict[str, str]:
            inside = stack.enter_context(warm(Workspace(root), ENVIRONMENT))
            place = inside.get("ORBWEAVER_WARM")  # named from `root`; asked for from elsewhere
            return inside | ({"ORBWEAVER_WARM": str(root / place)} if place else {})

        yield environment


def ran(output: str) -> set[str]:
    """Names of the stages that a `dvc repro` ran, not those that it skipped or restored."""
    return set(re.findall(r"Running stage '([^']+)'", output))


def change(folder: Path, edit: Callable[[dict], object]) -> None:
    path = folder / "params.yaml"
    values = yaml.safe_load(path.read_text())
    edit(values)
    path.write_text(yaml.safe_dump(values, sort_keys=False))


def lock(folder: Path) -> dict:
    """A clone's dvc.lock: under "stages", each with the digests of what it read and wrote."""
    return yaml.safe_load((folder / "dvc.lock").read_text())


def digests(folder: Path, *rooms: str) -> dict[str, str]:
    others = (".gitignore", "index.html")  # the page tells seconds and is no output
    paths = sorted(p for room in rooms for p in (folder / room).rglob("*") if p.is_file() and p.name not in others)
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, worker_id: str, hot: Callable[[], dict[str, str]]) -> Path:
    """A clone in which the tiny benchmark was built: once, by the first of pytest's workers that asks."""
    base = tmp_path_factory.getbasetemp()
    root = base if worker_id == "master" else base.parent
    folder, done = root / "built", root / "built.done"
    with FileLock(root / "built.lock"):
        if not done.exists():
            clone_repository(folder, TINY)
            run(folder, "dvc", "repro", environment=hot())
            done.touch()
    return folder


@pytest.fixture
def benchmark(built: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    return Path(shutil.copytree(built, tmp_path / "benchmark", symlinks=True))
