"""The mixtures of datasets that Model Spider was trained on, as published (data/published/model_spider)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orbweaver.core.formats.tables import read_published

# In the order of the published rank labels. That of the 42 is not known.
SINGLE_SOURCE = (
    "googlenet", "inception_v3", "resnet50", "resnet101", "resnet152", "densenet121", "densenet169", "densenet201",
    "mobilenet_v2", "mnasnet1_0",
)  # fmt: skip


@dataclass(frozen=True)
class Mixture:
    """classes: how many of each source dataset. released: in the published training list. ranks: of each PTM, 0 the
    worst; ties share the lower rank; None for the zoo of 42. Which classes were drawn is not part of the tables."""

    name: str
    classes: dict[str, int]
    released: bool
    ranks: dict[str, int] | None


def published_mixtures(published: Path, zoo: int) -> list[Mixture]:
    """The 96 mixtures of the zoo of 10 (single source) or of 42 (multi source) PTMs.

    published: the folder of published tables (`Workspace.published`). Raises ValueError for another zoo, FileError
    when the table is missing or damaged.
    """
    if zoo not in (10, 42):
        raise ValueError(f"there are mixtures for the zoos of 10 and of 42 PTMs, not for one of {zoo}")
    columns = ["mixture", "zoo", "classes", "released", "ranks"]
    table = read_published(published / "model_spider" / "mixtures.csv", columns)
    found = []
    for row in table[table["zoo"] == zoo].itertuples():
        pairs = (part.split(":") for part in row.classes.split(";"))
        ranks = dict(zip(SINGLE_SOURCE, map(int, row.ranks.split()), strict=True)) if zoo == 10 else None
        found.append(Mixture(row.mixture, {name: int(n) for name, n in pairs}, bool(row.released), ranks))
    return found
