"""Public PTMs that are chosen by what can be afforded: where they are asked for, and where nothing else is there.

The choice is kept, as it needs timm's tables, which take seconds to load.
"""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from orbweaver.core.cache import Cache
from orbweaver.core.workspace import Workspace
from orbweaver.select.keep import kept
from orbweaver.select.progress import counted, say
from orbweaver.select.zoo.limits import AFFORDABLE, COUNT, Limits, options

PATIENCE = 2.0  # seconds that the hub has to answer
NAME = "public"  # as a value of --zoo


@dataclass(frozen=True)
class Public:
    """Up to `count` public PTMs within the limits, and `more` by name; which, depends on what the data are."""

    count: int = COUNT
    limits: Limits = AFFORDABLE
    more: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        """The command line's words that ask for these."""
        named = [word for name in self.more for word in ("--ptm", name)]
        return ["--zoo", NAME, *options(self.count, self.limits), *named]

    def names(self, what: str, cache: Cache) -> list[str]:
        """Those for images or texts. What has to be downloaded for them is told.

        Raises UserError and UnknownName as `orbweaver.select.candidates.candidates` does.
        """
        texts = what == "texts"

        def chosen() -> dict[str, int]:
            from orbweaver.select.zoo.candidates import candidates

            return {one.name: one.parameters for one in candidates(texts, self.count, self.limits)}

        asked = self.count, asdict(self.limits), texts, version("timm"), _state(self.limits)
        found = kept(cache, "candidates", chosen, *asked)
        _tell_download(found, cache)
        return [*found, *self.more]


def by_default(what: str, cache: Cache) -> tuple[Public, list[str], str]:
    """What is ranked where no PTM is named and no benchmark is there: the choice, its names, and a note.

    Where the hub answers, public PTMs within `AFFORDABLE`; else those of them that are on this disk.
    """
    if reachable():
        public = Public()
        return public, public.names(what, cache), "no PTMs were named (--ptm, --zoo), so public ones were chosen"
    public = Public(limits=replace(AFFORDABLE, on_disk=True))
    names = public.names(what, cache)
    note = f"the hub of public PTMs does not answer, so what is on this disk was ranked: {', '.join(names)}"
    return public, names, note


def reachable() -> bool:
    """Does the hub answer, within PATIENCE seconds? It is not asked where HF_HUB_OFFLINE is set."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(constants.ENDPOINT, method="HEAD")
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE):
                answered.set()
        except urllib.error.HTTPError as error:
            if error.code < 500:  # it is there; a proxy that cannot reach it says 502 or 504
                answered.set()
        except (OSError, ValueError):
            pass

    # in a thread, as looking up a name knows no time limit
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answered.is_set()


def _state(limits: Limits) -> list[object]:
    """What a choice depends on beside what was asked for: this disk, this machine."""
    found: list[object] = []
    if limits.on_disk:
        from huggingface_hub import constants

        files = Path(constants.HF_HUB_CACHE).glob("models--*/snapshots/*/*")
        found.append(sorted(str(file) for file in files if file.exists()))
    if limits.latency is not None:
        from orbweaver.select.cost import machine

        found.append(machine())
    return found


def _tell_download(parameters: dict[str, int], cache: Cache) -> None:
    """How much is downloaded, before it is: float32 weights of what is not on this disk."""
    home = Workspace(cache.root)
    new = [name for name in parameters if not (home.ptm(name) / "card.json").exists()]
    if new:
        from orbweaver.select.zoo.candidates import on_disk

        new = [name for name, here in zip(new, on_disk(new), strict=True) if not here]
    if new:
        total = 4e-9 * sum(parameters[name] for name in new)
        say(f"{counted(len(parameters), 'public PTM')} chosen; {len(new)} not on this disk, about {total:.1f} GB to "
            "download (--max-parameters, --candidates and --on-disk make it less)")  # fmt: skip
