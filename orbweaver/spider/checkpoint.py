"""A trained spider on disk: `ranker.safetensors` and `card.json`, read strictly."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from orbweaver.core.errors import FileError, UnknownName, UserError
from orbweaver.core.files import atomic, digest, write_text
from orbweaver.core.names import did_you_mean
from orbweaver.core.settings import RankerSettings
from orbweaver.models.card import Card
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.evidence import Evidence, First, nearness_of, prior_of
from orbweaver.spider.ranker import Ranker
from orbweaver.spider.relatives import Relatives


class SpiderCard(BaseModel):
    """What a trained spider knows and was made from. `digest` is the sha256 of ranker.safetensors beside it.

    checkpoints: PTM -> the checkpoint that its tokens came from; widths: of its features; of the general encoder too,
    which need not be ranked. k: how many PTMs to forward, chosen on validation mixtures; validation_tau: mean weighted
    tau there for k = 0 .. M; constant: each PTM's mean place on the episodes that the rankers learned from (0 worst,
    1 best), which never looks at the target; in the order of the scores. trained_on, architectures: PTM -> its source
    and its architecture. evidence: what forwarded PTMs say without the network, learned on the same episodes. spec: the
    ranker's settings; width: of its tokens; bins: pseudo-classes of a continuous target.
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
        """Those that it ranks."""
        return list(self.constant)


@dataclass(frozen=True)
class Spider:
    """A trained spider: its card, and one ranker a seed, of which the mean of the scores counts; none where the network
    has no share.

    means: source of the PTMs -> its class means (C, D) under the general encoder, where the evidence stands first.
    """

    card: SpiderCard
    rankers: list[Ranker]
    means: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def relatives(self) -> Relatives:
        card = self.card
        return Relatives(
            [card.trained_on[ptm] for ptm in card.ptms], [card.architectures[ptm] for ptm in card.ptms], self.means
        )

    def first(self, episodes: Episodes) -> First | None:
        """What counts before the network on these episodes; none, where it alone does."""
        if self.card.spec.first == "network":
            return None
        kin, constant = self.relatives, np.array(list(self.card.constant.values()))
        return First(self.card.evidence, prior_of(nearness_of(episodes, self.card.encoder, kin), constant), kin)


def empty_ranker(
    widths: dict[str, int], encoder_width: int, width: int, spec: RankerSettings, dropout: float = 0.0, facts: int = 0
) -> Ranker:
    """A ranker of the given form with random weights."""
    form = len(spec.evidence), spec.specific == "replace", spec.prompts, spec.normalise
    return Ranker(widths, encoder_width, width, *form, dropout, facts)


def save(spider: Spider, folder: Path) -> None:
    """Writes both files, the card last, so that a folder with a card is whole."""
    states = {
        f"{i}.{name}": v.contiguous().cpu() for i, r in enumerate(spider.rankers) for name, v in r.state_dict().items()
    }
    states |= {f"{OF_SOURCES}{source}": torch.from_numpy(means) for source, means in spider.means.items()}
    weights = folder / "ranker.safetensors"
    with atomic(weights) as temporary:
        save_file(states, temporary)
    card = spider.card.model_copy(update={"digest": digest(weights)})
    write_text(folder / "card.json", card.model_dump_json(indent=2) + "\n")


OF_SOURCES = "means."  # before the name of a source, in the file of the weights
AGAIN = "delete the folder and run `dvc repro` again, or `dvc pull` it"


def load_card(folder: Path) -> SpiderCard:
    """Raises FileError when it is missing or damaged."""
    path = folder / "card.json"
    try:
        return SpiderCard.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise FileError(f"{path}: not found; `dvc repro` trains it, `dvc pull` fetches it") from None
    except ValidationError as error:
        raise FileError(f"{path}: not a spider's card ({error.errors()[0]['msg']}); {AGAIN}") from None


def load(folder: Path) -> Spider:
    """Raises FileError when a file is missing, damaged, or not the one that the card names."""
    card = load_card(folder)
    weights = folder / "ranker.safetensors"
    if digest(weights) != card.digest:
        raise FileError(f"{weights}: not the weights that card.json beside it names; {AGAIN}")
    rankers = []
    try:
        states = load_file(weights)
        means = {name.removeprefix(OF_SOURCES): v.numpy() for name, v in states.items() if name.startswith(OF_SOURCES)}
        for seed in range(card.spec.seeds if card.evidence.gate else 0):
            ranked = {ptm: card.widths[ptm] for ptm in card.ptms}
            facts = states["0.from_card.weight"].shape[1] if card.spec.drop else 0
            ranker = empty_ranker(ranked, card.widths[card.encoder], card.width, card.spec, facts=facts)
            own = {name.split(".", 1)[1]: value for name, value in states.items() if name.startswith(f"{seed}.")}
            ranker.load_state_dict(own)
            rankers.append(ranker.eval())
    except (SafetensorError, RuntimeError, KeyError) as error:
        raise FileError(f"{weights}: does not fit its card ({error}); {AGAIN}") from None
    return Spider(card, rankers, means)


def check_zoo(card: SpiderCard, checkpoints: dict[str, str], encoder: Card) -> None:
    """Raises UserError unless the spider knows every PTM, by this checkpoint, and was trained with this encoder."""
    if card.encoder != encoder.name:
        raise UserError(
            f"the spider '{card.name}' was trained with the encoder '{card.encoder}', not '{encoder.name}'; "
            "set spider.encoder to it, or `dvc repro` to train anew"
        )
    for ptm, checkpoint in {**checkpoints, encoder.name: encoder.checkpoint}.items():
        if ptm in checkpoints and ptm not in card.ptms:
            raise UnknownName(
                f"the spider '{card.name}' does not know PTM '{ptm}' ({did_you_mean(ptm, card.ptms)}); "
                f"`python -m stages.spider {card.name} --add {ptm}` teaches it, `dvc repro` trains it anew"
            )
        if card.checkpoints[ptm] != checkpoint:
            raise UserError(
                f"the spider '{card.name}' learned another checkpoint of PTM '{ptm}'; `dvc repro` trains it anew"
            )
