"""The catalogue of public PTMs (catalogue.yaml), keyed by architecture."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FeatureRule(_Strict):
    """Features are the input of a module, (N, ..., D), reduced to (N, D): its first token, or the mean of all."""

    input_of: str
    take: Literal["first", "mean"]


class Weights(_Strict):
    """A checkpoint to download. within: the key of the state dict in it. prefix: only
    parameters whose names begin with it are taken; it is cut off. without: of these, names that begin so are left out.

    Without sha256, later downloads must equal the first.
    """

    url: Annotated[str, StringConstraints(pattern=r"^https://")]
    sha256: str | None = None
    within: str | None = None
    prefix: str = ""
    without: tuple[str, ...] = ()


class Entry(_Strict):
    """What is known of a public PTM beyond its name.

    like: another architecture whose preprocessing it shares. options: of timm's model. config: of transformers' model.
    revision: commit of its repository on the hub; without one, later downloads must equal the first.
    """

    width: int = Field(gt=0)
    head: int = Field(ge=0)
    accuracy: float | None = Field(default=None, gt=0, le=100)
    features: FeatureRule | None = None
    options: dict[str, int] = {}
    like: str | None = None
    config: dict | None = None
    weights: Weights | None = None
    revision: str | None = None
    licence: str | None = None


@cache
def catalogue() -> dict[str, Entry]:
    """Every PTM of catalogue.yaml."""

    class Whole(_Strict):
        entries: dict[str, Entry]

    text = Path(__file__).with_name("catalogue.yaml").read_text(encoding="utf-8")
    return Whole.model_validate({"entries": yaml.safe_load(text)}).entries


def find(architecture: str) -> Entry | None:
    return catalogue().get(architecture)


def has_public_weights(architecture: str) -> bool:
    """Does this name stand for public weights, not for an architecture alone?"""
    return "/" in architecture or "." in architecture
