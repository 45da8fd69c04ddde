"""A PTM's card, card.json in its folder: what is known of the PTM. An unknown or missing key is an error."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from orbweaver.core.errors import FileError
from orbweaver.core.files import write_text
from orbweaver.core.workspace import Workspace
from orbweaver.models.catalogue import FeatureRule


class Preprocessing(BaseModel):
    """timm's data config of the model: how an image becomes its input."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_size: tuple[int, int, int]
    interpolation: str
    crop_pct: float
    crop_mode: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class TokenIds(BaseModel):
    """The tokens of a PTM that reads or writes: sha256 of tokenizer.json beside the card; ids of special tokens.

    limit: how many tokens of a text it reads, if not `orbweaver.models.vocabulary.LIMIT`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tokenizer: str
    pad: int
    start: int
    end: int
    limit: int | None = None


class Card(BaseModel):
    """A PTM's card. `checkpoint` is the sha256 of model.safetensors beside it.

    source_accuracy: what the PTM reached on its source's test split, in its task's metric. samples: how many of the
    source it was trained on, where that is known. source_classes: of the source head; none where the weights have no
    head. gmacs: billions (10^9) of multiply-adds for one picture; none for a PTM that reads text. weight_spectra:
    see `orbweaver.models.spectra`. features: a feature rule other than the input of the last fully connected layer.
    config: how a model is built, where its architecture's name does not say.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    architecture: str
    source: str
    source_classes: list[str]
    source_accuracy: float | None = Field(ge=0, le=1)
    n_parameters: int = Field(gt=0)
    feature_width: int = Field(gt=0)
    preprocessing: Preprocessing
    licence: str
    origin: str
    checkpoint: str
    task: str = "image_classification"
    samples: int | None = None
    gmacs: float | None = Field(default=None, gt=0)
    weight_spectra: dict[str, float] | None = None
    tokens: TokenIds | None = None
    features: FeatureRule | None = None
    config: dict | None = None


def read_card(workspace: Workspace, ptm: str) -> Card:
    """Reads a PTM's card. Raises FileError when it is missing, damaged or another PTM's."""
    path = workspace.ptm(ptm) / "card.json"
    try:
        card = Card.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise FileError(f"{path}: not found; `dvc repro zoo@{ptm}` makes it, `dvc pull` fetches it") from None
    except ValidationError as error:
        raise FileError(f"{path}: not a PTM's card ({error.errors()[0]['msg']}); run `dvc repro` again") from None
    if card.name != ptm:
        raise FileError(f"{path}: the card of '{card.name}', not of '{ptm}'; run `dvc repro` again")
    return card


def write_card(card: Card, folder: Path) -> None:
    write_text(folder / "card.json", card.model_dump_json(indent=2, exclude_defaults=True) + "\n")
