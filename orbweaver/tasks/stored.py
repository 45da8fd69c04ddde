"""A PTM that lies in a folder: its card and its checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orbweaver.core.cache import fingerprint
from orbweaver.core.workspace import Workspace
from orbweaver.models.card import Card, read_card
from orbweaver.models.catalogue import find


@dataclass(frozen=True)
class Stored:
    """A PTM's card and the folder that holds its checkpoint.

    The fingerprint has the card and the catalogue's entry of its architecture, but not the folder, which changes no
    result.
    """

    card: Card
    folder: Path

    @property
    def fingerprint(self) -> object:
        return fingerprint([self.card, find(self.card.architecture)])


def stored(workspace: Workspace, ptm: str) -> Stored:
    """A PTM of a workspace. Raises FileError when its card is missing, damaged or another PTM's."""
    return Stored(read_card(workspace, ptm), workspace.ptm(ptm))
