"""Downloads and archives that cannot be trusted: what is wrong is refused, and what was interrupted goes on."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import json
import os
import subprocess
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orbweaver.core.errors import FileError
from orbweaver.data.fetch import archives, download
from orbweaver.data.fetch.archives import ArchiveError, extract
from orbweaver.data.fetch.download import DownloadError, fetch

CONTENT = bytes(range(256)) * 4000  # 1 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; `behave` is what it does wrong, `asked` the Range headers that it got."""

    behave = ""
    content = CONTENT
    etag = '"one"'
    again = ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        if self.server.behave == "busy":
            self.server.behave = ""
            self.send_response(429)
            self.send_header("Retry-After", self.server.again)
            self.end_headers()
            return
        if self.server.behave == "missing" or self.path != "/file.bin":
            self.send_error(404)
            return
        start = int(asked.split("=")[1].rstrip("-")) if asked else 0
        if self.headers.get("If-Range", self.server.etag) != self.server.etag:
            start = 0
        body = self.server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", self.server.etag)
        self.end_headers()
        if self.server.behave == "cut":  # half of what was announced, then nothing
            self.server.behave = ""
            body = body[: len(body) // 2]
        elif self.server.behave == "slow":  # silence longer than the client waits
            self.server.behave = ""
            self.wfile.write(body[:1000])
            self.wfile.flush()
            threading.Event().wait(1.5)
            return
        self.wfile.write(body)
        if len(body) < len(self.server.content) - start:
            self.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE", 0.01)
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def test_a_file_is_verified_kept_and_not_fetched_again(server: Server, tmp_path: Path) -> None:
    path = fetch(server.url, tmp_path / "file.bin", size=len(CONTENT), sha256=SHA256)
    assert path.read_bytes() == CONTENT
    fetch(server.url, path, size=len(CONTENT), sha256=SHA256)
    assert server.asked == [None]
    assert {p.name for p in tmp_path.iterdir()} == {"file.bin", ".file.bin.json"}
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    fetch(server.url, tmp_path / "other.bin", md5=md5)
    with pytest.raises(DownloadError, match="its md5 is"):
        fetch(server.url, path, md5="0" * 32)


def test_what_is_not_the_published_file_is_not_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"file\.bin: its sha256 is .*not 0000.*it was not kept"):
        fetch(server.url, tmp_path / "file.bin", sha256="0" * 64)
    with pytest.raises(DownloadError, match=r"1,024,000 bytes, 5 were published"):
        fetch(server.url, tmp_path / "file.bin", size=5)
    assert not [p for p in tmp_path.iterdir() if not p.name.endswith(".etag")]


def test_a_file_that_was_changed_afterwards_is_refused(server: Server, tmp_path: Path) -> None:
    path = fetch(server.url, tmp_path / "file.bin", sha256=SHA256)
    path.write_bytes(CONTENT[::-1])
    with pytest.raises(DownloadError, match="its sha256 is"):
        fetch(server.url, path, sha256=SHA256)


def test_without_a_published_checksum_the_first_download_is_the_measure(server: Server, tmp_path: Path) -> None:
    path = fetch(server.url, tmp_path / "file.bin")
    assert json.loads((tmp_path / ".file.bin.json").read_text())["sha256"] == SHA256
    path.unlink()
    fetch(server.url, path)
    path.unlink()
    server.content, server.etag = CONTENT[::-1], '"two"'
    with pytest.raises(DownloadError, match="as it had the first time"):
        fetch(server.url, path)
    assert not path.exists()


@pytest.mark.parametrize("fault", ["cut", "slow"])
def test_an_interrupted_download_goes_on(
    server: Server, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "TIMEOUT", (1, 0.5))
    monkeypatch.setattr(download, "BLOCK", 1000)
    server.behave = fault
    assert fetch(server.url, tmp_path / "file.bin", sha256=SHA256).read_bytes() == CONTENT
    assert server.asked[0] is None
    assert int(server.asked[1].removeprefix("bytes=").rstrip("-")) > 0


def test_a_part_of_another_version_is_begun_anew(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.behave = "cut"
    with pytest.raises(DownloadError, match="cannot be downloaded"):
        fetch(server.url, tmp_path / "file.bin")
    server.content, server.etag = CONTENT[::-1], '"two"'
    assert fetch(server.url, tmp_path / "file.bin").read_bytes() == CONTENT[::-1]


def test_no_network_and_no_file_say_what_to_do(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.behave = "missing"
    with pytest.raises(DownloadError, match=r"the server says 404.*place it as .*file\.bin"):
        fetch(server.url, tmp_path / "file.bin")
    monkeypatch.setattr(download, "ATTEMPTS", 2)
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:1/x cannot be downloaded.*place it as .*file\.bin and run"):
        fetch("http://127.0.0.1:1/x", tmp_path / "file.bin")


def test_a_server_that_is_asked_too_often_says_when_to_ask_again(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(download.time, "sleep", waited.append)
    server.behave, server.again = "busy", "37"
    assert fetch(server.url, tmp_path / "file.bin", sha256=SHA256).read_bytes() == CONTENT
    assert waited == [37]
    assert download.seconds_of("1e9") == download.LONGEST
    assert download.seconds_of("soon") == download.seconds_of("") == download.seconds_of("-3") == 0
    date = formatdate(time.time() + 100, usegmt=True)
    assert 90 < download.seconds_of(date) <= 100
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.behave = "busy"
    with pytest.raises(DownloadError, match=r"cannot be downloaded \(TooManyRequests\)"):
        fetch(server.url, tmp_path / "again.bin")


def test_a_mirror_is_asked_when_the_first_address_fails(server: Server, tmp_path: Path) -> None:
    gone = server.url.replace("file.bin", "gone.bin")
    assert fetch(gone, tmp_path / "a.bin", sha256=SHA256, mirror=server.url).read_bytes() == CONTENT
    assert fetch(server.url, tmp_path / "b.bin", sha256=SHA256, mirror=gone).read_bytes() == CONTENT
    with pytest.raises(DownloadError, match=r"/gone\.bin: the server says 404"):
        fetch(gone, tmp_path / "c.bin", mirror=gone.replace("gone", "lost"))
    with pytest.raises(DownloadError, match=r"its sha256 is .*not 0000"):  # a mirror is verified like the first
        fetch(server.url, tmp_path / "d.bin", sha256="0" * 64, mirror=server.url)
    assert not (tmp_path / "d.bin").exists()


def test_too_little_room_is_told_beforehand(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MARGIN", 10**18)
    with pytest.raises(DownloadError, match=r"file\.bin needs 1\.0 MB and .* has .* free"):
        fetch(server.url, tmp_path / "file.bin")
    assert not (tmp_path / ".file.bin.part").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB; only where the tests may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(server: Server, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MARGIN", -(10**9))  # as when another process took the room meanwhile
    with pytest.raises(DownloadError, match=r"file\.bin: the disk is full; make room"):
        fetch(server.url, small_disk / "file.bin", sha256=SHA256)
    assert not (small_disk / "file.bin").exists()
    archive = small_disk.parent / "big.zip"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("big", CONTENT)
    with pytest.raises(FileError, match=r"big\.zip: cannot be unpacked into .*small"):
        extract(archive, small_disk)


# --- archives ---


def tarred(path: Path, *members: tarfile.TarInfo, content: bytes = b"x" * 10) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def zipped(path: Path, name: str, content: bytes = b"x", mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        out.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def test_sound_archives_are_unpacked(tmp_path: Path) -> None:
    extract(tarred(tmp_path / "a.tar.gz", member("d", tarfile.DIRTYPE), member("d/e/f.txt")), tmp_path / "a")
    assert (tmp_path / "a/d/e/f.txt").read_bytes() == b"x" * 10
    extract(zipped(tmp_path / "b.zip", "d/f.txt"), tmp_path / "b")
    assert (tmp_path / "b/d/f.txt").read_bytes() == b"x"
    (tmp_path / "c.mat.gz").write_bytes(gzip.compress(b"cc"))
    extract(tmp_path / "c.mat.gz", tmp_path / "c")
    assert (tmp_path / "c/c.mat").read_bytes() == b"cc"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (member("../out"), "leads out of its folder"),
        (member("/tmp/out"), "leads out of its folder"),
        (member("a/../../out"), "leads out of its folder"),
        (member("C:\\out"), "leads out of its folder"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "is a link or a device"),
        (member("link", tarfile.LNKTYPE, "good"), "is a link or a device"),
        (member("null", tarfile.CHRTYPE), "is a link or a device"),
        (member("pipe", tarfile.FIFOTYPE), "is a link or a device"),
    ],
)
def test_bad_tar_members_are_refused(tmp_path: Path, bad: tarfile.TarInfo, message: str) -> None:
    archive = tarred(tmp_path / "bad.tar.gz", member("good"), bad)
    with pytest.raises(ArchiveError, match=message):
        extract(archive, tmp_path / "into")
    assert {p.name for p in tmp_path.rglob("*")} <= {"bad.tar.gz", "into", "good"}


@pytest.mark.parametrize("name", ["../out", "/out", "a/../../out"])
def test_bad_zip_members_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="leads out of its folder"):
        extract(zipped(tmp_path / "bad.zip", name), tmp_path / "into")
    with pytest.raises(ArchiveError, match="is a link or a device"):
        extract(zipped(tmp_path / "link.zip", "l", b"/etc/passwd", 0o120777), tmp_path / "into")


def test_nothing_is_written_through_a_link_that_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "into/d").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArchiveError, match="leads out of"):
        extract(tarred(tmp_path / "a.tar.gz", member("d/f")), tmp_path / "into")
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "gz"])
def test_bombs_are_stopped(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SPARE", 2**20)
    path, zeros = tmp_path / f"bomb.{kind}", bytes(2**24)
    if kind == "zip":
        zipped(path, "zeros", zeros)
    elif kind == "gz":
        path.write_bytes(gzip.compress(zeros))
    else:
        tarred(path, member("zeros"), content=zeros)
    with pytest.raises(ArchiveError, match="times its own size"):
        extract(path, tmp_path / "into")
    assert sum(p.stat().st_size for p in (tmp_path / "into").rglob("*")) < 2**22


def test_many_members_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MEMBERS", 3)
    with pytest.raises(ArchiveError, match="more than 3 members"):
        extract(tarred(tmp_path / "a.tar.gz", *(member(f"f{i}") for i in range(5))), tmp_path / "into")


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "gz"])
def test_truncated_archives_are_named(tmp_path: Path, kind: str) -> None:
    path, content = tmp_path / f"a.{kind}", os.urandom(100_000)
    if kind == "zip":
        zipped(path, "f", content)
    elif kind == "gz":
        path.write_bytes(gzip.compress(content))
    else:
        tarred(path, member("f"), content=content)
    path.write_bytes(path.read_bytes()[:50_000])
    with pytest.raises(ArchiveError, match=r"damaged"):
        extract(path, tmp_path / "into")


@settings(max_examples=25, deadline=None)
@given(name=st.text(st.sampled_from("ab./\\:\0"), min_size=1, max_size=8))
def test_no_name_leads_out(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("names")
    try:
        place = archives._inside(name, Path("a.tar"))
    except ArchiveError:
        return
    assert (folder / place).resolve().is_relative_to(folder.resolve())
