"""The cache: finished work is never done twice, and never taken for the work of other code or other arguments."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from orbweaver.core import code
from orbweaver.core.cache import Cache, fingerprint, kept
from orbweaver.core.files import atomic, write_text
from orbweaver.core.settings import Section

# A project of its own: `work` makes something with `helper`, which imports `deep`; `neutral` can change nothing.
MODULES = {
    "work": """
        from core.files import write_text
        from core.cache import kept
        from PACKAGE import helper
        from PACKAGE.neutral import shout

        @kept("sums", ".txt")
        def total(path, cache, *numbers, **named):
            shout(helper.add(numbers))
            calls.append(numbers)
            write_text(path, str(helper.add(numbers) + sum(named.values())))

        calls = []
    """,
    "helper": """
        def add(numbers):
            from . import deep  # late, and relative

            return deep.ONE * sum(numbers)
    """,
    "deep": "ONE = 1",
    "neutral": "def shout(words): print(words)",
}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "store")


class Project:
    """The modules above in a package that counts as the project's; `edit` changes one as between two runs."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.package = f"project_{folder.name}"
        self.folder = folder / self.package
        self.monkeypatch = monkeypatch
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setattr(code, "PROJECT", (*code.PROJECT, self.package))
        monkeypatch.setattr(code, "NEUTRAL", code.NEUTRAL | {f"{self.package}.neutral"})
        write_text(self.folder / "__init__.py", "")
        for name, source in MODULES.items():
            lines = source.replace("PACKAGE", self.package).replace("from core.", "from orbweaver.core.").split("\n")
            write_text(self.folder / f"{name}.py", "\n".join(line.removeprefix("        ") for line in lines) + "\n")

    def work(self) -> object:
        """The module as a new process has it."""
        for name in [name for name in sys.modules if name.partition(".")[0] == self.package]:
            del sys.modules[name]
        for function in (code._source, code._module, code.closure, code.code_version):
            function.cache_clear()
        importlib.invalidate_caches()
        return importlib.import_module(f"{self.package}.work")

    def edit(self, name: str, edit: Callable[[str], str]) -> object:
        path = self.folder / f"{name}.py"
        before = path.read_text()
        path.write_text(edit(before))
        assert path.read_text() != before
        return self.work()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    yield Project(tmp_path, monkeypatch)
    for function in (code._source, code._module, code.closure, code.code_version):
        function.cache_clear()


# --- keys ---


def test_work_is_done_once(cache: Cache, project: Project) -> None:
    work = project.work()
    path = work.total(cache, 1, 2, extra=3)
    assert (path.read_text(), work.calls) == ("6", [(1, 2)])
    assert work.total(cache, 1, 2, extra=3) == path == work.total.place(cache, 1, 2, extra=3)
    assert work.calls == [(1, 2)]
    assert path.relative_to(cache.root).parts[0] == "sums" and path.suffix == ".txt"


def test_every_argument_counts(cache: Cache, project: Project) -> None:
    total = project.work().total
    calls = [((1, 2), {}), ((2, 1), {}), ((1,), {"a": 2}), ((1,), {"b": 2}), ((12,), {}), ((1, 2.5), {}), ((), {})]
    assert len({total.place(cache, *numbers, **named) for numbers, named in calls}) == len(calls)
    assert not cache.root.exists()  # asking for a place makes nothing


@pytest.mark.parametrize("name", ["work", "helper", "deep"])
def test_code_counts_however_it_is_imported(cache: Cache, project: Project, name: str) -> None:
    place = project.work().total.place(cache, 1)
    edits = {"work": ("str(", "repr("), "helper": ("sum(numbers)", "sum(numbers, 0)"), "deep": ("1", "2")}
    changed = project.edit(name, lambda source: source.replace(*edits[name]))
    assert changed.total.place(cache, 1) != place
    assert changed.total(cache, 1).read_text() == ("2" if name == "deep" else "1")


def test_comments_docstrings_and_neutral_modules_do_not_count(cache: Cache, project: Project) -> None:
    place = project.work().total.place(cache, 1)
    assert project.edit("deep", lambda source: f"# why\n\n{source}  # here\n").total.place(cache, 1) == place
    assert project.edit("deep", lambda source: f'"""What it has."""\n{source}').total.place(cache, 1) == place
    assert (
        project.edit("deep", lambda source: source.replace("What it has", "Its number")).total.place(cache, 1) == place
    )
    said = project.edit("work", lambda source: source.replace(":\n", ':\n    """What it does."""\n', 1))
    assert said.total.__doc__ == "What it does."
    assert said.total.place(cache, 1) == place
    neutral = project.edit("neutral", lambda source: source.replace("print(words)", "print(words, words)"))
    assert neutral.total.place(cache, 1) == place


def test_another_function_of_the_module_has_other_places(cache: Cache, project: Project) -> None:
    def twin(source: str) -> str:
        return source + source[source.index("@kept") :].replace("def total", "def twin")

    work = project.edit("work", twin)
    assert work.twin.place(cache, 1) != work.total.place(cache, 1)


def test_imports_for_types_alone_and_of_other_projects_do_not_count(project: Project) -> None:
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from {0} import neutral\n"
    typed += "else:\n    from {0} import deep\n"
    project.edit("helper", lambda source: typed.format(project.package) + "import numpy\n")
    assert code.closure(f"{project.package}.helper") == {f"{project.package}.helper", f"{project.package}.deep"}


def test_a_librarys_version_counts_where_it_is_imported(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def versions(number: str) -> tuple[str, str]:
        monkeypatch.setattr(code, "version", lambda package: f"{package} {number}")
        code.code_version.cache_clear()
        return code.code_version(f"{project.package}.helper"), code.code_version(f"{project.package}.deep")

    project.edit("helper", lambda source: "import numpy.linalg\n" + source)
    first, second = versions("1"), versions("2")
    assert first[0] != second[0] and first[1] == second[1]


# --- fingerprints ---


class Settings(Section):
    width: int
    depth: int = 2


@dataclass
class Known:
    fingerprint: str


def test_values_say_what_they_are() -> None:
    assert fingerprint(Settings(width=1)) == {"width": 1, "depth": 2}
    assert fingerprint([Known("abc"), (1, None, True, 0.5)]) == ["abc", [1, None, True, 0.5]]
    assert fingerprint({"a": {"b": Known("abc")}}) == {"a": {"b": "abc"}}


@pytest.mark.parametrize("value", [np.zeros(2), np.int64(1), Path("a"), {1, 2}, object(), [object()], {"a": b"bytes"}])
def test_what_cannot_be_told_apart_is_refused(cache: Cache, value: object) -> None:
    @kept("things", ".txt")
    def thing(path: Path, cache: Cache, value: object) -> None:
        raise AssertionError("made without a key")

    with pytest.raises(TypeError, match="has no fingerprint"):
        thing(cache, value)


# --- what is left behind ---


@kept("halves", ".txt")
def half(path: Path, cache: Cache, how: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text("half")
        if how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif how == "failed":
            raise ZeroDivisionError


def test_a_make_that_fails_or_is_killed_leaves_no_result(cache: Cache) -> None:
    with pytest.raises(ZeroDivisionError):
        half(cache, "failed")
    assert not half.place(cache, "failed").exists()
    child = os.fork()
    if not child:
        half(cache, "killed")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    place = half.place(cache, "killed")
    assert not place.exists() and len(list(place.parent.iterdir())) == 1  # what it had written so far
    with atomic(place) as temporary:
        temporary.write_text("whole")
    assert list(place.parent.iterdir()) == [place]  # the next one that writes there sweeps it


def test_a_make_that_dies_is_made_again(cache: Cache) -> None:
    tries: list[int] = []

    @kept("tries", ".txt")
    def second_time(path: Path, cache: Cache) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ZeroDivisionError
        write_text(path, "done")

    with pytest.raises(ZeroDivisionError):
        second_time(cache)
    assert second_time(cache).read_text() == "done" and len(tries) == 2


# --- what was used ---


def test_a_stage_notes_what_it_used_and_what_was_there_before(cache: Cache, project: Project) -> None:
    total = project.work().total
    old, other = total(cache, 1), total(cache, 9)
    assert cache.used("stage@a") == set()
    with cache.noting("stage@a"):
        new = total(cache, 2)
        total(cache, 1)
        total(cache, 1)
    assert cache.used("stage@a") == {old, new}
    with cache.noting("stage@b"):
        total(cache, 9)
    assert (cache.used("stage@a"), cache.used("stage@b")) == ({old, new}, {other})
    with cache.noting("stage@a"):
        total(cache, 2)
    assert cache.used("stage@a") == {new}  # what it used the last time
    total(cache, 3)
    assert cache.used("stage@a") == {new}


def test_forked_workers_note_what_they_used(cache: Cache, project: Project) -> None:
    total = project.work().total
    with cache.noting("stage"):
        children = []
        for number in range(4):
            child = os.fork()
            if not child:
                total(cache, number)
                os._exit(0)
            children.append(child)
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert cache.used("stage") == {total.place(cache, number) for number in range(4)}


def test_a_stage_that_fails_keeps_the_notes_of_when_it_ended_well(cache: Cache, project: Project) -> None:
    total = project.work().total
    with cache.noting("stage"):
        total(cache, 1)
    with pytest.raises(ZeroDivisionError), cache.noting("stage"):
        total(cache, 2)
        raise ZeroDivisionError
    assert cache.used("stage") == {total.place(cache, 1)}
    assert [path.name for path in (cache.root / "used").iterdir()] == ["stage"]
