"""The card of a trained spider (Model Spider): `card.json`, checked strictly when it is read."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from orbweaver.core.errors import FileError, UnknownName, UserError
from orbweaver.core.names import did_you_mean
from orbweaver.core.settings import RankerSettings
from orbweaver.models.card import Card
from orbweaver.spider.evidence import Evidence

AGAIN = "delete the folder and run `dvc repro` again, or `dvc pull` it"


class SpiderCard(BaseModel):
    """What a trained spider knows and was made from. `digest` is the sha256 of ranker.safetensors beside it.

    checkpoints: PTM -> the checkpoint that its tokens came from; widths: PTM -> number of its features; both also of
    the general encoder, which need not be among the ranked PTMs. k: how many PTMs to forward, chosen on validation
    mixtures; validation_tau: mean weighted tau there for k = 0 .. M; constant: each ranked PTM's mean place on the
    episodes that the rankers learned from (0 worst, 1 best), which never looks at the target; in the order of the
    scores. trained_on, architectures: PTM -> its source and its architecture. evidence: the model that ranks by the
    scores of forwarded PTMs without the network, learned on the same episodes. spec: the ranker's settings; width: of
    its tokens; bins: pseudo-classes of a continuous target.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    encoder: str
    checkpoints: dict[str, str]
    widths: dict[str, int]
    sources: list[str]
    spec: RankerSettings
    width: int
    bins: int
    k: int
    validation_tau: list[float]
    constant: dict[str, float]
    trained_on: dict[str, str]
    architectures: dict[str, str]
    evidence: Evidence
    digest: str

    @property
    def ptms(self) -> list[str]:
        """The PTMs that it ranks."""
        return list(self.constant)


def load_card(folder: Path) -> SpiderCard:
    """Raises FileError when it is missing or damaged."""
    path = folder / "card.json"
    try:
        return SpiderCard.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise FileError(f"{path}: not found; `dvc repro` trains this spider, `dvc pull` fetches it") from None
    except ValidationError as error:
        raise FileError(f"{path}: not a spider's card ({error.errors()[0]['msg']}); {AGAIN}") from None


def check_zoo(card: SpiderCard, checkpoints: dict[str, str], encoder: Card) -> None:
    """Raises UserError unless the spider knows every PTM, by this checkpoint, and was trained with this encoder."""
    if card.encoder != encoder.name:
        raise UserError(
            f"the spider '{card.name}' was trained with the encoder '{card.encoder}', not '{encoder.name}'; "
            f"set spider.encoder to '{card.encoder}' in params.yaml, or run `dvc repro` to train it again"
        )
    for ptm, checkpoint in {**checkpoints, encoder.name: encoder.checkpoint}.items():
        if ptm in checkpoints and ptm not in card.ptms:
            raise UnknownName(
                f"the spider '{card.name}' does not know PTM '{ptm}' ({did_you_mean(ptm, card.ptms)}); "
                f"`python -m stages.spider {card.name} --add {ptm}` adds the PTM, `dvc repro` trains the spider again"
            )
        if card.checkpoints[ptm] != checkpoint:
            raise UserError(
                f"the spider '{card.name}' learned from another checkpoint of PTM '{ptm}'; `dvc repro` trains it again"
            )
