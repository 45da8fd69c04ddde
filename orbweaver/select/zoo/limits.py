"""What of public PTMs can be afforded. Light to import, as a ranking of what is kept asks for it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COUNT = 20


@dataclass(frozen=True)
class Limits:
    """What can be afforded; None or empty is no limit.

    max_parameters in millions; max_gmacs in 10^9 multiply-adds a sample; max_memory in GB (10^9 bytes) to fine-tune, as
    `candidates.memory_of` estimates; latency in ms a sample on this device, measured. licences and families: any of
    these. on_disk: only PTMs whose weights are here.
    """

    max_parameters: float | None = None
    max_gmacs: float | None = None
    max_memory: float | None = None
    latency: float | None = None
    licences: Sequence[str] = ()
    families: Sequence[str] = ()
    on_disk: bool = False


AFFORDABLE = Limits(max_parameters=100, max_gmacs=20)  # where nothing was asked for


def options(count: int, limits: Limits) -> list[str]:
    """The command line's words for these limits."""
    words = ["--candidates", str(count)]
    for name in ("max_parameters", "max_gmacs", "max_memory", "latency"):
        if (most := getattr(limits, name)) is not None:
            words += [f"--{name.replace('_', '-')}", f"{most:g}"]
    for option, values in (("--licence", limits.licences), ("--family", limits.families)):
        words += [word for value in values for word in (option, value)]
    return [*words, *(["--on-disk"] if limits.on_disk else [])]
