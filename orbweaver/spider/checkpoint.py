"""A trained spider on disk: the weights in `ranker.safetensors`, beside its card; read strictly."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from orbweaver.core.errors import FileError
from orbweaver.core.files import atomic, digest, write_text
from orbweaver.core.settings import RankerSettings
from orbweaver.spider.card import AGAIN, SpiderCard, load_card
from orbweaver.spider.episode_file import Episodes
from orbweaver.spider.evidence import First, nearness_of, prior_of
from orbweaver.spider.ranker import Ranker
from orbweaver.spider.relatives import Relatives


@dataclass(frozen=True)
class Spider:
    """A trained spider: its card, and one ranker per seed, whose scores are averaged; no rankers where the network has
    no share in the ranking.

    means: source of the PTMs -> its class means (C, D) under the general encoder; only with the evidence first (see
    `orbweaver.spider.evidence`).
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
        """The evidence model on these episodes; None where the network alone ranks."""
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
    """Writes both files, the card last, so that a folder with a card is complete."""
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
