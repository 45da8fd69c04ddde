"""A PTM in its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orbweaver.core.workspace import Workspace
from orbweaver.models.card import Card, read_card


@dataclass(frozen=True)
class Stored:
    """A PTM's card and the folder that it lies in with its checkpoint; which folder that is changes no result."""

    card: Card
    folder: Path

    @property
    def fingerprint(self) -> dict:
        return self.card.model_dump(mode="json")


def stored(workspace: Workspace, ptm: str) -> Stored:
    """A PTM of a workspace. Raises FileError when its card is missing, damaged or another PTM's."""
    return Stored(read_card(workspace, ptm), workspace.ptm(ptm))
