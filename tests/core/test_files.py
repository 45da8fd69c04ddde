"""Files are written in one step, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from orbweaver.core.errors import FileError
from orbweaver.core.files import atomic, digest, link, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), atomic(path) as temporary:
        temporary.write_text("new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    stale, alive = tmp_path / ".a.txt.999999999.tmp", tmp_path / ".a.txt.1.tmp"
    stale.touch()
    alive.touch()
    write_text(tmp_path / "a.txt", "new")
    assert sorted(tmp_path.iterdir()) == [alive, tmp_path / "a.txt"]


def test_link_replaces_and_survives_the_loss_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("new")
    (tmp_path / "out").write_text("old")
    link(tmp_path / "kept", tmp_path / "out")
    (tmp_path / "kept").unlink()
    assert (tmp_path / "out").read_text() == "new"


def test_a_digest_is_that_of_the_bytes_as_they_are_now(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    first = digest(tmp_path / "a")
    assert first == digest(tmp_path / "a") == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    write_text(tmp_path / "a", "two")
    assert digest(tmp_path / "a") != first
    with pytest.raises(FileError, match="b: not found; `dvc repro` makes it, `dvc pull` fetches it"):
        digest(tmp_path / "b")
