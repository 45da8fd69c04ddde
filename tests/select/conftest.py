"""A user's folder of pictures, and a benchmark with two tiny PTMs that were never trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from orbweaver.core.files import digest
from orbweaver.core.workspace import Workspace
from orbweaver.models import networks
from orbweaver.models.card import Card, write_card
from orbweaver.select import command
from orbweaver.select.order import forward
from orbweaver.select.zoo import public


def picture(path: Path, seed: int, size: tuple[int, int] = (40, 36), colour: int = 0) -> Path:
    """Noise around a colour of the class: something to tell apart."""
    noise = np.random.default_rng(seed).integers(0, 120, (size[1], size[0], 3), dtype=np.uint8)
    noise[:, :, colour % 3] += 100
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noise).save(path)
    return path


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache folder, which is not the real one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(public, "reachable", lambda: False)  # no test asks a hub
    return tmp_path / "cache" / "orbweaver"


@pytest.fixture
def tiny(tiny: dict) -> dict:
    """The tiny benchmark with a Model Spider, which some test may train."""
    tiny["spider"] = {"encoder": "vit_sprites", "rankers": {"spider": {"supervision": ["logme"]}}}
    return tiny


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two classes of 60 pictures, a few of another colour; in a folder whose name has spaces and more than ASCII."""
    folder = tmp_path / "Größe und 猫"
    for colour, name in enumerate(("Äpfel & Birnen", "dogs")):
        for i in range(60):
            picture(folder / name / f"p {i:02d}.png", 100 * colour + i, colour=colour + (i % 7 == 0))
    return folder


@pytest.fixture
def zoo(workspace: Path) -> Path:
    """The tiny benchmark's PTMs with random weights, as if the zoo had been built; no truth to calibrate on."""
    (workspace / "dvc.yaml").touch()
    specs = yaml.safe_load((workspace / "params.yaml").read_text())["ptms"]
    for seed, (name, spec) in enumerate(specs.items()):
        torch.manual_seed(seed)
        model = networks.build(spec["architecture"], 3, 32)
        folder = Workspace(workspace).ptm(name)
        folder.mkdir(parents=True)
        save_file(model.state_dict(), folder / "model.safetensors")
        card = Card(
            name=name,
            architecture=spec["architecture"],
            source="sprites_shape",
            source_classes=["a", "b", "c"],
            source_accuracy=0.5,
            n_parameters=sum(parameter.numel() for parameter in model.parameters()),
            feature_width=model.head_hidden_size,
            preprocessing=networks.preprocessing(spec["architecture"], 32),
            licence="",
            origin="",
            checkpoint=digest(folder / "model.safetensors"),
        )
        write_card(card, folder)
    return workspace


def interrupted(asked: list[str], at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs the command line until it forwards for the `at`-th time; then the user stops it."""
    real, seen = forward.features_of, []

    def features_of(*arguments: object) -> object:
        seen.append(arguments)
        if len(seen) == at:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patched, pytest.raises(SystemExit) as stopped:
        patched.setattr(forward, "features_of", features_of)
        command.main(asked)
    assert stopped.value.code == 130
