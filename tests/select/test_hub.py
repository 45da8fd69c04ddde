"""Twenty public PTMs from a local folder in the hub's layout: real names, random weights; and what may go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from orbweaver.select import command, progress
from orbweaver.select.order import order
from orbweaver.select.zoo.candidates import candidates
from orbweaver.select.zoo.limits import Limits
from tests.select.conftest import interrupted, picture

LIMITS = Limits(max_gmacs=0.1, max_parameters=3)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The candidates, whose weights lie in the hub's cache, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(order, "HALVES", 6)
    monkeypatch.setattr(progress, "EVERY", 0.0)
    found = [one.name for one in candidates(limits=LIMITS)]
    for seed, name in enumerate(found):
        torch.manual_seed(seed)
        network = timm.create_model(name.partition("/")[2])
        save_file(network.state_dict(), weights(tmp_path, name, make=True))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return found


def weights(root: Path, name: str, make: bool = False) -> Path:
    """Where the hub's client keeps the weights of a repository."""
    repository = timm.get_pretrained_cfg(name.partition("/")[2]).hf_hub_id
    folder = root / "hub" / f"models--{repository.replace('/', '--')}"
    if make:
        (folder / "refs").mkdir(parents=True)
        (folder / "refs/main").write_text("0" * 40)
        (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    return folder / "snapshots" / ("0" * 40) / "model.safetensors"


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Enough pictures of two classes for two looks."""
    for i in range(200):
        picture(tmp_path / "many" / f"{i % 2}" / f"{i}.png", i, (16, 16), colour=i % 2)
    return tmp_path / "many"


@pytest.mark.slow
def test_twenty_public_ptms_are_chosen_raced_and_resumed_and_what_fails_is_named(
    names: list[str], many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert len(names) == 20
    damaged, gone = names[12], names[11]
    weights(tmp_path, damaged).write_bytes(weights(tmp_path, damaged).read_bytes()[:5000])
    weights(tmp_path, gone).unlink()  # the hub was gone before it was downloaded
    asked = ["rank", str(many), "--max-gmacs", "0.1", "--max-parameters", "3"]
    interrupted(asked, 6, monkeypatch)
    said = capsys.readouterr().err
    assert "20 public PTMs chosen; 1 not on this disk, about 0.0 GB to download" in said
    assert "look 1 of 2: 5 of 18 PTMs" in said and "the same command goes on there" in said

    command.main([*asked, "--json"])
    printed = json.loads(capsys.readouterr().out)
    rows = {row["ptm"]: row for row in printed["ranking"]}
    assert {*rows} == {*names} - {damaged, gone}
    for name in (damaged, gone):
        assert sum(note.startswith(f"{name} was left out: ") for note in printed["notes"]) == 1
    assert all(row["score"] is not None for row in rows.values())
    whole = {name for name, row in rows.items() if row["samples"] == 200}
    assert len(whole) >= 5 and all(rows[name]["samples"] == 100 for name in {*rows} - whole)
    # the last layer once a sample, and two passes inside for those that saw all; five were forwarded before
    assert all(rows[name]["forwards"] in (0, 100, 500, 600) for name in rows)
    assert sum(rows[name]["forwards"] in (0, 500) for name in rows) == 5


@pytest.mark.slow
def test_a_disk_that_is_full_stops_with_a_sentence(
    names: list[str], many: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("orbweaver.core.files.os.fsync", full)
    with pytest.raises(SystemExit, match="No space left on device"):
        command.main(["rank", str(many), "--max-gmacs", "0.1", "--max-parameters", "3"])
